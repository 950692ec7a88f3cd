"""Two minutes of a spot pair from klines."""

from tradewinds.core.instant import parse
from tradewinds.core.observation import Request

CASE = {
    "request": Request("bars-1m", ("BTCUSDT.BINANCE",), parse("2024-12-31"), parse("2025-01-01"), parse("2025-01-02")),
    "content": b"""[[1735603260000,"2","3","1","2.5","1",1735603319999,"2",3,"0.5","1","0"],
[1735603200000,"100000","100000","0.00000812","100000","9223372036854775809",1735603259999,"2",3,"0.5","1","0"]]""",
    "rows": 2,
    "bad": (b"", b'{"code":-1121,"msg":"Invalid symbol."}', b"[[1,2]]"),
}
