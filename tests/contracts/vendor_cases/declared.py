"""Two headlines of a declared dataset."""

from tradewinds.core.instant import parse
from tradewinds.core.observation import Request
from tradewinds.vendors.declared import Declared

DECLARATION = """
name: news
path: news.csv
instrument: {column: symbol, venue: XNAS}
event: {column: published}
known: {column: received, lag: 15m}
keys: [id]
columns: {id: int, headline: text, tone: {kind: float, unit: fraction, from: sentiment}}
"""


def build(http, folder):
    place = folder / "news.yaml"
    place.write_text(DECLARATION)
    return Declared(http, base_url=str(place))


CASE = {
    "build": build,
    "request": Request("news", (), parse("2024-01-01"), parse("2024-01-03"), parse("2024-01-05")),
    "content": b"id,published,received,symbol,headline,sentiment\n"
    b"2,2024-01-02T10:00:00Z,2024-01-02T10:01:00Z,AAPL,Second,0.5\n1,2024-01-02T09:00:00Z,2024-01-02T09:01:00Z,AAPL,First,-0.5\n",
    "rows": 2,
}
