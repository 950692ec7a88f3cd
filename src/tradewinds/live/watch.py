"""Counts, logs and traces what the trading service did, from the notes that it left (`watched.py`), off the way of an order.

1. Notes are looked at every `EVERY_S`, a few at a time, so that no order waits for what is told about others.
2. Metrics are counters and durations of notes; state (open orders, positions, epoch) is read from the books once a second.
3. Log lines name account, strategy, instrument and order.
4. A trace is one decision: bar -> decision -> gate -> journal -> send -> fill. Decision and gate are one step of the core, which has no
   clock inside: both stretch from the step's time to the write of the journal. A fill begins when the venue says that it happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from tradewinds.core.account import Fill
from tradewinds.core.order import ENDED, ApprovedOrder, Intent
from tradewinds.live.answers import line, number
from tradewinds.live.decisions import Decisions
from tradewinds.live.trader import Trader
from tradewinds.live.watched import Asked, Fed, Note, Notes, Stepped, Warned, Written
from tradewinds.trading.entry import (
    Approved,
    BarsClosed,
    Booked,
    Changed,
    Decided,
    Entry,
    Overridden,
    Refused,
    Waiting,
)
from tradewinds.wire.log import LEVELS, Log
from tradewinds.wire.metrics import AnyMetrics
from tradewinds.wire.tracing import Span, Traces

EVERY_S = 0.25
AT_ONCE_MAX = 5  # notes between two turns of the event loop: less than a millisecond
STATE_EVERY = 4  # looks
INTENTS_MAX = 20_000
NS = 1_000_000_000

Known = Callable[[str, str], Intent | None]  # account, order id -> what was wanted


class Epoch(Protocol):
    """The halt epoch of this home."""

    def epoch(self) -> int: ...

    def acknowledged(self) -> int: ...


class Watched(Protocol):
    """As much of the trading service as is watched."""

    @property
    def traders(self) -> Mapping[str, Trader]: ...

    @property
    def decisions(self) -> Decisions: ...


class Watch:
    """Tells what a service did: to metrics always, to a log and a collector of traces where there are any."""

    def __init__(self, notes: Notes, metrics: AnyMetrics, epoch: Epoch, *, log: Log | None = None, traces: Traces | None = None) -> None:
        self._notes, self._metrics, self._epoch, self._log, self._traces = notes, metrics, epoch, log, traces
        self._written: dict[str, Written] = {}
        self._intents: dict[str, Intent] = {}  # of orders that were approved lately; older ones are in the books

    async def run(self, service: Watched) -> None:
        """Look until cancelled, and once more then."""
        looks = 0
        try:
            while True:
                await self._look(service)
                if looks % STATE_EVERY == 0:
                    self.state(service)
                looks += 1
                await asyncio.sleep(EVERY_S)
        finally:
            self.tell(service, len(self._notes))
            self.state(service)

    async def _look(self, service: Watched) -> None:
        while self._notes:
            self.tell(service, AT_ONCE_MAX)
            await asyncio.sleep(0)

    def tell(self, service: Watched, at_most: int) -> None:
        """Take so many notes and tell of them."""
        for _ in range(min(at_most, len(self._notes))):
            note = self._notes.popleft()
            self._counted(note)
            if isinstance(note, Written):
                self._written[note.account] = note
            if self._log is not None:
                _log(self._log, note)
            if self._traces is not None:
                if isinstance(note, Stepped):
                    self._remember(note)
                for span in _spans(note, self._written, lambda account, order: self._intent(service, account, order)):
                    self._traces.tell(span)

    def state(self, service: Watched) -> None:
        """Gauges, from the books as they are now."""
        gauge = self._metrics.gauge
        gauge("tradewinds_halt_epoch").set(self._epoch.epoch())
        gauge("tradewinds_halt_epoch_acknowledged").set(self._epoch.acknowledged())
        self._metrics.forget("tradewinds_position_units")
        for name, trader in service.traders.items():
            books = trader.books
            gauge("tradewinds_account_trading", name, trader.plan.mode).set(trader.state == "trading")
            gauge("tradewinds_account_halted", name).set(books.is_halted)
            gauge("tradewinds_account_link_up", name).set(books.link == "up")
            gauge("tradewinds_account_orders_open", name).set(len(books.open))
            gauge("tradewinds_account_orders_unknown", name).set(sum(one.state.value == "unknown" for one in books.open.values()))
            gauge("tradewinds_account_orders_waiting", name).set(sum(one.account == name for one in service.decisions.waiting.values()))
            for instrument, held in books.whole.positions.items():
                if held.quantity:
                    gauge("tradewinds_position_units", name, instrument).set(float(held.quantity))

    def _remember(self, note: Stepped) -> None:
        for record in note.entry.records:
            if isinstance(record, Approved):
                self._intents[record.order.client_order_id] = record.order.intent
        while len(self._intents) > INTENTS_MAX:
            del self._intents[next(iter(self._intents))]

    def _intent(self, service: Watched, account: str, order: str) -> Intent | None:
        found = self._intents.get(order)
        if found is None and account in service.traders:
            known = service.traders[account].books.orders.get(order)
            found = None if known is None else known.approved.intent
        return found

    def _counted(self, note: Note) -> None:
        counter, histogram = self._metrics.counter, self._metrics.histogram
        match note:
            case Stepped(account, entry):
                self._counted_step(account, entry)
            case Written(account, entries, _, seconds, is_failed):
                histogram("tradewinds_journal_commit_seconds", account).observe(seconds)
                if is_failed:
                    counter("tradewinds_journal_failures_total", account).inc()
                else:
                    counter("tradewinds_journal_entries_total", account).inc(entries)
            case Asked(account, ask, _, start_ns, seconds, intent, error):
                histogram("tradewinds_broker_answer_seconds", account, ask).observe(seconds)
                if error:
                    counter("tradewinds_broker_calls_failed_total", account, ask, error).inc()
                if intent is not None:
                    counter("tradewinds_orders_sent_total", account).inc()
                    histogram("tradewinds_order_send_seconds", account).observe(max(start_ns - intent.decision_ns, 0) / NS)
            case Fed(interval, end_ns, bars, now_ns):
                counter("tradewinds_feed_bars_total", interval).inc(bars)
                histogram("tradewinds_feed_lag_seconds", interval).observe(max(now_ns - end_ns, 0) / NS)
                self._metrics.gauge("tradewinds_feed_last_bar_timestamp_seconds", interval).set(end_ns / NS)
            case Warned(account, severity):
                counter("tradewinds_alerts_total", account, severity).inc()

    def _counted_step(self, account: str, entry: Entry) -> None:
        counter = self._metrics.counter
        for record in entry.records:
            match record:
                case Decided(strategy, is_reaction=False):
                    counter("tradewinds_decisions_total", account, strategy).inc()
                case Approved():
                    counter("tradewinds_orders_approved_total", account).inc()
                case Refused(refusal):
                    counter("tradewinds_orders_refused_total", account, refusal.rule).inc()
                case Waiting(_, rule):
                    counter("tradewinds_orders_held_total", account, rule).inc()
                case Changed(_, state) if state in ENDED:
                    counter("tradewinds_orders_ended_total", account, state.value).inc()
                case Booked():
                    counter("tradewinds_fills_total", account).inc()
                case _:
                    pass


def _log(log: Log, note: Note) -> None:
    match note:
        case Stepped(account, entry):
            _log_step(log, account, entry)
        case Asked(account, ask, order, start_ns, seconds, intent, error, detail) if intent is not None or error:
            instrument = None if intent is None else intent.terms.instrument
            took_ms, words = round(seconds * 1_000, 3), f"{error}: {detail}" if error else None
            log.write(f"{ask} {'failed' if error else 'answered'}", level="warning" if error else "info", time_ns=start_ns,
                      account=account, instrument=instrument, order=order, took_ms=took_ms, text=words)  # fmt: skip
        case Written(account, entries, start_ns, is_failed=True):
            log.write("journal takes nothing", level="critical", time_ns=start_ns, account=account, entries=entries)
        case Warned(account, severity, told, time_ns):
            log.write(
                "alert", level=next((one for one in LEVELS if one == severity), "warning"), time_ns=time_ns, account=account, text=told
            )
        case _:
            pass


def _log_step(log: Log, account: str, entry: Entry) -> None:
    at_ns = entry.time_ns
    for record in entry.records:
        match record:
            case Decided(strategy, decision_ns, targets, is_reaction=False):
                told = ", ".join(f"{name} {target}" for name, target in list(targets.items())[:20])
                log.write("decision", time_ns=at_ns, account=account, strategy=strategy, decision_ns=decision_ns, text=told)
            case Approved(order):
                _log_intent(log, "order approved", at_ns, order.intent)
            case Refused(refusal):
                _log_intent(log, "order refused", at_ns, refusal.intent, rule=refusal.rule, why=refusal.reason)
            case Waiting(intent, rule, why):
                _log_intent(log, "order waits for a person", at_ns, intent, rule=rule, why=why)
            case Changed(order_id, state, reason):
                log.write(f"order {state.value}", time_ns=at_ns, account=account, order=order_id, text=reason)
            case Booked(fill, strategy):
                told = f"{fill.side} {number(fill.quantity)} at {number(fill.price)} {fill.currency}"
                log.write("fill", time_ns=at_ns, account=account, strategy=strategy, instrument=fill.instrument,
                          order=fill.client_order_id, fill=fill.id, text=told)  # fmt: skip
            case Overridden(control):
                log.write(control.action, level="warning", time_ns=at_ns, account=account, strategy=control.strategy,
                          instrument=control.instrument, by=control.by, text=control.reason)  # fmt: skip
            case _:
                pass


def _log_intent(log: Log, event: str, at_ns: int, intent: Intent, rule: str = "", why: str = "") -> None:
    log.write(event, time_ns=at_ns, account=intent.account, strategy=intent.strategy, instrument=intent.terms.instrument,
              order=intent.client_order_id, text=line(intent.terms), rule=rule, why=why)  # fmt: skip


# Traces


def trace_of(intent: Intent) -> str:
    """The trace that an order belongs to: its decision's."""
    return f"{intent.strategy} {intent.decision_ns}"


