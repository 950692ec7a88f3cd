"""What the notes of the trading service become: counters and gauges, lines of the log, spans of one trace."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tradewinds.core.account import Fill
from tradewinds.core.errors import OutcomeUnknown, Transient
from tradewinds.core.order import ApprovedOrder, Intent, OrderState, OrderTerms, Refusal
from tradewinds.live.watch import Watch
from tradewinds.live.watched import Asked, Fed, Stepped, Warned, WatchedBroker, WatchedFeed, WatchedJournal, Written, notes
from tradewinds.trading.books import Books
from tradewinds.trading.entry import Bar, BarsClosed, Booked, Changed, Decided, Entry, Priced, Refused, Ticked, Waiting
from tradewinds.wire.log import Log
from tradewinds.wire.metrics import Metrics

MINUTE_NS = 60_000_000_000
AT_NS = 1_767_607_200_000_000_000
INTENT = Intent("main", "trend", AT_NS, OrderTerms("BTCUSDT.BINANCE", "buy", Decimal(2)))
ORDER = INTENT.client_order_id
FILL = Fill("7", "BINANCE", ORDER, "BTCUSDT.BINANCE", "buy", Decimal(2), Decimal(42_000), "USDT", AT_NS + 40_000_000)


class Clock:
    def now_ns(self) -> int:
        return AT_NS


class Epochs:
    def epoch(self) -> int:
        return 3

    def acknowledged(self) -> int:
        return 2


class Kept:
    """Traces that are looked at instead of sent."""

    def __init__(self) -> None:
        self.spans: list[Any] = []

    def tell(self, span: Any) -> None:
        self.spans.append(span)


def service(books: Books | None = None) -> Any:
    traders = {} if books is None else {"main": SimpleNamespace(books=books, plan=SimpleNamespace(mode="paper"), state="trading")}
    return SimpleNamespace(traders=traders, decisions=SimpleNamespace(waiting={}))


def told(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    families = text_string_to_metric_families(metrics.exposition()[0].decode())
    return {(one.name, tuple(one.labels[key] for key in sorted(one.labels))): one.value for each in families for one in each.samples}


def approved() -> ApprovedOrder:
    """As a decoded journal has one; the gate alone makes them otherwise."""
    order = object.__new__(ApprovedOrder)
    object.__setattr__(order, "intent", INTENT)
    object.__setattr__(order, "approved_ns", AT_NS)
    return order


def test_notes_become_counters_and_durations() -> None:
    left, metrics = notes(), Metrics("trade")
    left.extend(
        [
            Stepped("main", Entry(AT_NS, Ticked(), (Decided("trend", AT_NS), Refused(Refusal(INTENT, "notional", "2 > 1"))))),
            Stepped(
                "main",
                Entry(AT_NS, Ticked(), (Waiting(INTENT, "approval", "above 1000", AT_NS), Decided("trend", AT_NS, is_reaction=True))),
            ),
            Stepped("main", Entry(AT_NS, Ticked(), (Changed(ORDER, OrderState.FILLED), Booked(FILL, "trend")))),
            Written("main", 3, AT_NS, 0.004),
            Written("main", 1, AT_NS, 0.5, is_failed=True),
            Asked("main", "submit", ORDER, AT_NS + 30_000_000, 0.02, INTENT),
            Asked("main", "find", ORDER, AT_NS, 5.0, None, "Transient", "no answer"),
            Fed("1m", AT_NS, 2, AT_NS + 1_500_000_000),
            Warned("main", "critical", "nothing is sent", AT_NS),
        ]
    )

    Watch(left, metrics, Epochs()).tell(service(), len(left))

    found = told(metrics)
    assert found["tradewinds_decisions_total", ("main", "trend")] == 1  # a reaction is no decision
    assert found["tradewinds_orders_refused_total", ("main", "notional")] == 1
    assert found["tradewinds_orders_held_total", ("main", "approval")] == 1
    assert found["tradewinds_orders_ended_total", ("main", "filled")] == 1
    assert found["tradewinds_fills_total", ("main",)] == 1
    assert found["tradewinds_orders_sent_total", ("main",)] == 1  # a question about an order sends none
    assert found["tradewinds_order_send_seconds_sum", ("main",)] == pytest.approx(0.03)
    assert found["tradewinds_broker_calls_failed_total", ("main", "find", "Transient")] == 1
    assert found["tradewinds_journal_entries_total", ("main",)] == 3
    assert found["tradewinds_journal_failures_total", ("main",)] == 1
    assert found["tradewinds_feed_bars_total", ("1m",)] == 2
    assert found["tradewinds_feed_lag_seconds_sum", ("1m",)] == pytest.approx(1.5)
    assert found["tradewinds_feed_last_bar_timestamp_seconds", ("1m",)] == AT_NS / 1e9
    assert found["tradewinds_alerts_total", ("main", "critical")] == 1
    assert not left


def test_the_state_is_read_from_the_books_and_what_is_not_held_any_more_is_gone() -> None:
    books, metrics = Books("main"), Metrics("trade")
    watch = Watch(notes(), metrics, Epochs())
    books.whole.positions["BTCUSDT.BINANCE"] = SimpleNamespace(quantity=Decimal("1.5"))  # type: ignore[assignment]  # all that is read of it
    watch.state(service(books))
    held = told(metrics)
    books.whole.positions["BTCUSDT.BINANCE"] = SimpleNamespace(quantity=Decimal(0))  # type: ignore[assignment]  # the same
    watch.state(service(books))
    flat = told(metrics)

    assert held["tradewinds_position_units", ("main", "BTCUSDT.BINANCE")] == 1.5
    assert held["tradewinds_account_trading", ("main", "paper")] == 1
    assert held["tradewinds_account_link_up", ("main",)] == 0
    assert (held["tradewinds_halt_epoch", ()], held["tradewinds_halt_epoch_acknowledged", ()]) == (3, 2)
    assert ("tradewinds_position_units", ("main", "BTCUSDT.BINANCE")) not in flat


def test_a_refused_order_ends_its_trace_at_the_gate_and_a_lost_answer_is_an_error() -> None:
    left, kept = notes(), Kept()
    closed = BarsClosed("1m", AT_NS, (Bar("BTCUSDT.BINANCE", 1.0, 1.0, 1.0, 1.0, 1.0, AT_NS),))
    left.append(Written("main", 1, AT_NS + 2_000_000, 0.001))
    left.append(Stepped("main", Entry(AT_NS + 1_000_000, closed, (Decided("trend", AT_NS), Refused(Refusal(INTENT, "notional", "2 > 1"))))))
    left.append(Asked("main", "submit", ORDER, AT_NS + 4_000_000, 0.5, INTENT, "OutcomeUnknown", "no answer"))

    Watch(left, Metrics("trade"), Epochs(), traces=kept).tell(service(), 3)  # type: ignore[arg-type]  # it tells them as Traces does

    bar, decision, gate, send = kept.spans
    assert [one.name for one in kept.spans] == ["bar", "decision", "gate", "send"]
    assert len({one.trace for one in kept.spans}) == 1
    assert (bar.start_ns, bar.end_ns, bar.parent) == (AT_NS, AT_NS + 1_000_000, "")
    assert (decision.start_ns, decision.end_ns, decision.parent) == (AT_NS + 1_000_000, AT_NS + 2_000_000, bar.name_id)
    assert gate.parent == decision.name_id
    assert gate.attributes["rule"] == "notional"
    assert send.error == "OutcomeUnknown: no answer"


def test_a_fill_stands_in_the_trace_of_an_order_that_another_process_sent(tmp_path: Path) -> None:
    books, left, kept = Books("main"), notes(), Kept()
    books.orders[ORDER] = SimpleNamespace(approved=approved())  # type: ignore[assignment]  # as the journal of the process before tells it
    left.append(Stepped("main", Entry(AT_NS + 50_000_000, Ticked(), (Booked(FILL, "trend"),))))
    log = Log(tmp_path, "trade", clock=Clock())

    Watch(left, Metrics("trade"), Epochs(), log=log, traces=kept).tell(service(books), 1)  # type: ignore[arg-type]  # as above

    (fill,) = kept.spans
    assert (fill.trace, fill.parent) == (f"trend {AT_NS}", f"send {ORDER}")
    assert (fill.start_ns, fill.end_ns) == (AT_NS + 40_000_000, AT_NS + 50_000_000)
    row = json.loads(log.path.read_text())
    assert (row["event"], row["order"], row["text"]) == ("fill", ORDER, "buy 2 at 42000 USDT")


def test_what_is_watched_answers_and_raises_as_it_did_before() -> None:
    left = notes()

    class Broker:
        async def submit(self, order: Any) -> str:
            return "accepted"

        async def cancel(self, order: Any) -> None:
            raise OutcomeUnknown("no answer")

    class Journal:
        def append(self, entries: Any) -> None:
            raise Transient("disk full, expected room")

    broker = WatchedBroker(Broker(), "main", Clock(), left)  # type: ignore[arg-type]  # the two calls that are made
    journal = WatchedJournal(Journal(), "main", Clock(), left)  # type: ignore[arg-type]  # as above

    assert asyncio.run(broker.submit(approved())) == "accepted"  # type: ignore[comparison-overlap]  # the broker's own answer
    with pytest.raises(OutcomeUnknown):
        asyncio.run(broker.cancel(SimpleNamespace(client_order_id=ORDER)))  # type: ignore[arg-type]  # all that is read of it
    with pytest.raises(Transient):
        journal.append([])

    sent, cancelled, written = left
    assert isinstance(sent, Asked)
    assert (sent.ask, sent.order, sent.intent, sent.error) == ("submit", ORDER, INTENT, "")
    assert isinstance(cancelled, Asked)
    assert (cancelled.intent, cancelled.error, cancelled.detail) == (None, "OutcomeUnknown", "no answer")
    assert isinstance(written, Written)
    assert written.is_failed


def test_a_watched_feed_publishes_first_and_notes_live_bars_alone() -> None:
    left, published = notes(), []
    bar = Bar("BTCUSDT.BINANCE", 1.0, 1.0, 1.0, 1.0, 1.0, AT_NS)
    told_by_feed = [
        BarsClosed("1m", AT_NS - MINUTE_NS, (bar,), is_warm_up=True),
        Priced("BTCUSDT.BINANCE", Decimal(1), AT_NS, Decimal(1)),
        BarsClosed("1m", AT_NS - 2, (bar,)),
    ]

    class Feed:
        async def run(self, publish: Any) -> None:
            for one in told_by_feed:
                publish(one)

    asyncio.run(WatchedFeed(Feed(), Clock(), left).run(published.append))

    assert published == told_by_feed
    assert list(left) == [Fed("1m", AT_NS - 2, 1, AT_NS)]


def test_notes_that_nobody_looks_at_take_a_limited_place() -> None:
    left = notes()
    for number in range(200_005):
        left.append(Fed("1m", number, 1, number))

    assert len(left) == 200_000
