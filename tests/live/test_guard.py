"""The guard at a venue without a wire."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Any

from tradewinds.core.broker import Hear, OrderRef, OrderReport
from tradewinds.core.errors import OutcomeUnknown, Rejected, Transient
from tradewinds.core.order import ApprovedOrder, OrderState
from tradewinds.live.guard import Guard, GuardedAccount, claimed, halt_reason
from tradewinds.live.guard_process import Beat
from tradewinds.sandbox.direct import DirectBroker
from tradewinds.sandbox.exchange import Exchange, Quote, VenueOrder
from tradewinds.stores.journal import SqliteJournal, open_sqlite_journal
from tradewinds.trading.entry import Entry
from tradewinds.trading.journal import read

NOW_NS = 1_800_000_000_000_000_000
ABC = "ABC.LOCAL"


class Clock:
    def now_ns(self) -> int:
        return NOW_NS


class Epoch:
    def __init__(self) -> None:
        self.value = 0

    def epoch(self) -> int:
        return self.value

    def raise_epoch(self) -> int:
        self.value += 1
        return self.value


class Stubborn(DirectBroker):
    """A direct broker whose methods fail as told, in turn."""

    def __init__(self, exchange: Exchange, account: str = "main", **failures: list[Exception]) -> None:
        super().__init__(exchange, account, absent_after_s=0.0)
        self.exchange = exchange
        self.failures = failures

    def _fail(self, name: str) -> None:
        if self.failures.get(name):
            raise self.failures[name].pop(0)

    async def open(self, hear: Hear) -> None:
        self._fail("open")
        await super().open(hear)

    async def open_orders(self) -> tuple[OrderReport, ...]:
        self._fail("open_orders")
        return await super().open_orders()

    async def cancel(self, order: OrderRef) -> OrderReport:
        self._fail("cancel")
        if not order.client_order_id and self.exchange.cancel(int(order.venue_order_id)) is not None:
            return OrderReport("", order.venue_order_id, order.instrument, OrderState.CANCELLED, NOW_NS)
        return await super().cancel(order)

    async def submit(self, order: ApprovedOrder) -> OrderReport:
        self.exchange.replenish()
        if self.failures.get("submit_after"):
            await super().submit(order)
            raise self.failures["submit_after"].pop(0)
        self._fail("submit")
        return await super().submit(order)


def _exchange(size: int = 1_000) -> Exchange:
    return Exchange(lambda: NOW_NS, lambda symbol: Quote(Decimal(99), Decimal(100), Decimal(size), Decimal(size)))


def _rest(exchange: Exchange, name: str, account: str = "main") -> None:
    exchange.place(VenueOrder(account, name, ABC, "buy", "limit", Decimal(1), Decimal(50)))


def _guard(place: Path, *brokers: DirectBroker) -> tuple[Guard, list[SqliteJournal]]:
    journals = [open_sqlite_journal(place / f"{number}.sqlite") for number in range(len(brokers))]
    accounts = [
        GuardedAccount(f"account{number}", one, journal) for number, (one, journal) in enumerate(zip(brokers, journals, strict=True))
    ]
    return Guard(accounts, Clock(), Epoch()), journals


def _entries(journal: SqliteJournal) -> list[Entry]:
    return [entry for _, entry in read(journal.read())]


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


def _halt(guard: Guard, journals: list[SqliteJournal], *, flatten: bool = False) -> tuple[dict[str, Any], list[list[Entry]]]:
    async def act() -> tuple[dict[str, Any], list[list[Entry]]]:
        await guard.start()
        done = await guard.halt(by="ann", reason="drill", epoch=1, flatten=flatten)
        entries = [_entries(one) for one in journals]
        await guard.stop()
        return {name: one.told() for name, one in done.items()}, entries

    found: tuple[dict[str, Any], list[list[Entry]]] = _run(act())
    return found


def test_every_order_is_cancelled_also_those_of_other_hands(tmp_path: Path) -> None:
    exchange = _exchange()
    for number in range(120):
        _rest(exchange, f"tw{number}")
    _rest(exchange, "")
    guard, journals = _guard(tmp_path, Stubborn(exchange))

    done, [entries] = _halt(guard, journals)

    assert done["account0"] == {"cancelled": 121, "open": [], "flattened": [], "held": {}, "error": "", "is_clear": True}
    assert exchange.working("main") == []
    assert halt_reason(entries) == {"by": "ann", "reason": "drill", "epoch": 1, "time_ns": NOW_NS}


def test_it_asks_again_until_the_venue_answers_and_nothing_is_open(tmp_path: Path) -> None:
    exchange = _exchange()
    _rest(exchange, "one")
    broker = Stubborn(
        exchange,
        open=[Transient("away")],
        open_orders=[OutcomeUnknown("cut"), Transient("busy")],
        cancel=[Rejected("no"), OutcomeUnknown("?")],
    )
    guard, journals = _guard(tmp_path, broker)

    done, _ = _halt(guard, journals)

    assert done["account0"]["is_clear"]
    assert exchange.working("main") == []


def test_one_account_that_refuses_holds_up_no_other(tmp_path: Path) -> None:
    exchange = _exchange()
    _rest(exchange, "one")
    broken = Stubborn(exchange, "other", open_orders=[Rejected("the key was revoked")])
    guard, journals = _guard(tmp_path, broken, Stubborn(exchange))

    done, _ = _halt(guard, journals)

    assert done["account0"]["error"] == "the key was revoked"
    assert not done["account0"]["is_clear"]
    assert done["account1"]["is_clear"]


def test_an_order_that_arrives_late_is_found_by_the_second_look(tmp_path: Path) -> None:
    exchange = _exchange()

    class Late(Stubborn):
        looks = 0

        async def open_orders(self) -> tuple[OrderReport, ...]:
            self.looks += 1
            found = await super().open_orders()
            if self.looks == 1:
                _rest(exchange, "was on the wire")
            return found

    guard, journals = _guard(tmp_path, Late(exchange))

    done, _ = _halt(guard, journals)

    assert done["account0"]["cancelled"] == 1
    assert exchange.working("main") == []


def test_flatten_closes_longs_and_shorts_in_parts_and_writes_each_order_down(tmp_path: Path) -> None:
    exchange = _exchange(size=4)
    exchange.positions["main", ABC] = Decimal(10)
    exchange.positions["main", "XYZ.LOCAL"] = Decimal(-3)
    guard, journals = _guard(tmp_path, Stubborn(exchange))

    done, [entries] = _halt(guard, journals, flatten=True)

    assert exchange.position("main", ABC) == exchange.position("main", "XYZ.LOCAL") == 0
    assert done["account0"]["flattened"] == ["sell 10 ABC.LOCAL", "buy 3 XYZ.LOCAL", "sell 6 ABC.LOCAL", "sell 2 ABC.LOCAL"]
    assert done["account0"]["held"] == {}
    ours = {order.client_order_id: order.intent.strategy for order in claimed(entries)}
    assert ours == {one.client_id: "guard" for one in exchange.orders.values()}


def test_a_doubtful_flattening_order_is_asked_for_and_not_sent_again(tmp_path: Path) -> None:
    exchange = _exchange()
    exchange.positions["main", ABC] = Decimal(10)
    guard, journals = _guard(tmp_path, Stubborn(exchange, submit_after=[OutcomeUnknown("time-out")]))

    done, _ = _halt(guard, journals, flatten=True)

    assert done["account0"]["is_clear"]
    assert [one.quantity for one in exchange.orders.values()] == [10]


def test_without_flatten_positions_stay(tmp_path: Path) -> None:
    exchange = _exchange()
    exchange.positions["main", ABC] = Decimal(10)
    guard, journals = _guard(tmp_path, Stubborn(exchange))

    _halt(guard, journals)

    assert exchange.position("main", ABC) == 10


def test_a_full_disk_holds_up_no_cancel_but_nothing_is_flattened(tmp_path: Path) -> None:
    exchange = _exchange()
    _rest(exchange, "one")
    exchange.positions["main", ABC] = Decimal(10)
    guard, _ = _guard(tmp_path, Stubborn(exchange))
    full = guard.accounts["account0"].journal

    class Full:
        def last(self) -> tuple[int, bytes]:
            raise Transient("journal: no room")

        def close(self) -> None:
            full.close()

    guard.accounts["account0"].journal = Full()  # type: ignore[assignment]  # as much of a journal as a full disk leaves

    async def act() -> dict[str, Any]:
        await guard.start()
        done = await guard.halt(by="ann", reason="drill", epoch=1, flatten=True)
        await guard.stop()
        return done["account0"].told()

    done = _run(act())

    assert exchange.working("main") == []
    assert exchange.position("main", ABC) == 10
    assert done["cancelled"] == 1
    assert "its journal takes nothing" in done["error"]


def test_a_heartbeat_that_stops_while_orders_are_open_is_a_halt(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("tradewinds.live.guard.WATCH_EVERY_S", 0.0)
    exchange = _exchange()
    dead = Beat(4711, "another-boot 1", "", 0)
    beats: list[Beat | None] = [None, dead, dead]
    killed: list[int] = []
    said: list[str] = []

    def kill(beat: Beat) -> str:
        killed.append(beat.pid)
        return "killed"

    def beat() -> Beat | None:
        if len(beats) == 1:
            _rest(exchange, "one")
        return beats.pop(0) if len(beats) > 1 else beats[0]

    async def act() -> int:
        epoch = Epoch()
        account = GuardedAccount("main", Stubborn(exchange), open_sqlite_journal(tmp_path / "main.sqlite"))
        guard = Guard([account], Clock(), epoch, say=said.append, kill=kill)
        watching = asyncio.create_task(guard.watch(beat, 30.0))
        while not any("cancelled" in line for line in said):
            await asyncio.sleep(0)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await guard.stop()
        return epoch.value

    epoch = _run(act())

    assert epoch == 1
    assert killed == [4711]
    assert exchange.working("main") == []
    assert "dead-man timer" in said[0]