def _spans(note: Note, written: Mapping[str, Written], known: Known) -> Iterable[Span]:
    match note:
        case Stepped(account, entry):
            yield from _step_spans(account, entry, written.get(account), known)
        case Asked(account, ask, order, start_ns, seconds, intent, error, detail) if intent is not None:
            trace, end_ns = trace_of(intent), start_ns + round(seconds * NS)
            told = {"account": account, "order": order, "instrument": intent.terms.instrument, "ask": ask}
            why = f"{error}: {detail}" if error else ""
            yield Span(trace, "send", start_ns, end_ns, f"send {order}", f"journal {order}", told, why)
        case _:
            pass


def _step_spans(account: str, entry: Entry, written: Written | None, known: Known) -> Iterable[Span]:
    write_ns = entry.time_ns if written is None else max(written.start_ns, entry.time_ns)
    written_ns = write_ns if written is None else write_ns + round(written.seconds * NS)
    told: dict[str, str | int] = {"account": account}
    for record in entry.records:
        match record:
            case Decided(strategy, decision_ns, is_reaction=False):
                trace = f"{strategy} {decision_ns}"
                given = entry.input
                bars = {"interval": given.interval, "bars": len(given.bars)} if isinstance(given, BarsClosed) else {}
                yield Span(trace, "bar", decision_ns, entry.time_ns, f"bar {trace}", "", told | bars)
                yield Span(trace, "decision", entry.time_ns, write_ns, f"decision {trace}", f"bar {trace}", told | {"strategy": strategy})
            case Approved(order):
                yield from _gate_spans(order.intent, "approved", entry.time_ns, write_ns)
                yield _journal_span(order, write_ns, written_ns)
            case Refused(refusal):
                yield from _gate_spans(refusal.intent, "refused", entry.time_ns, write_ns, rule=refusal.rule, why=refusal.reason)
            case Waiting(intent, rule, why):
                yield from _gate_spans(intent, "waiting", entry.time_ns, write_ns, rule=rule, why=why)
            case Booked(fill):
                filled = known(account, fill.client_order_id)
                if filled is not None:
                    yield _fill_span(account, fill, filled, entry.time_ns)
            case _:
                pass


def _gate_spans(intent: Intent, verdict: str, start_ns: int, end_ns: int, **why: str) -> Iterable[Span]:
    trace, order = trace_of(intent), intent.client_order_id
    told = {"account": intent.account, "order": order, "instrument": intent.terms.instrument, "verdict": verdict, **why}
    yield Span(trace, "gate", start_ns, end_ns, f"gate {order}", f"decision {trace}", told)


def _fill_span(account: str, fill: Fill, intent: Intent, booked_ns: int) -> Span:
    order = fill.client_order_id
    told = {"account": account, "order": order, "instrument": fill.instrument, "fill": fill.id}
    told |= {"price": number(fill.price), "quantity": number(fill.quantity)}
    return Span(trace_of(intent), "fill", fill.event_ns, booked_ns, f"fill {fill.venue} {fill.id}", f"send {order}", told)


def _journal_span(order: ApprovedOrder, start_ns: int, end_ns: int) -> Span:
    name = order.client_order_id
    return Span(trace_of(order.intent), "journal", start_ns, end_ns, f"journal {name}", f"gate {name}", {"order": name})
