"""Two daily bars of a file with the usual column names."""

from tradewinds.core.instant import parse
from tradewinds.core.observation import Request
from tradewinds.vendors.bar_files import BarFiles

CASE = {
    "build": lambda http, folder: BarFiles(http, base_url=str(folder), options={"instrument": "A.XNAS"}),
    "request": Request("bars-1d", ("A.XNAS",), parse("2024-01-02"), parse("2024-01-04"), parse("2024-01-05")),
    "locator": "a.csv",
    "content": b"Date,Open,High,Low,Close,Adj Close,Volume\n2024-01-03,2,2,2,2,1,20\n2024-01-02,1,3,0.5,2,1,10\n",
    "rows": 2,
    "is_history": True,
}
