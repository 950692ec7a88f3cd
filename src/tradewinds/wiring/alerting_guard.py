"""What the guard's own journals say that people have to know: what a halt came to at each account, and above all what may still be open.

The guard writes them while the trade process may be dead, so nothing of them is in the ledger. A journal is opened when its files changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tradewinds.core.instant import NS_PER_DAY
from tradewinds.people.alert import Alert
from tradewinds.stores.journal import read_sqlite_journal
from tradewinds.trading.entry import Alerted
from tradewinds.trading.journal import decode
from tradewinds.wiring.alerting_scan import BACK_DAYS

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

ALL_CLEAR = "open []"  # how the guard's own words end where nothing works any more

Seen = tuple[float, int]


@dataclass(slots=True)
class GuardJournals:
    """Looks at `<home>/guard/<account>.sqlite`; remembers how far it came."""

    house: House
    _seen: dict[Path, tuple[Seen, ...]] = field(default_factory=dict)
    _steps: dict[Path, int] = field(default_factory=dict)

    def told(self) -> list[Alert]:
        """New alerts of the guard, by account."""
        found: list[Alert] = []
        for path in sorted((self.house.home / "guard").glob("*.sqlite")):
            seen = _seen(path)
            if self._seen.get(path) == seen:
                continue
            found += self._of(path)
            self._seen[path] = seen
        return found

    def _of(self, path: Path) -> list[Alert]:
        known = self._steps.get(path)
        oldest_ns = self.house.clock.now_ns() - BACK_DAYS * NS_PER_DAY if known is None else 0
        journal = read_sqlite_journal(path)
        try:
            kept = [(one.sequence, decode(one.body)) for one in journal.read(known or 0)]
        finally:
            journal.close()
        self._steps[path] = kept[-1][0] if kept else known or 0
        return [
            _alert(path.stem, sequence, record)
            for sequence, entry in kept
            if entry.time_ns >= oldest_ns
            for record in entry.records
            if isinstance(record, Alerted)
        ]


def _alert(account: str, sequence: int, record: Alerted) -> Alert:
    key = f"guard {account} {sequence}"
    if record.text.endswith(ALL_CLEAR):
        return Alert("info", "halt", account, record.text, "tradewinds trade status", key)
    words = f"{record.text}; what the guard could not settle may still be open at the broker"
    return Alert(record.severity, "halt", account, words, "tradewinds halt", key)


def _seen(path: Path) -> tuple[Seen, ...]:
    """Times and sizes of the journal's files."""
    files = [path, path.with_name(f"{path.name}-wal")]
    return tuple((found.st_mtime, found.st_size) for one in files if one.exists() and (found := one.stat()))
