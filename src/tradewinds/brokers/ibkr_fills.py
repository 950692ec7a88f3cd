"""Executions of Interactive Brokers as fills: each told once, with its commission, whatever is told how often and in which order.

The id of an execution ends in a number that rises with its corrections (`0000e0d5.6555c7f5.01.01`); without it, it is the fill's identity.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC
from decimal import Decimal

from ib_async.objects import CommissionReport
from ib_async.util import UNSET_DOUBLE

from tradewinds.brokers.ibkr_contract import Contracts, number
from tradewinds.brokers.ibkr_told import Executed
from tradewinds.core.account import Fill
from tradewinds.core.broker import FillPage, Link, Told
from tradewinds.core.ports import Clock

VENUE = "IBKR"
NS = 1_000_000_000
COMMISSION_WAIT_S = 3.0
OVERLAP_NS = 3_600 * NS
KEPT_MAX = 200_000


class FillBook:
    """What is known of executions during one process. Cheap to ask again: everything told twice is recognised."""

    def __init__(self, contracts: Contracts, clock: Clock, tell: Callable[[Told], None]) -> None:
        self._contracts = contracts
        self._clock = clock
        self._tell = tell
        self._known: dict[str, tuple[int, Executed]] = {}
        self._paid: dict[str, CommissionReport] = {}
        self._told: dict[str, int] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._executed: dict[int, dict[str, Decimal]] = {}
        self._news: asyncio.Future[None] | None = None
        self._held: dict[str, Decimal] = {}
        self._moved: dict[str, Decimal] = {}
        self._made: dict[str, tuple[Executed, CommissionReport | None, Fill]] = {}

    def heard(self, one: Executed) -> None:
        """An execution, perhaps once more, perhaps corrected."""
        base, revision = split(one.execution.execId)
        known = self._known.get(base)
        if known is not None and known[0] >= revision:
            return
        if known is None:
            sizes = self._executed.setdefault(one.execution.permId, {})
            sizes[one.execution.orderRef] = sizes.get(one.execution.orderRef, Decimal(0)) + number(one.execution.shares)
            instrument = self._contracts.instrument(one.contract)
            signed = number(one.execution.shares) if one.execution.side == "BOT" else -number(one.execution.shares)
            self._moved[instrument] = self._moved.get(instrument, Decimal(0)) + signed
        self._known[base] = revision, one
        if base in self._told:
            self._correct(base, revision)
        elif one.execution.execId in self._paid:
            self._say(base)
        elif base not in self._timers:
            self._timers[base] = asyncio.get_running_loop().call_later(COMMISSION_WAIT_S, self._say, base)

    def paid(self, report: CommissionReport) -> None:
        """A commission, perhaps before its execution."""
        self._paid[report.execId] = report
        base, _ = split(report.execId)
        if base in self._known and base not in self._told:
            self._say(base)

    def explains(self, instrument: str, quantity: Decimal) -> bool:
        """Whether a position that the gateway tells follows from the one before and the executions heard since."""
        held = self._held.get(instrument, Decimal(0)) + self._moved.pop(instrument, Decimal(0))
        self._held[instrument] = quantity
        return held == quantity

    async def page(self, rows: Sequence[Executed], since: str) -> FillPage:
        """Of all executions that the gateway listed: those from an hour before the cursor on, when no commission is awaited any more.

        Whoever compares positions with these must not miss one of them.
        """
        first_ns = int(since or 0) - OVERLAP_NS
        newest, found = int(since or 0), []
        bases = dict.fromkeys(split(one.execution.execId)[0] for one in rows)
        while bases.keys() & self._timers.keys():
            self._news = self._news or asyncio.get_running_loop().create_future()
            await self._news
        for base in bases:
            fill = self._fill(base)
            newest = max(newest, fill.event_ns)
            if fill.event_ns >= first_ns:
                found.append(fill)
        return FillPage(tuple(sorted(found, key=lambda one: (one.event_ns, one.id))), str(newest))

    def executed(self, perm_id: int) -> dict[str, Decimal]:
        """Units by the name that the order had when they were filled."""
        return self._executed.get(perm_id, {})

    def close(self) -> None:
        """Wait for no commission any more."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._wake()

    def _wake(self) -> None:
        news, self._news = self._news, None
        if news is not None and not news.done():
            news.set_result(None)

    def _say(self, base: str) -> None:
        timer = self._timers.pop(base, None)
        if timer is not None:
            timer.cancel()
        self._told[base] = self._known[base][0]
        self._tell(self._fill(base))
        self._wake()
        if len(self._told) > KEPT_MAX:
            self._forget()

    def _correct(self, base: str, revision: int) -> None:
        """The books hold what was told first; a person must know that the venue has changed its mind."""
        self._told[base] = revision
        one = self._known[base][1].execution
        text = f"execution {base} of order {one.orderRef}: corrected to {one.shares:g} at {one.price:g}; the books hold what was told first"
        self._tell(Link("question", text, self._clock.now_ns()))

    def _fill(self, base: str) -> Fill:
        executed = self._known[base][1]
        contract, one = executed
        report = self._paid.get(one.execId)
        made = self._made.get(base)
        if made is not None and made[0] is executed and made[1] is report:
            return made[2]
        instrument = self._contracts.instrument(contract)
        commission, currency = Decimal(0), None
        if report is not None and report.commission != UNSET_DOUBLE:
            commission, currency = number(report.commission), report.currency or None
        fill = Fill(
            base, VENUE, one.orderRef, instrument, "buy" if one.side == "BOT" else "sell", number(one.shares), number(one.price),
            contract.currency, int(one.time.astimezone(UTC).timestamp()) * NS, self._contracts.multiplier(instrument), commission, currency,
        )  # fmt: skip
        self._made[base] = executed, report, fill
        return fill

    def _forget(self) -> None:
        """The older half; the gateway itself forgets at midnight."""
        for base in list(self._told)[: KEPT_MAX // 2]:
            _, one = self._known.pop(base)
            del self._told[base]
            self._made.pop(base, None)
            self._paid.pop(one.execution.execId, None)
            self._executed.pop(one.execution.permId, None)


def split(execution_id: str) -> tuple[str, int]:
    """The identity of an execution, and the number of its correction."""
    base, dot, revision = execution_id.rpartition(".")
    return (base, int(revision)) if dot and revision.isdigit() else (execution_id, 0)
