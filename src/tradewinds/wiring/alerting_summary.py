"""The summary of the day: profit, positions, nights, holds, open alerts, once a day at the time of `alerts: summary:`.

What cannot be had is named with the reason; the rest is told all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tradewinds.calendars.day import day_around
from tradewinds.core.errors import TradewindsError
from tradewinds.core.instant import NS_PER_DAY, NS_PER_HOUR, parse, to_date
from tradewinds.jobs.config import AlertsConfig
from tradewinds.people.alert import Alert
from tradewinds.people.alert_message import Day, summary_text
from tradewinds.people.alert_routing import SUMMARY
from tradewinds.stores.ledger_runs import RunFilter
from tradewinds.wiring.alerting_routes import clock_time

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

WITHIN_HOURS = 6  # a desk that starts later tells no summary of that day
RUNS_LOOKED_AT = 500


@dataclass(slots=True)
class DailySummary:
    """Due once a day."""

    house: House
    _done_ns: int | None = field(default=None)

    def due(self) -> list[Alert]:
        """The summary, from its time on, once for each day of its zone."""
        settings = self.house.config.alerts or AlertsConfig()
        if settings.summary is None:
            return []
        now_ns = self.house.clock.now_ns()
        due_ns, _ = day_around(now_ns, settings.zone, clock_time(settings.summary, "alerts: summary:"))
        if self._done_ns == due_ns or now_ns - due_ns > WITHIN_HOURS * NS_PER_HOUR:
            return []
        day = to_date(due_ns)
        words = summary_text(day_of(self.house, day))
        self._done_ns = due_ns
        return [Alert("info", SUMMARY, day.isoformat(), words, "tradewinds status", f"summary {due_ns}")]


def day_of(house: House, day: date) -> Day:
    """What there is to say now."""
    unknown: dict[str, str] = {}

    def had(what: str, ask: Callable[[], Any], otherwise: Any) -> Any:
        try:
            return ask()
        except (TradewindsError, OSError) as error:
            unknown[what] = str(error)
            return otherwise

    return Day(
        day.isoformat(),
        profit=had("profit", lambda: profit_words(house), {}),
        positions=had("positions", lambda: position_words(house), ()),
        nights=had("nights", lambda: night_words(house), {}),
        holds=had("holds", lambda: len(house.ledger.holds(is_open=True)), 0),
        approvals=had("approvals", lambda: _approvals(house), 0),
        open_alerts=had("alerts", lambda: _open_alerts(house), ()),
        unknown=unknown,
    )


def profit_words(house: House) -> dict[str, str]:
    """account -> what it realised in the last day and in all, by currency, and its commissions."""
    from tradewinds.wiring.desk import trade

    if not house.config.accounts:
        return {}
    since_ns = house.clock.now_ns() - NS_PER_DAY
    lately: dict[tuple[str, str], Decimal] = {}
    for gain in trade.gains(house):
        if parse(gain["closed_ns"]) >= since_ns:
            key = (gain["account"], gain["currency"])
            lately[key] = lately.get(key, Decimal(0)) + Decimal(str(gain["amount"]))
    whole: dict[tuple[str, str], tuple[Decimal, Decimal]] = {}
    for row in trade.profit(house):
        key = (row["account"], row["currency"])
        realised, commission = whole.get(key, (Decimal(0), Decimal(0)))
        whole[key] = (realised + row["realised"], commission + row["commission"])
    found: dict[str, list[str]] = {name: [] for name in house.config.accounts}
    for (account, currency), (realised, commission) in sorted(whole.items()):
        day = lately.get((account, currency), Decimal(0))
        words = f"{_money(day)} {currency} realised in 24 h, {_money(realised)} in all, commissions {_money(commission)}"
        found.setdefault(account, []).append(words)
    return {account: "; ".join(rows) or "nothing traded yet" for account, rows in found.items()}


def position_words(house: House) -> list[str]:
    """What is held, by account and instrument."""
    from tradewinds.wiring.desk import trade

    held: dict[tuple[str, str], Decimal] = {}
    for row in trade.positions(house):
        key = (row["account"], row["instrument"])
        held[key] = held.get(key, Decimal(0)) + row["quantity"]
    return [f"{account} {_money(quantity)} {instrument}" for (account, instrument), quantity in sorted(held.items()) if quantity]


def night_words(house: House) -> dict[str, str]:
    """job -> how its last run of the last day ended."""
    since_ns = house.clock.now_ns() - NS_PER_DAY
    found: dict[str, str] = {}
    for run in house.ledger.runs(RunFilter(subject=""), limit=RUNS_LOOKED_AT):
        if run.started_ns >= since_ns and run.job not in found:
            found[run.job] = f"{run.partition} {run.state}"
    return found


def _approvals(house: House) -> int:
    from tradewinds.wiring.desk import trade

    return len(trade.approvals(house)) if house.config.accounts else 0


def _open_alerts(house: House) -> list[str]:
    from tradewinds.wiring.alerting import opened

    return [f"{one.id} {one.alert.severity} {one.alert.source} {one.alert.subject}" for one in opened(house.ledger.outbox)]


def _money(value: Decimal) -> str:
    """As a person writes it, no exponent, no zeros behind."""
    return format(value.normalize() + 0, "f")
