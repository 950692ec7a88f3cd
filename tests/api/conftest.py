"""A house with a movable clock, daily bars, a workspace with a strategy, and its API without a network."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
from fastapi import FastAPI

from tradewinds.app.api.rate import Rates
from tradewinds.app.api.server import make_api
from tradewinds.core.instant import NS_PER_DAY, NS_PER_HOUR, parse
from tradewinds.core.instrument import Instrument
from tradewinds.core.market import bars
from tradewinds.core.observation import Finding, Table
from tradewinds.core.record import Hold
from tradewinds.people.role import Role
from tradewinds.wiring.desk import sign_in
from tradewinds.wiring.house import House
from tradewinds.wiring.settings import load_config

NOW = "2025-01-01T12:00:00Z"
CONFIG = """
accounts:
  main: {broker: paper, currency: USDT, limits: {notional_max: 1000, restricted: [DOGEUSDT.LOCAL]}}
  real: {broker: binance, environment: live, currency: USDT}
alerts:
  routes:
    desk: {quiet_hours: 22:00-07:00, escalate_to: phone}
    phone: {severities: []}
"""
TREND = """
from tradewinds.trading.strategy import Int, vector

@vector(parameters={"size": Int(1, 1, 9)}, lookback=2, targets="units", interval="1m", rhythm="every bar")
def trend(panel, params):
    return panel.close * 0
"""
YAML = "# kept\nstrategy: trend.py\nmode: paper  # for now\ninstruments: [BTCUSDT.BINANCE]\naccount: {name: main, capital: 1000}\n"


class Moved:
    """A clock that stands where it was put."""

    def __init__(self, at_ns: int) -> None:
        self.at_ns = at_ns

    def now_ns(self) -> int:
        return self.at_ns


class Client:
    """Asks an application in memory, from a loop of its own, so that a test is a plain function."""

    def __init__(self, app: FastAPI, address: str = "127.0.0.1") -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        transport = httpx.ASGITransport(app, client=(address, 50_000), raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://localhost")

    def request(self, method: str, url: str, **given: Any) -> httpx.Response:
        return self.run(self._client.request(method, url, **given))

    def get(self, url: str, **given: Any) -> httpx.Response:
        return self.request("GET", url, **given)

    def post(self, url: str, **given: Any) -> httpx.Response:
        return self.request("POST", url, **given)

    def run(self, awaitable: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(awaitable, self._loop).result(60)

    async def _end_all(self) -> None:
        """What still runs in the loop, such as whoever looks for live values, ends with it."""
        others = [one for one in asyncio.all_tasks() if one is not asyncio.current_task()]
        for one in others:
            one.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def close(self) -> None:
        self.run(self._client.aclose())
        self.run(self._end_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Served:
    """A house and its API. `ask` and `tell` speak as a person of a role; every write has a key of its own unless one is given."""

    def __init__(self, folder: Path) -> None:
        (folder / "strategies").mkdir()
        (folder / "strategies" / "trend.py").write_text(TREND)
        (folder / "strategies" / "trend.yaml").write_text(YAML)
        (folder / "tradewinds.yaml").write_text(CONFIG)
        self.folder = folder
        self.clock = Moved(parse(NOW))
        self.house = House(load_config(folder / "tradewinds.yaml", {"TRADEWINDS_HOME": str(folder / "home")}), clock=self.clock)
        self.app: FastAPI = make_api(self.house, rates=Rates(1e6, 1e6, 1e6, 1e6, 1e6, 1e6))
        self.client = Client(self.app)
        self._numbers = itertools.count()
        self._tokens: dict[str, str] = {}

    def client_at(self, address: str, *, rates: Rates | None = None) -> Client:
        """Somebody at another address; rates: of an application of their own over the same house."""
        return Client(self.app if rates is None else make_api(self.house, rates=rates), address)

    def token(self, role: Role, name: str | None = None, **given: Any) -> str:
        """A token of a person of this role, who is let in when first named."""
        person = name or role.replace("_", ".")
        key = f"{person} {given}"
        if key not in self._tokens:
            if person not in {one.name for one in self.house.ledger.people.people()}:
                sign_in.add_person(self.house, person, role, None)
            self._tokens[key] = sign_in.new_token(self.house, person, "test", **given).secret
        return self._tokens[key]

    def as_(self, role: Role, name: str | None = None, **given: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(role, name, **given)}"}

    def ask(self, path: str, *, role: Role = "viewer", headers: Mapping[str, str] | None = None, **params: Any) -> Any:
        return self.client.get(f"/api/v1{path}", params=params or None, headers={**self.as_(role), **(headers or {})})

    def tell(
        self, path: str, body: Any, *, role: Role = "trader", name: str | None = None, key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:  # fmt: skip
        chosen = key if key is not None else f"key-{next(self._numbers)}"
        sent = {**self.as_(role, name), "Idempotency-Key": chosen, **(headers or {})}
        return self.client.post(f"/api/v1{path}", json=body, headers=sent)

    def publish(self, instrument: str, first: str, closes: list[float], *, lag_ns: int = NS_PER_HOUR) -> None:
        """Daily bars from a day on; known an hour after each day, or later."""
        starts = [parse(first) + at * NS_PER_DAY for at in range(len(closes))]
        table = Table(bars("1d"))
        frame = pl.DataFrame(
            {
                "instrument": [instrument] * len(closes), "start_ns": starts, "event_ns": [one + NS_PER_DAY for one in starts],
                "known_ns": [one + NS_PER_DAY + lag_ns for one in starts], "captured_ns": [one + NS_PER_DAY + lag_ns for one in starts],
                "source": ["test"] * len(closes), "open": closes, "high": [one + 1 for one in closes], "low": [one - 1 for one in closes],
                "close": closes, "volume": [1_000.0] * len(closes),
            }
        )  # fmt: skip
        for (partition,), rows in frame.with_columns(
            pl.col("start_ns").map_elements(table.dataset.partition_of, return_dtype=pl.String).alias("partition")
        ).group_by(["partition"], maintain_order=True):
            self.house.lake.publish(table, str(partition), rows.drop("partition"))


@pytest.fixture
def client_of() -> Iterator[Callable[[FastAPI], Client]]:
    """Makes clients of applications, and closes them."""
    made: list[Client] = []

    def call(app: FastAPI) -> Client:
        made.append(Client(app))
        return made[-1]

    yield call
    for one in made:
        one.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    yield made
    made.client.close()
    made.house.close()


@pytest.fixture
def furnished(served: Served) -> Served:
    """With an instrument, forty daily bars around the end of 2023, a finding and a hold."""
    served.house.ledger.upsert_instruments([Instrument("AAPL.XNAS", "equity", "USD", "XNYS", name="Apple Inc.")])
    served.publish("AAPL.XNAS", "2023-12-01", [100.0 + at for at in range(40)])
    start_ns = parse("2023-12-05")
    served.house.ledger.record([Finding("alpha", "AAPL.XNAS", "bars-1d", start_ns, "gap", "no bar", found_ns=1)])
    served.house.ledger.open_holds([Hold("AAPL.XNAS", "bars-1d", start_ns, "vendors disagree", 1)])
    return served
