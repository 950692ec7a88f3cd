"""Two minutes of a currency, bid and ask, and one that is not complete."""

from tradewinds.core.instant import parse
from tradewinds.core.observation import Request

SIDES = b'"bid":{"o":"1.1","h":"1.2","l":"1.0","c":"1.15"},"ask":{"o":"1.11","h":"1.21","l":"1.01","c":"1.16"}'
CASE = {
    "request": Request("quotes-1m", ("EUR_USD.OANDA",), parse("2024-01-02"), parse("2024-01-03"), parse("2025-01-02")),
    "content": b'{"instrument":"EUR_USD","granularity":"M1","candles":['
    b'{"time":"2024-01-02T10:01:00.000000000Z","volume":3,"complete":true,' + SIDES + b"},"
    b'{"time":"2024-01-02T10:00:00.000000000Z","volume":5,"complete":true,' + SIDES + b"},"
    b'{"time":"2024-01-02T10:02:00.000000000Z","volume":1,"complete":false,' + SIDES + b"}]}",
    "rows": 2,
    "bad": (b"", b'{"errorMessage":"Invalid value specified for \'to\'"}', b'{"instrument":"GBP_USD","granularity":"M1","candles":[]}'),
}
