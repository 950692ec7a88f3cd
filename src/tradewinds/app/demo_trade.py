"""The demo's trading step: strategies on paper at the local venues through the real trade process, killed in the middle of an order.

1. Local venues and trade process tell the time of one fast clock. `tradewinds trade` runs as a process of its own and trades minute bars.
2. A fault at a venue takes the next order and keeps its answer to itself; while the order is in flight the process is killed (SIGKILL).
3. A second process recovers, trades on, and is stopped.
4. Journals are judged against the venues' own books, the evening is run and parity compared. Every figure is read back from those.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import yaml

from tradewinds.app.demo_trade_accounts import DemoAccount, accounts_at, balances
from tradewinds.app.demo_trade_books import Reconciled, journal_of, reconciled
from tradewinds.app.demo_vendors import vendors
from tradewinds.core.errors import Rejected, Transient
from tradewinds.core.instant import text, to_date
from tradewinds.core.order import ENDED
from tradewinds.wiring import sandbox
from tradewinds.wiring.clock import RunningClock
from tradewinds.wiring.house import House, run_job
from tradewinds.wiring.settings import load_config

SPEED = 24.0  # a minute of the venues in two and a half seconds
UP_S_MAX = 60.0
TRADED_S_MAX = 60.0
STOPPED_S_MAX = 20.0
LOOK_EVERY_S = 0.05
FILLS_BEFORE, FILLS_AFTER = 1, 1  # of every account, before the kill and after it
ANSWER_KEPT_S = 60.0
OTHERS_S_MAX = 10.0
ENDED_S_MAX = 10.0
STRATEGIES = "template/demo"
ALONE = """\
crypto: {binance: {market: spot, bars: [{interval: 1m, instruments: [BTCUSDT, ETHUSDT, BNBUSDT], since: 2025-01-09}]}}
schedules: {}
"""  # configuration of a house that only trades

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class InFlight:
    """The order that was on its way when the process was killed. at_kill and afterwards: its state in the journal."""

    account: str
    client_order_id: str
    at_kill: str
    is_at_venue: bool
    afterwards: str = ""

    @property
    def is_good(self) -> bool:
        """It was under way, the venue had it, and its end is known now."""
        return self.is_at_venue and self.at_kill not in _ENDS and self.afterwards in _ENDS


_ENDS = frozenset(state.value for state in ENDED)


class TradingDemo:
    """One trading step, while it is entered. config: of a workspace, to which accounts are added; home: of its house; at: the venues'
    time at the beginning.
    """

    accounts: tuple[DemoAccount, ...]
    control: httpx.Client
    house: House

    def __init__(self, workspace: Path, home: Path, config: str, *, at_ns: int, seed: int, say: Say = lambda state: None) -> None:
        self._workspace, self.home = workspace, home
        self._config = config
        self._at_ns, self._seed = at_ns, seed
        self._say = say
        self._log = home / "trade" / "demo.log"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._standing = ExitStack()

    @property
    def began_ns(self) -> int:
        """The venues' time at the beginning."""
        return self._at_ns

    def __enter__(self) -> TradingDemo:
        """Start the venues, and write what the trading process reads."""
        with ExitStack() as standing:
            clock = RunningClock(self._at_ns, SPEED, time.monotonic_ns())
            venues = sandbox.start(
                {
                    "seed": self._seed, "now_ns": clock.at_ns, "speed": clock.speed, "since_ns": clock.since_ns, "checks_time": False,
                    "balances": balances(),
                }
            )  # fmt: skip
            standing.callback(venues.stop)
            standing.callback(self._end)
            self.accounts = accounts_at(venues.urls)
            environment = self._environment(self.accounts, venues.environment, clock)
            self._write(self.accounts)
            standing.enter_context(in_force(environment))
            self.control = standing.enter_context(httpx.Client(base_url=venues.urls["control"], trust_env=False))
            self.house = standing.enter_context(closing(House(load_config(self._workspace / "tradewinds.yaml", os.environ))))
            _learn(self.house, self.accounts)
            self._standing = standing.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._standing.close()

    def run(self) -> dict[str, Any]:
        """Trade, be killed, recover, trade on, stop; and what came of it."""
        begun = time.monotonic()
        in_flight = self._traded()
        self._say("reconciling with the venues, evening, parity")
        found = [reconciled(self.house, one, self.books_at(one)) for one in self.accounts]
        return self._report(found, in_flight, begun)

    def strike(self, process: subprocess.Popen[bytes]) -> InFlight:
        """SIGKILL the process while an order of the first account is on its way: the venue has it, and has not answered.

        Orders that left in the same moment are let end first. One that never reached its venue is called absent only some seconds later,
        however often it is asked for, and those seconds are not what is shown here.
        """
        struck = self.accounts[0]
        name = ""
        try:
            while not name or self.state_of(struck.name, name) in _ENDS:  # asked for in the meantime, it may have been found after all
                name = self._unanswered(struck, process)
            process.send_signal(signal.SIGKILL)
            process.wait(STOPPED_S_MAX)
        finally:
            self.control.delete("/faults").raise_for_status()
        state = self.state_of(struck.name, name)
        placed = {one["client_id"] for one in self._truth(struck)["orders"]}
        return InFlight(struck.name, name, state or "unknown to the journal", name in placed)

    def _unanswered(self, struck: DemoAccount, process: subprocess.Popen[bytes]) -> str:
        """The next order that the venue takes and tells nobody of; returned when every other order has ended."""
        self.control.delete("/faults").raise_for_status()
        before = {one["id"] for one in self._truth(struck)["orders"]}
        for fault in struck.faults(ANSWER_KEPT_S):
            self.control.post("/faults", json=fault).raise_for_status()
        name = str(self._until(lambda: self._new_order(struck, before), "an order that is not answered", process))
        self._until(lambda: self._on_their_way() <= {name}, "an end of every other order", process, OTHERS_S_MAX)
        return name

    def _on_their_way(self) -> set[str]:
        """Orders of every account that have not ended."""
        return {name for one in self.accounts for name, state in journal_of(self.home, one.name).states().items() if state not in _ENDS}

    def state_of(self, account: str, name: str) -> str | None:
        """Where an order stands in the journal; None where it is not there."""
        return journal_of(self.home, account).states().get(name)

    def ended(self, struck: InFlight) -> InFlight:
        """The same order at its end; after ENDED_S_MAX where it stands then: it may rest at the venue."""
        deadline = time.monotonic() + ENDED_S_MAX
        while (state := self.state_of(struck.account, struck.client_order_id)) not in _ENDS and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY_S)
        return replace(struck, afterwards=state or "lost")

    def books_at(self, account: DemoAccount) -> dict[str, Any]:
        """The venue's own books, of every account there."""
        told: dict[str, Any] = self.control.get(f"/venues/{account.venue}").raise_for_status().json()
        return told

    def _traded(self) -> InFlight:
        first = self.start()
        self._wait_for_fills(dict.fromkeys((one.name for one in self.accounts), FILLS_BEFORE), first)
        struck = self.strike(first)
        self._say(f"killed with order {struck.client_order_id} in flight; starting again")
        fills = {one.name: len(self._truth(one)["executions"]) for one in self.accounts}
        second = self.start()
        self._wait_for_fills({account: count + FILLS_AFTER for account, count in fills.items()}, second)
        ended = self.ended(struck)
        self.stop(second)
        return ended

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """End a trading process as `tradewinds down` does."""
        process.send_signal(signal.SIGTERM)
        if process.wait(STOPPED_S_MAX) != 0:
            raise Rejected(f"demo: tradewinds trade ended with {process.returncode}, expected 0; {self._log} has its words")

    def _end(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait(STOPPED_S_MAX)

    def start(self) -> subprocess.Popen[bytes]:
        """A trading process that says that every account trades."""
        self._log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            said_before = log.tell()
            process = subprocess.Popen(
                [sys.executable, "-m", "tradewinds", "trade"], cwd=self._workspace, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._processes.append(process)
        self._say("tradewinds trade starts")

        def trades() -> bool:
            said = self._log.read_bytes()[said_before:].decode(errors="replace").splitlines()
            return sum(line.endswith(", trading") for line in said) >= len(self.accounts)

        self._until(trades, f"{len(self.accounts)} accounts that trade", process, UP_S_MAX)
        self._say("trading")
        return process

    def _wait_for_fills(self, wanted: Mapping[str, int], process: subprocess.Popen[bytes]) -> None:
        def traded() -> bool:
            return all(len(self._truth(one)["executions"]) >= wanted[one.name] for one in self.accounts)

        self._until(traded, f"fills of every account: {dict(wanted)}", process)

    def _new_order(self, account: DemoAccount, before: set[int]) -> str:
        """The order that the fault struck: the first that the venue took since; "" while there is none."""
        struck = [one for one in self.control.get("/faults").json()["faults"] if one["kind"] == "slow_answer" and one["struck"]]
        new = [one for one in self._truth(account)["orders"] if one["id"] not in before] if struck else []
        return str(new[0]["client_id"]) if new else ""

    def _until(self, is_so: Callable[[], Any], what: str, process: subprocess.Popen[bytes], within_s: float = TRADED_S_MAX) -> Any:
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            found = is_so()
            if found:
                return found
            if process.poll() is not None:
                raise Rejected(f"demo: tradewinds trade ended with {process.returncode}, expected {what}; {self._log} has its words")
            time.sleep(LOOK_EVERY_S)
        raise Transient(f"demo: no {what} within {within_s:g} s; {self._log} has what tradewinds trade said")

    def _truth(self, account: DemoAccount) -> dict[str, Any]:
        """The venue's own book of our account, every order and execution in it."""
        told = self.books_at(account)
        return {name: [row for row in told[name] if row["account"] == account.at_venue] for name in ("orders", "executions")}

    def _environment(self, accounts: tuple[DemoAccount, ...], venues: Mapping[str, str], clock: RunningClock) -> dict[str, str]:
        keys = {name: value for one in accounts for name, value in one.environment().items()}
        places = {"TRADEWINDS_CONFIG": str(self._workspace / "tradewinds.yaml"), "TRADEWINDS_HOME": str(self.home)}
        return {**venues, **keys, **places, "TRADEWINDS_CLOCK": clock.setting}

    def _write(self, accounts: tuple[DemoAccount, ...]) -> None:
        """The accounts and vendors into the configuration, each strategy and its YAML into the workspace."""
        config: dict[str, Any] = yaml.safe_load(self._config)
        config["accounts"] = {one.name: dict(one.config) for one in accounts}
        config["vendors"] = {**config.get("vendors", {}), **vendors(self._workspace / "drops")}
        (self._workspace / "tradewinds.yaml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
        folder = self._workspace / "strategies"
        folder.mkdir(parents=True, exist_ok=True)
        for one in accounts:
            (folder / one.strategy).write_bytes((files("tradewinds.app") / STRATEGIES / one.strategy).read_bytes())
            (folder / one.strategy).with_suffix(".yaml").write_text(yaml.safe_dump(one.file(), sort_keys=False), encoding="utf-8")

    def _report(self, found: list[Reconciled], in_flight: InFlight, begun: float) -> dict[str, Any]:
        left = [one for one in self._processes if one.poll() is None]
        return {
            "is_good": all(one.is_good for one in found) and in_flight.is_good and not left,
            "from": text(self._at_ns),
            "speed": SPEED,
            "accounts": [one.as_json() for one in found],
            "killed": {
                "account": in_flight.account, "order": in_flight.client_order_id, "at_kill": in_flight.at_kill,
                "is_at_venue": in_flight.is_at_venue, "afterwards": in_flight.afterwards,
            },
            **{name: sum(one.counts[name] for one in found) for name in found[0].counts},
            "parity_percent": min((one.parity_percent for one in found), default=0.0),
            "processes_left": len(left),
            "seconds": round(time.monotonic() - begun, 2),
        }  # fmt: skip


def _learn(house: House, accounts: tuple[DemoAccount, ...]) -> None:
    """Ask the venue for the rules of what is traded, where the house does not have them yet: a quantity that is no multiple is refused."""
    wanted = [name for one in accounts if one.assets for name in one.symbols.values()]
    if len(house.ledger.instruments(ids=wanted)) < len(wanted):
        run_job("universe", to_date(house.clock.now_ns()).isoformat(), house=house)


@contextmanager
def in_force(environment: Mapping[str, str]) -> Iterator[None]:
    """Settings of this process and of those that it starts, for a while; those that stood there are not seen."""
    before = dict(os.environ)
    for name in before:
        if name.startswith("TRADEWINDS_"):
            del os.environ[name]
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
