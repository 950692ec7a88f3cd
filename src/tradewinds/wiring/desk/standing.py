"""What trading answers to pages that ask every few seconds: the running service itself, else the journals, read again only once they grew.

A stopped service leaves journals as they are, so a page that is left open must not replay them at each look.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from tradewinds.core.errors import Rejected, Transient
from tradewinds.live.control import ask
from tradewinds.wiring.accounts import account_of
from tradewinds.wiring.desk.trade import ASK_WITHIN_S
from tradewinds.wiring.projection import journal_to_read
from tradewinds.wiring.trade_read import read

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

Ends = Mapping[str, int]


class Standing:
    """Answers of reading acts (status, approvals, gains). For several threads."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[Ends, dict[str, Any]]] = {}

    def status(self) -> dict[str, Any]:
        """What trades now; `running` false where the journals say it."""
        return self._asked("status")

    def approvals(self) -> list[dict[str, Any]]:
        """Orders that wait for a person."""
        waiting: list[dict[str, Any]] = self._asked("approvals")["waiting"]
        return waiting

    def gains(self) -> list[dict[str, Any]]:
        """Gains realised, a row a closed lot."""
        found: list[dict[str, Any]] = self._asked("gains")["gains"]
        return found

    def _asked(self, act: str) -> dict[str, Any]:
        try:
            return ask(self._house.home, act, {}, within_s=ASK_WITHIN_S)
        except Transient:
            pass
        with self._lock:
            ends = self._ends()
            kept = self._kept.get(act)
            if kept is None or kept[0] != ends:
                kept = self._kept[act] = (ends, read(self._house.config, act, {}))
            return kept[1]

    def _ends(self) -> Ends:
        """The last step of every journal that there is."""
        found: dict[str, int] = {}
        for name in self._house.config.accounts:
            try:
                journal = journal_to_read(account_of(self._house.config, name), self._house.home)
            except Rejected:
                continue  # it has never traded, or cannot
            with closing(journal):
                found[name] = journal.last()[0]
        return found
