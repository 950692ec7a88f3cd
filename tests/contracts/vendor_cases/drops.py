"""Two sessions of two shares in one file of a folder."""

from tradewinds.core.instant import parse
from tradewinds.core.observation import Request
from tradewinds.vendors.drops import Drops

CASE = {
    "build": lambda http, folder: Drops(http, base_url=str(folder / "alpha")),
    "request": Request("bars-1d", ("AAPL.XNAS", "MSFT.XNAS"), parse("2024-01-02"), parse("2024-01-04"), parse("2024-01-05")),
    "locator": "drop.csv",
    "content": b"symbol,session,open,high,low,close,volume,received_at\n"
    b"MSFT,2024-01-03,1,4,0.5,2,1000,2024-01-03T22:15:00Z\nAAPL,2024-01-02,1,4,0.5,2,1000,2024-01-02T22:15:00Z\n",
    "rows": 2,
    "is_history": True,
}
