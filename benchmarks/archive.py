"""A Binance archive of generated minutes: monthly zips with their CHECKSUM, and a server of static files for them.

`python -m benchmarks.archive FOLDER` serves a folder: the kernel copies the bytes (sendfile), so the server takes as little of the
machine as a server can. It runs beside what is measured, on the same cores.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import polars as pl

from benchmarks import market_data as market
from tradewinds.core.instant import NS_PER_MINUTE, NS_PER_MS

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = {
    "open_time": pl.Int64,
    **dict.fromkeys(("open", "high", "low", "close", "volume"), pl.Float64),
    "close_time": pl.Int64,
    "quote_volume": pl.Float64,
    "trades": pl.Int64,
    "taker_base": pl.Float64,
    "taker_quote": pl.Float64,
    "ignore": pl.Int64,
}


def instruments(count: int) -> list[str]:
    """Ids of the spot pairs in the archive."""
    return [name.replace(".BENCH", ".BINANCE") for name in market.symbols(count)]


def write(folder: Path, count: int, months: int) -> list[Path]:
    """Write the first months of 2023 of so many pairs, as the archive lays them out; returns the zips in order of pair and month."""
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        written = pool.map(lambda instrument: _write_pair(folder, instrument, months), instruments(count))
        return [path for paths in written for path in paths]


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a server of the folder, in a process of its own that ends with the block."""
    command = [sys.executable, "-m", "benchmarks.archive", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def _write_pair(folder: Path, instrument: str, months: int) -> list[Path]:
    symbol = instrument.partition(".")[0]
    spans = market.months()[:months]
    rows = market.year(instrument, minutes=spans[-1][2])
    place = folder / "data" / "spot" / "monthly" / "klines" / symbol / "1m"
    place.mkdir(parents=True)
    written = []
    for month, first, end in spans:
        content = _csv(rows.slice(first, end - first))
        path = place / f"{symbol}-1m-{month}.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{path.stem}.csv", content)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        path.with_name(f"{path.name}.CHECKSUM").write_text(f"{digest}  {path.name}\n")
        written.append(path)
    return written


def _csv(rows: pl.DataFrame) -> bytes:
    """The venue's lines: milliseconds, eight decimals, no header."""
    values = ["open", "high", "low", "close", "volume"]
    start_ms = pl.col("start_ns") // NS_PER_MS
    lines = rows.select(
        start_ms.alias("open_time"),
        *values,
        (start_ms + NS_PER_MINUTE // NS_PER_MS - 1).alias("close_time"),
        "quote_volume",
        "trades",
        "taker_base",
        "taker_quote",
        pl.lit(0).alias("ignore"),
    )
    return lines.write_csv(include_header=False, float_precision=8).encode()


class _StaticFiles(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder = Path()

    def do_GET(self) -> None:
        path = self.folder / self.path.lstrip("/")
        try:
            file = path.open("rb")
        except OSError:
            self.send_error(404)
            return
        with file:
            self.send_response(200)
            self.send_header("Content-Length", str(os.fstat(file.fileno()).st_size))
            self.end_headers()
            self.wfile.flush()
            self.connection.sendfile(file)

    def log_message(self, *_: object) -> None:
        return


def _serve(folder: Path) -> None:
    _StaticFiles.folder = folder
    # One packet for the headers, and no waiting for the acknowledgement of it before the body goes.
    _StaticFiles.wbufsize = 1 << 16
    _StaticFiles.disable_nagle_algorithm = True
    server = ThreadingHTTPServer(("127.0.0.1", 0), _StaticFiles)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
