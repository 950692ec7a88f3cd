"""When a person or an address that gave wrong passwords has to wait, and how long.

Free tries first, then a wait that doubles, so that a person who mistypes is not shut out and a program that guesses gets nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from tradewinds.core.instant import NS_PER_SECOND

FREE_TRIES = 5
FREE_TRIES_ADDRESS = 20  # several people may sit behind one
WAIT_S_MIN = 30
WAIT_S_MAX = 3_600
FORGOTTEN_AFTER_S = 86_400


@dataclass(frozen=True, slots=True)
class Wrong:
    """Wrong passwords in a row of one subject (`person:NAME`, `address:IP`)."""

    subject: str
    count: int = 0
    last_ns: int = 0
    locked_until_ns: int = 0

    def is_locked(self, at_ns: int) -> bool:
        """Whether even the right password is refused then."""
        return at_ns < self.locked_until_ns

    def once_more(self, at_ns: int) -> Wrong:
        """After another wrong password."""
        count = 1 if at_ns - self.last_ns > FORGOTTEN_AFTER_S * NS_PER_SECOND else self.count + 1
        over = count - (FREE_TRIES_ADDRESS if self.subject.startswith("address:") else FREE_TRIES)
        wait_s = 0 if over < 0 else min(WAIT_S_MAX, WAIT_S_MIN * 2 ** min(over, 16))
        return Wrong(self.subject, count, at_ns, at_ns + wait_s * NS_PER_SECOND)
