"""Two sessions of a Shanghai share, in the protocol's own frame."""

import json
import zlib

from tradewinds.core.instant import parse
from tradewinds.core.observation import Request

PART, END = "\1", b"<![CDATA[]]>\n"
NAMES = "date,code,open,high,low,close,preclose,volume,amount,adjustflag,turn,tradestatus,isST"


def framed(kind: str, parts: list[str]) -> bytes:
    body = zlib.compress((PART.join(parts) + "\n").encode())
    return f"00.9.40{PART}{kind}{PART}{len(body):010d}".encode() + body + END


def answer(*days: str) -> bytes:
    rows = [[day, "sh.600000", "7.25", "7.3", "7.2", "7.27", "7.25", "37707647", "273860000.5", "3", "0.12", "1", "0"] for day in days]
    record = json.dumps({"record": rows})
    return framed(
        "96", ["0", "success", "query_history_k_data_plus", "anonymous", "1", "2000", record, "sh.600000", NAMES, "", "", "d", "3"]
    )


CASE = {
    "request": Request("bars-1d", ("600000.XSHG",), parse("2022-01-04"), parse("2022-02-01"), parse("2025-01-02")),
    "content": answer("2022-01-05", "2022-01-04"),
    "rows": 2,
    "bad": (b"",),
}
