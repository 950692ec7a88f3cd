"""Keeps the ledger up to date while a service trades: a thread that follows the journals, off the way of the orders.

1. It has its own connections: to the journals, which it only reads, and to the ledger.
2. It takes at most half of the time that it could have, in short pieces, so that what trades is not held up.
3. Whatever goes wrong is said once and tried again; trading goes on. The journal is the truth, and a later pass catches up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tradewinds.core.errors import Transient
from tradewinds.core.instrument import Instrument
from tradewinds.stores.ledger_trading import TradingLedger
from tradewinds.wiring.accounts import TradedAccount
from tradewinds.wiring.projection import Projector

EVERY_S = 1.0
AGAIN_S_MAX = 60.0
STEPS_MAX = 200  # a piece
STOP_WITHIN_S = 30.0

OpenLedger = Callable[[], TradingLedger]


class ProjectionKeeper:
    """Projects accounts from `start` to `stop`. open_ledger: called in the thread, for connections of its own."""

    def __init__(
        self,
        accounts: Iterable[tuple[TradedAccount, Mapping[str, Instrument]]],
        home: Path,
        open_ledger: OpenLedger,
        say: Callable[[str], None],
    ) -> None:
        self._accounts = {one.name: (one, known) for one, known in accounts}
        self._home = home
        self._open_ledger = open_ledger
        self._say = say
        self._ledger: TradingLedger | None = None
        self._projectors: dict[str, Projector] = {}
        self._told: dict[str, str] = {}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="projection", daemon=True)
        self._began_s = 0.0

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """One more pass over what is new, and the end. Blocks for `STOP_WITHIN_S` at most."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_WITHIN_S)

    def follow(self) -> bool:
        """One pass over every account; whether all went well."""
        went_well = [self._follow(name) for name in self._accounts]
        return all(went_well)

    def _run(self) -> None:
        wait_s = EVERY_S
        while not self._ending.wait(wait_s):
            wait_s = EVERY_S if self.follow() else min(2 * wait_s, AGAIN_S_MAX)
        self.follow()

    def _follow(self, name: str) -> bool:
        account, known = self._accounts[name]
        self._began_s = time.monotonic()
        try:
            if self._ledger is None:
                self._ledger = self._open_ledger()
            projector = self._projectors.get(name)
            if projector is None:
                projector = Projector(account, self._home, self._ledger, known, steps_max=STEPS_MAX, between=self._rest)
                self._projectors[name] = projector
            projector.catch_up()
        except Exception as error:  # noqa: BLE001 - whatever it is, trading goes on
            if not isinstance(error, Transient):
                self._projectors.pop(name, None)  # the next pass begins with the first step, and passes over what the ledger has
            if self._told.get(name) != str(error):
                self._say(f"warning: account {name}: the ledger is behind the journal: {type(error).__name__}: {error}")
            self._told[name] = str(error)
            return False
        if self._told.pop(name, None) is not None:
            self._say(f"account {name}: the ledger is up to date with the journal again")
        return True

    def _rest(self) -> None:
        """As long as the last piece took."""
        took_s = time.monotonic() - self._began_s
        self._ending.wait(took_s)
        self._began_s = time.monotonic()
