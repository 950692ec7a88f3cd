"""Two minutes of a share, as the gateway gives them: UTC seconds, four prices, volume, trades."""

from tradewinds.core.instant import parse
from tradewinds.core.observation import Request

START = parse("2024-01-02T15:00:00Z") // 1_000_000_000
CASE = {
    "request": Request("bars-1m", ("AAPL.XNAS",), parse("2024-01-02"), parse("2024-01-03"), parse("2025-01-02")),
    "content": f"[[{START + 60},1.1,1.2,1.0,1.15,300.0,7],[{START},1.1,1.2,1.0,1.15,500.0,9]]".encode(),
    "rows": 2,
    "bad": (b"", b"<html>", b"[[1,2]]"),
}
