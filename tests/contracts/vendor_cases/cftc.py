"""Two weeks of one market from the API, whose numbers are text."""

import json

from tradewinds.core.instant import parse
from tradewinds.core.observation import Request
from tradewinds.vendors.cftc_reports import REPORTS


def row(day):
    names = {field.spellings[-1]: "1" for field in REPORTS[0].fields}
    return names | {
        "market_and_exchange_names": "WHEAT-SRW - CHICAGO BOARD OF TRADE ",
        "report_date_as_yyyy_mm_dd": f"{day}T00:00:00.000",
        "cftc_contract_market_code": "001602",
        "cftc_market_code": "CBT ",
    }


CASE = {
    "request": Request("cot", ("001602.CFTC",), parse("2024-01-01"), parse("2024-02-01"), parse("2025-01-02")),
    "content": json.dumps([row("2024-01-09"), row("2024-01-02")]).encode(),
    "rows": 2,
    "bad": (b"", b'{"message":"Invalid SoQL query"}'),
}
