"""Two minutes of a spot pair in a daily file."""

import io
import zipfile

from tradewinds.core.instant import parse
from tradewinds.core.observation import Request

LINES = (
    b"1735603200000,100000.01,100000.03,0.00000812,100000.02,1.5,1735603259999,150000.03,7,0.5,50000.01,0\n"
    b"1735603260000,100000.02,100000.02,100000.02,100000.02,0,1735603319999,0,0,0,0,0\n"
)


def zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


CASE = {
    "request": Request("bars-1m", ("BTCUSDT.BINANCE",), parse("2024-12-31"), parse("2025-01-01"), parse("2025-01-02")),
    "content": zipped("BTCUSDT-1m-2024-12-31.csv", LINES),
    "rows": 2,
    "bad": (b"", zipped("BTCUSDT-1m-2024-12-30.csv", LINES), zipped("BTCUSDT-1m-2024-12-31.csv", LINES[:-30])),
}
