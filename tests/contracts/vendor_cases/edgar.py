"""Two filings of a company that never was."""

import json

from tradewinds.core.instant import parse
from tradewinds.core.observation import Request

RECENT = {
    "accessionNumber": ["0000000123-24-000010", "0000000123-24-000011"],
    "acceptanceDateTime": ["2024-02-01T18:03:38.000Z", "2024-03-01T12:00:00.000Z"],
    "filingDate": ["2024-02-02", "2024-03-01"],
    "reportDate": ["2023-12-31", ""],
    "form": ["10-K", "8-K"],
    "primaryDocument": ["report.htm", "report.htm"],
}
DOCUMENT = {"cik": "123", "name": "Example Instruments Inc", "sic": "3571", "filings": {"recent": RECENT, "files": []}}
CASE = {
    "request": Request("filings", ("CIK0000000123.EDGAR",), parse("2020-01-01"), parse("2025-01-01"), parse("2025-01-02")),
    "locator": "submissions/CIK0000000123.json",
    "content": json.dumps(DOCUMENT).encode(),
    "rows": 2,
    "bad": (b"",),
}
