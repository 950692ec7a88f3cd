"""Two coins, one of which lacks nearly everything."""

from tradewinds.core.instant import parse
from tradewinds.core.observation import Request

CASE = {
    "request": Request("coin-markets", (), parse("2025-01-02"), parse("2025-01-02"), parse("2025-01-02"), {"top": "2"}),
    "content": b"""[{"id":"obscure-coin","symbol":"btc","name":"Obscure","current_price":null,"market_cap_rank":null},
{"id":"bitcoin","symbol":"btc","name":"Bitcoin","current_price":70187,"market_cap":1381651251183,"market_cap_rank":1,
"total_volume":20154184933,"circulating_supply":19675987,"last_updated":"2024-04-07T16:49:31.736Z"}]""",
    "rows": 2,
    "bad": (b"", b'{"status":{"error_code":429,"error_message":"slow down"}}'),
}
