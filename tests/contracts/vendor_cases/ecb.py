"""Reference rates of two days."""

from tradewinds.core.instant import parse
from tradewinds.core.observation import Request

CASE = {
    "request": Request("reference-rates", ("EURUSD.ECB",), parse("2024-01-05"), parse("2024-07-06"), parse("2027-01-15")),
    "content": b"""<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
<Cube><Cube time="2024-07-05"><Cube currency="USD" rate="1.0823"/><Cube currency="JPY" rate="174.22"/></Cube>
<Cube time="2024-01-05"><Cube currency="USD" rate="1.0921"/></Cube></Cube></gesmes:Envelope>""",
    "rows": 2,
}
