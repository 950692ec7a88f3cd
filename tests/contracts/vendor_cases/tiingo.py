"""Two sessions of a share, unadjusted."""

from tradewinds.core.instant import parse
from tradewinds.core.observation import Request

REST = b'"high":4.0,"low":1.0,"open":2.0,"volume":1000,"adjClose":0.1,"divCash":0.0,"splitFactor":1.0}'
CASE = {
    "request": Request("bars-1d", ("AAPL.XNAS",), parse("2024-01-02"), parse("2024-01-05"), parse("2025-01-02")),
    "content": b'[{"date":"2024-01-03T00:00:00.000Z","close":3.5,'
    + REST
    + b',{"date":"2024-01-02T00:00:00.000Z","close":3.0,'
    + REST
    + b"]",
    "rows": 2,
    "bad": (b"", b'{"detail":"Not found."}'),
}
