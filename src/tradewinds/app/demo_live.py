"""The end of the demo on a terminal: strategies go on trading on paper, and whoever watches may pull the plug.

`pull` does what a power cut does: SIGKILL to the trading process while an order is on its way. Then it starts the next one and measures,
from the kill on, until every account trades again and until journal and venue agree on each order, fill and position.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from tradewinds.app.demo_trade import InFlight, TradingDemo
from tradewinds.app.demo_trade_accounts import DemoAccount
from tradewinds.app.demo_trade_books import journal_of
from tradewinds.core.errors import TradewindsError, Transient
from tradewinds.core.instant import text
from tradewinds.wiring.accounts import account_of
from tradewinds.wiring.trade import instruments_for

State = Literal["starting", "trading", "waiting for an order", "killed", "comparing", "stopped"]
AGREED_S_MAX = 30.0
LOOK_EVERY_S = 0.05
WRONG = ("lost", "duplicated", "unexplained", "stuck")


@dataclass(frozen=True, slots=True)
class Pulled:
    """One pull of the plug. trading_s, agreed_s: seconds from the kill until every account traded again, and until the books agreed.

    agreed_s is None where they did not agree within AGREED_S_MAX; `lines` says what differs. parity_percent is None while it is compared.
    """

    at_ns: int
    order: InFlight
    trading_s: float
    agreed_s: float | None
    counts: dict[str, int]
    lines: tuple[str, ...]
    parity_percent: float | None = None

    @property
    def is_good(self) -> bool:
        """Nothing lost, nothing twice, and the order that was on its way has its end."""
        return self.agreed_s is not None and not any(self.counts.values()) and self.order.is_good


class LiveDemo:
    """Keeps the trading process of a demo running, and kills it when asked to."""

    def __init__(self, trading: TradingDemo) -> None:
        self.trading = trading
        self.state: State = "starting"
        self.pulls: tuple[Pulled, ...] = ()
        self._one_at_a_time = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._publishing: subprocess.Popen[bytes] | None = None
        self._known = {one.name: instruments_for(one.symbols.values(), trading.house) for one in trading.accounts}

    def start(self) -> None:
        """Begin to trade."""
        self._process = self.trading.start()
        self.state = "trading"

    def publish(self) -> None:
        """Bring the coins' minutes since the last time into the history, and what two more vendors say of them; in a process of its own."""
        if self._publishing is not None and self._publishing.poll() is None:
            return
        command = [sys.executable, "-m", "tradewinds.app.demo_vendors", text(self.trading.began_ns)]
        with (self.trading.home / "trade" / "demo.log").open("ab") as log:
            self._publishing = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # noqa: S603 - our own command

    def stop(self) -> None:
        """End the trading process as `tradewinds down` does; after a pull that is going on."""
        with self._one_at_a_time:
            if self._publishing is not None:
                self._publishing.terminate()
                self._publishing.wait()
            if self._process is not None and self._process.poll() is None:
                self.trading.stop(self._process)
            self._process, self.state = None, "stopped"

    def pull(self, then: Callable[[], None] = lambda: None) -> Pulled:
        """Kill the process in the middle of an order, start it again, and say what came of it. then: called when the state changed.

        Raises Transient while another pull is going on, and where no order comes.
        """
        if not self._one_at_a_time.acquire(blocking=False):
            raise Transient("pull the plug: it is out already, expected the books to be back first")
        try:
            return self._pulled(then)
        finally:
            self._one_at_a_time.release()

    def _pulled(self, then: Callable[[], None]) -> Pulled:
        if self._process is None or self._process.poll() is not None:
            self.start()
        assert self._process is not None
        self._be("waiting for an order", then)
        try:
            struck = self.trading.strike(self._process)
            killed_s, at_ns = time.monotonic(), self.trading.house.clock.now_ns()
            self._be("killed", then)
            self._process = self.trading.start()
            trading_s = time.monotonic() - killed_s
            self._be("comparing", then)
            counts, lines = self._compared(killed_s)
            agreed_s = None if any(counts.values()) else time.monotonic() - killed_s
            ended = self.trading.ended(struck)
        finally:
            self._be("trading" if self._process.poll() is None else "stopped", then)
        found = Pulled(at_ns, ended, trading_s, agreed_s, counts, lines)
        self.pulls = (*self.pulls, found)
        then()
        found = replace(found, parity_percent=self._parity())
        self.pulls = (*self.pulls[:-1], found)
        self.publish()
        return found

    def _compared(self, killed_s: float) -> tuple[dict[str, int], tuple[str, ...]]:
        """Differences between journals and venues: none as soon as every account agreed once, else the last of them."""
        left, found = list(self.trading.accounts), dict[str, Any]()
        while left and time.monotonic() - killed_s < AGREED_S_MAX:
            for one in tuple(left):
                found[one.name] = self._verdict(one)
                if found[one.name].is_clean:
                    left.remove(one)
            time.sleep(LOOK_EVERY_S if left else 0.0)
        counts = {name: sum(len(getattr(one, name)) for one in found.values()) for name in WRONG}
        return counts, tuple(line for one in found.values() for name in WRONG for line in getattr(one, name))

    def _verdict(self, account: DemoAccount) -> Any:
        """The judge over one account: the venue is asked first, so that the journal knows at least as much."""
        from tradewinds.campaign.at_sandbox import books_of, judged

        truth = self.trading.books_at(account)
        traded = account_of(self.trading.house.config, account.name)
        entries = list(journal_of(self.trading.home, account.name).entries)
        books = books_of(account.name, entries, self._known[account.name], traded.config.lots, traded.currency)
        return judged(truth, entries, books, account=account.at_venue, symbols=account.symbols, assets=account.assets).verdict

    def _parity(self) -> float | None:
        """The least share of decisions and orders that a replay of a journal makes to the bit, in percent."""
        from tradewinds.wiring.parity import parity

        try:
            told = [parity(self.trading.house, one.name).as_json() for one in self.trading.accounts]
        except TradewindsError:
            return None
        return float(min(min(one["decisions_percent"], one["orders_percent"]) for one in told))

    def _be(self, state: State, then: Callable[[], None]) -> None:
        self.state = state
        then()
