"""Two payments of a perpetual."""

from tradewinds.core.instant import parse
from tradewinds.core.observation import Request

CASE = {
    "request": Request("funding", ("BTCUSDT.BINANCE_UM",), parse("2024-01-01"), parse("2024-01-02"), parse("2025-01-02")),
    "content": b"""[{"symbol":"BTCUSDT","fundingTime":1704096000000,"fundingRate":"-0.0001","markPrice":"42000.5"},
{"symbol":"BTCUSDT","fundingTime":1704067200000,"fundingRate":"0.0001","markPrice":""}]""",
    "rows": 2,
    "bad": (b"", b'{"code":-1121,"msg":"Invalid symbol."}'),
}
