"""The servers that `benchmarks.api` measures, each in a process of its own: `python -m benchmarks.api_server stub|cached|computed FOLDER`.

Prints one JSON object when it listens: {"port": ..., "token": ...}.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import uvicorn
from fastapi import FastAPI
from starlette.responses import Response

from tradewinds.app.api.rate import Rates
from tradewinds.app.api.server import make_api
from tradewinds.core.instant import NS_PER_MINUTE, parse
from tradewinds.core.market import bars
from tradewinds.core.observation import Table
from tradewinds.stores.ledger_schema_trading import trade_projection
from tradewinds.stores.ledger_write import upsert
from tradewinds.wire.metrics import open_metrics
from tradewinds.wire.tracing import open_traces
from tradewinds.wiring.desk import sign_in
from tradewinds.wiring.house import House
from tradewinds.wiring.settings import load_config

START = "2024-01-01"
ROWS = 40_000  # minutes of one partition
INSTRUMENT = "BTCUSDT.BINANCE"
PATH = f"/api/v1/bars?instrument={INSTRUMENT}&interval=1m&limit=1000&start="
CHANGES_EVERY_S = 0.25
UNLIMITED = Rates(1e7, 1e7, 1e7, 1e7, 1e7, 1e7)  # the buckets are asked at each request; none is ever empty


def house_of(folder: Path) -> House:
    """A house with one instrument's minutes, made once for a folder."""
    house = House(load_config(None, {"TRADEWINDS_HOME": str(folder)}))
    table = Table(bars("1m"))
    if not house.lake.partitions(table):
        house.lake.publish(table, "2024-01", _minutes())
    return house


def stub(body: bytes) -> FastAPI:
    """The floor: FastAPI that gives the same bytes from memory to whoever asks."""
    app = FastAPI()

    @app.get("/api/v1/bars")
    async def same() -> Response:
        return Response(body, media_type="application/json")

    return app


def main(mode: str, folder: Path) -> None:
    """Serve until the input ends."""
    house = house_of(folder)
    people = [one.name for one in house.ledger.people.people()]
    if "ada" not in people:
        sign_in.add_person(house, "ada", "viewer", None)
    token = sign_in.new_token(house, "ada", "benchmark").secret
    if mode == "stub":
        app = stub((folder / "body.json").read_bytes())
    else:
        app = make_api(house, metrics=open_metrics("console"), traces=open_traces("console"), rates=UNLIMITED, is_cached=mode == "cached")
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(
        socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
    )  # head and body are two writes: Nagle would hold the second back for 40 ms
    print(json.dumps({"port": listening.getsockname()[1], "token": token}), flush=True)
    asyncio.run(_serve(app, listening, house if mode != "stub" else None))


async def _serve(app: FastAPI, listening: socket.socket, house: House | None) -> None:
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    tasks = [asyncio.create_task(server.serve([listening]))]
    if house is not None:
        tasks.append(asyncio.create_task(_changes(house)))
    await asyncio.to_thread(sys.stdin.read)
    server.should_exit = True
    await tasks[0]
    for one in tasks[1:]:
        one.cancel()


async def _changes(house: House) -> None:
    """Something happens in trading, so that live streams have what to tell."""
    mark = 0
    while True:
        mark += 1
        row = {"account": "main", "sequence": mark, "hash": "", "time_ns": 0}
        await asyncio.to_thread(_write, house, row)
        await asyncio.sleep(CHANGES_EVERY_S)


def _write(house: House, row: dict[str, Any]) -> None:
    with house.ledger.database.writing("a change") as connection:
        upsert(connection, trade_projection, [row])


def _minutes() -> pl.DataFrame:
    start = parse(START) + np.arange(ROWS) * NS_PER_MINUTE
    close = np.round(42_000 * np.exp(np.cumsum(np.random.default_rng(7).normal(0, 4e-4, ROWS))), 2)
    return pl.DataFrame(
        {
            "instrument": [INSTRUMENT] * ROWS, "start_ns": start, "event_ns": start + NS_PER_MINUTE, "known_ns": start + 2 * NS_PER_MINUTE,
            "captured_ns": start + 2 * NS_PER_MINUTE, "source": ["made"] * ROWS, "open": close, "high": np.round(close * 1.0004, 2),
            "low": np.round(close * 0.9996, 2), "close": close, "volume": np.round(np.abs(np.sin(np.arange(ROWS))) * 25, 5),
        }
    )  # fmt: skip


if __name__ == "__main__":
    os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tradewinds"))
    main(sys.argv[1], Path(sys.argv[2]))
