"""Limits of trading in the ledger's database, with who changed what, from when and why.

A change is added and never altered; of one limit the change that took effect last counts. What stands here takes the place of what a
strategy's YAML or the configuration declares, limit by limit; a change without a value takes a declared limit away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Literal

import sqlalchemy as sa

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import text
from tradewinds.risk.bounds import NAMES, Limits, limit_value, limits_from, limits_to
from tradewinds.stores.ledger_database import Database
from tradewinds.stores.ledger_schema import limit_change

LimitScope = Literal["account", "strategy", "instrument"]
SCOPES: tuple[LimitScope, ...] = ("account", "strategy", "instrument")
HISTORY_MAX = 1_000


@dataclass(frozen=True, slots=True)
class LimitChange:
    """One change. name: the strategy or instrument, "" for the account. value: as YAML would have it, None where it was taken away."""

    account: str
    scope: LimitScope
    name: str
    limit_name: str
    value: Any
    effective_ns: int
    changed_ns: int
    changed_by: str
    reason: str

    def __post_init__(self) -> None:
        what = f"limit {self.limit_name} of account {self.account}"
        if self.scope not in SCOPES:
            raise Rejected(f"{what}: scope {self.scope!r}, expected one of {', '.join(SCOPES)}")
        if not self.account or (self.name == "") != (self.scope == "account"):
            raise Rejected(
                f"{what}: scope {self.scope} of {self.name!r}, expected an account, and a name for a strategy or instrument alone"
            )
        if self.limit_name not in NAMES:
            raise Rejected(f"{what}: unknown limit, expected one of {', '.join(NAMES)}")
        if not self.changed_by or not self.reason:
            raise Rejected(f"{what}: by {self.changed_by!r} because {self.reason!r}, expected who and why")
        if self.effective_ns < self.changed_ns:
            raise Rejected(f"{what}: from {text(self.effective_ns)}, expected no time before the change itself, {text(self.changed_ns)}")


@dataclass(frozen=True, slots=True)
class KeptLimits:
    """What the database holds for one account at a time: by scope and name, limit -> value (None: taken away)."""

    by_scope: Mapping[tuple[LimitScope, str], Mapping[str, Any]] = field(default_factory=dict)

    def over(self, declared: Limits, scope: LimitScope, name: str = "") -> Limits:
        """The limits in force of one scope: what is kept here in place of what was declared."""
        kept = self.by_scope.get((scope, name))
        return declared if not kept else limits_from(limits_to(declared) | dict(kept), f"limits of {scope} {name}".rstrip())

    def names(self, scope: LimitScope) -> list[str]:
        """Strategies or instruments that have limits here."""
        return sorted(name for kind, name in self.by_scope if kind == scope)


class LimitBook:
    """The limits of a ledger's database. Methods raise what `stores.ledger.Ledger` raises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def change(self, change: LimitChange) -> LimitChange:
        """Add a change and return it as it is kept; raises Rejected for a value that the limit cannot have."""
        kept = replace(change, value=_plain(change))
        with self._database.writing("changing a limit") as connection:
            connection.execute(sa.insert(limit_change).values({name: getattr(kept, name) for name in _FIELDS}))
        return kept

    def at(self, account: str, at_ns: int) -> KeptLimits:
        """The limits in effect then."""
        query = sa.select(*_COLUMNS).where(limit_change.c.account == account, limit_change.c.effective_ns <= at_ns)
        with self._database.reading("reading limits") as connection:
            rows = connection.execute(query.order_by(limit_change.c.effective_ns, limit_change.c.id)).mappings().all()
        found: dict[tuple[LimitScope, str], dict[str, Any]] = {}
        for row in rows:
            found.setdefault((row["scope"], row["name"]), {})[row["limit_name"]] = row["value"]
        return KeptLimits(found)

    def history(self, account: str | None = None, *, name: str | None = None, limit_name: str | None = None) -> list[LimitChange]:
        """Changes, newest first; None leaves a field open."""
        terms = [
            column == value
            for column, value in (
                (limit_change.c.account, account), (limit_change.c.name, name), (limit_change.c.limit_name, limit_name),
            )
            if value is not None
        ]  # fmt: skip
        query = sa.select(*_COLUMNS).where(*terms).order_by(limit_change.c.id.desc()).limit(HISTORY_MAX)
        with self._database.reading("reading the history of limits") as connection:
            return [LimitChange(**row) for row in connection.execute(query).mappings()]


_FIELDS = ("account", "scope", "name", "limit_name", "value", "effective_ns", "changed_ns", "changed_by", "reason")
_COLUMNS = [limit_change.c[name] for name in _FIELDS]


def _plain(change: LimitChange) -> Any:
    """The value as JSON holds it without loss: numbers as text, lists sorted."""
    if change.value is None:
        return None
    value = limit_value(change.limit_name, change.value, f"limit of account {change.account}")
    if isinstance(value, frozenset):
        return sorted(value)
    return format(value, "f") if isinstance(value, Decimal) else value
