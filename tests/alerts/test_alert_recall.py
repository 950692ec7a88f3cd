"""Every fault that people have to know of is told within ten seconds and exactly once, by a receiver that is flaky.

Faults are planted where they really appear: in the ledger by its own writers, in the files of the home as processes write them.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tradewinds.core.candidate import ConditionAlert
from tradewinds.core.errors import Transient
from tradewinds.core.instant import NS_PER_HOUR, text
from tradewinds.core.observation import Finding
from tradewinds.core.order import Intent, OrderTerms, Refusal
from tradewinds.core.record import Hold, RunResult
from tradewinds.live.epoch import open_epoch
from tradewinds.live.guard_process import Heartbeat, service_path
from tradewinds.live.guard_run import guard_beat
from tradewinds.stores.daily import write_daily
from tradewinds.stores.journal import open_sqlite_journal
from tradewinds.stores.ledger_alerts import AlertOutbox
from tradewinds.stores.ledger_trading import Step
from tradewinds.trading.entry import Alerted, Controlled, Entry, Overridden, Refused, Ticked, Waiting
from tradewinds.trading.evening import Break
from tradewinds.trading.journal import GENESIS, chained, decode
from tradewinds.wiring.house import House

CONFIG = """
alerts:
  summary: "12:00"
  watch: {expected: {crypto_incremental: 26}, late_hours: 6}
  routes:
    hook: {severities: [info, warning, critical], summary: true}
"""
DAY = date(2026, 11, 19)
Plant = Callable[[House], None]
DAY_BEFORE_NOON = "2026-11-20T11:59:30Z"


def _run(house: House, job: str, state: Any, **words: Any) -> None:
    now_ns = house.clock.now_ns()
    number = house.ledger.start_run(job, "2026-11-20", started_ns=now_ns, airflow_run=words.pop("airflow_run", None))
    house.ledger.finish_run(number, RunResult(state, now_ns, **words))


def _step(house: House, *records: Any, after: int = 0) -> None:
    now_ns = house.clock.now_ns()
    entries = [Entry(now_ns, Ticked(), (one,)) for one in records]
    steps = [Step(one.sequence, one.hash, decode(one.body)) for one in chained(entries, after, GENESIS)]
    house.ledger.trading.take("main", steps, [], [])


def _intent(leg: int, at_ns: int) -> Intent:
    return Intent("main", "trend", at_ns, OrderTerms("ABC.LOCAL", "buy", Decimal(1)), leg)


def _beat(path: Path, age_s: float, **detail: Any) -> None:
    """A heartbeat of this very process, so old."""
    Heartbeat(path).beat(detail)
    told = json.loads(path.read_text())
    path.write_text(json.dumps(told | {"beat_ns": time.monotonic_ns() - int(age_s * 1e9)}))
    os.utime(path, (time.time() - age_s, time.time() - age_s))


def _refused(house: House, rule: str, count: int) -> None:
    at_ns = house.clock.now_ns()
    _step(house, *(Refused(Refusal(_intent(leg, at_ns), rule, f"too much of {leg}")) for leg in range(count)))


def _running_since(house: House, hours: float) -> None:
    house.ledger.start_run("research.features", "2026-11-20", started_ns=house.clock.now_ns() - int(hours * NS_PER_HOUR))


def _findings(house: House) -> None:
    at_ns = house.clock.now_ns()
    found = [Finding("alpha", f"S{n}.XNAS", "bars-1d", at_ns, "spike", "ten times", severity="error", found_ns=at_ns) for n in range(3)]
    house.ledger.record(found)


def _odd(house: House) -> None:
    at_ns = house.clock.now_ns()
    house.ledger.record([Finding("alpha", "S0.XNAS", "bars-1d", at_ns, "gap", "a minute is missing", found_ns=at_ns)])


def _holds(house: House) -> None:
    at_ns = house.clock.now_ns()
    house.ledger.open_holds([Hold(f"S{n}.XNAS", "bars-1d", at_ns, "vendors disagree", at_ns) for n in range(4)])


def _parity(house: House) -> None:
    report = {"orders": {}, "fills": [], "breaks": [], "parity": {"is_equal": False, "orders": 3}}
    write_daily(house.home / "trade" / "daily", "main", DAY, report)
    _run(house, "evening", "failed", error_kind="DataFault", error="evening of main: what was decided differs from its replay")


def _breaks(house: House) -> None:
    found = [Break("fill missing here", "7", "", "1 @ 100"), Break("cash", "USD", "100", "0")]
    house.ledger.trading.write_breaks("main", DAY, found, house.clock.now_ns())
    _run(house, "evening", "failed", error_kind="DataFault", error="evening of main 2026-11-19: 2 breaks, expected none")


def _halt(house: House) -> None:
    with open_epoch(house.home) as epoch:
        epoch.raise_epoch()
    _step(house, Overridden(Controlled("halt", "ada", "the market is broken", epoch=1)))


def _told_by_file(house: House) -> None:
    """As the service writes it; the same alert of the journal comes by the ledger, too."""
    words = "fill 7 of ABC.LOCAL: its order is not in the journal"
    row = {"at": text(house.clock.now_ns()), "account": "main", "severity": "critical", "text": words}
    path = house.home / "trade" / "alerts.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")
    _step(house, Alerted("critical", words))


def _link_down(house: House) -> None:
    path = service_path(house.home)
    _beat(path, 0.0, accounts={"main": "trading"}, links={"main": "down"}, since="2026-11-20T11:00:00Z")


def _started_again(house: House) -> None:
    _beat(house.home / "up" / "keeper.json", 0.0, trade={"state": "running", "pid": 7, "starts": 2})


def _guarded(house: House, words: str) -> None:
    """As the guard writes its own journal."""
    place = house.home / "guard" / "main.sqlite"
    place.parent.mkdir(parents=True, exist_ok=True)
    journal = open_sqlite_journal(place)
    sequence, last = journal.last()
    given = Controlled("halt", "ada", "the market is broken", epoch=1)
    now_ns = house.clock.now_ns()
    journal.append(
        chained([Entry(now_ns, given, (Overridden(given),)), Entry(now_ns, given, (Alerted("critical", words),))], sequence, last)
    )
    journal.close()


def _gateway(house: House) -> None:
    _step(house, Alerted("critical", "the broker's connection: locked out: log in at the gateway and confirm the second factor"))


def _crossing(house: House) -> None:
    at_ns = house.clock.now_ns()
    house.ledger.alerts.add([ConditionAlert("r1", "AAPL.XNAS", "rsi(14) below 30", "1d", at_ns, at_ns, {"rsi(14)": 28.0}, "cheap")])


# what -> how it is planted, the severity, source and subject it is told by, a word of its text, the next command
FAULTS: dict[str, tuple[Plant, str, str, str]] = {
    "a job failed": (
        lambda house: _run(house, "equities_XNAS", "failed", error_kind="DataFault", error="no bars of AAPL"),
        "WARNING jobs: equities_XNAS 2026-11-20", "failed: no bars of AAPL", "tradewinds job show equities_XNAS",
    ),
    "a job of Airflow failed for good": (
        lambda house: _run(house, "fx.ingest", "failed", error_kind="Rejected", error="no such pair", airflow_run="fx/scheduled__1"),
        "WARNING jobs: fx.ingest 2026-11-20", "failed: no such pair", "tradewinds job show fx.ingest",
    ),
    "a job failed in part": (
        lambda house: _run(house, "crypto", "partial", detail={"failed": {"BTCUSDT": "its checksum differs"}}),
        "WARNING jobs: crypto 2026-11-20", "1 failed, the rest is done: BTCUSDT: its checksum differs", "tradewinds job show crypto",
    ),
    "a night does not end": (
        lambda house: _running_since(house, 6.5),
        "WARNING jobs: research.features 2026-11-20", "has not ended after 6 hours", "tradewinds job show research.features",
    ),
    "data is wrong": (_findings, "WARNING data: bars-1d", "3 values are found wrong: 3 spike; first S0.XNAS", "tradewinds data findings"),
    "data is odd": (
        _odd, "INFO data: bars-1d", "1 value is found wrong: 1 gap; first S0.XNAS", "tradewinds data findings",
    ),
    "values are held": (
        _holds, "WARNING data: bars-1d", "4 values are held until somebody decides: 4 vendors disagree", "tradewinds data findings --holds",
    ),
    "the gate refuses and refuses": (
        lambda house: _refused(house, "notional", 5),
        "WARNING risk: main", "5 orders refused within 10 minutes by the rule notional: too much of 4", "tradewinds limits show main",
    ),
    "the loss of the day is reached": (
        lambda house: _refused(house, "day loss", 3), "CRITICAL risk: main", "refused by day loss: too much of 0",
        "tradewinds trade status",
    ),
    "an order waits for a person": (
        lambda house: _step(house, Waiting(_intent(0, 1), "approval", "above 10000 USD", 9)),
        "WARNING approvals: main", "waits for a person: approval: above 10000 USD", "tradewinds trade approve ",
    ),
    "a break": (
        _breaks, "CRITICAL breaks: main", "2 breaks beside the broker's statement of 2026-11-19",
        "tradewinds trade evening main --day 2026-11-19",
    ),
    "parity failed": (_parity, "CRITICAL parity: main", "differs from its replay", "tradewinds parity main --day 2026-11-19"),
    "the gateway wants the second factor": (
        _gateway, "CRITICAL broker: main", "locked out: log in at the gateway and confirm the second factor", "tradewinds trade status",
    ),
    "the broker lost data": (
        lambda house: _step(house, Alerted("warning", "the broker's connection: data lost: 1101")),
        "WARNING broker: main", "data lost: 1101", "tradewinds trade status",
    ),
    "the broker is down": (_link_down, "CRITICAL broker: main", "the connection to the broker is down", "tradewinds trade status"),
    "an account failed": (
        lambda house: _beat(service_path(house.home), 0.0, accounts={"main": "failed"}, since="2026-11-20T11:00:00Z"),
        "CRITICAL trade: main", "stands still", "tradewinds trade status",
    ),
    "the trade process hangs": (
        lambda house: _beat(service_path(house.home), 8.0, accounts={"main": "trading"}),
        "CRITICAL dead-man: trade", "no heartbeat of the trade process", "tradewinds status",
    ),
    "the guard hangs": (
        lambda house: _beat(guard_beat(house.home), 8.0), "CRITICAL dead-man: guard", "no heartbeat of the guard process",
        "tradewinds status",
    ),
    "the console hangs": (
        lambda house: _beat(house.home / "up" / "console.json", 8.0),
        "WARNING dead-man: console", "no heartbeat of the console process", "tradewinds status",
    ),
    "trade was started again": (
        _started_again, "WARNING dead-man: trade", "was started again (2 starts)", "tradewinds logs trade",
    ),
    "trading is halted": (_halt, "CRITICAL halt: trading", "trading is halted (epoch 1)", "tradewinds trade status"),
    "the guard could not clear an account": (
        lambda house: _guarded(house, "halt: 2 orders cancelled, open None orders still work after 60 s"),
        "CRITICAL halt: main", "open None orders still work after 60 s; what the guard could not settle", "tradewinds halt",
    ),
    "the guard cleared an account": (
        lambda house: _guarded(house, "halt: 2 orders cancelled, open []"),
        "INFO halt: main", "halt: 2 orders cancelled, open []", "tradewinds trade status",
    ),
    "trading tells something": (_told_by_file, "CRITICAL trade: main", "its order is not in the journal", "tradewinds trade status"),
    "a condition came true": (
        _crossing, "INFO crossing: AAPL.XNAS", "rsi(14) below 30 [rsi(14) 28]", "tradewinds alerts list --crossings",
    ),
}  # fmt: skip


@pytest.fixture
def house(make_house: Any, clock: Any) -> House:
    """A house in which all is well: the job that is expected ended well."""
    made: House = make_house(CONFIG)
    clock.set(DAY_BEFORE_NOON)
    _run(made, "crypto_incremental", "done")
    return made


@pytest.mark.parametrize("what", FAULTS)
def test_a_planted_fault_is_told_once_within_ten_seconds(
    what: str, house: House, make_desk: Any, receiver: Any, run: Any, clock: Any
) -> None:
    plant, title, words, command = FAULTS[what]
    desk, _ = make_desk(house, scans=True, hook=receiver)
    receiver.answers = [503]  # the first try is refused
    run(desk)
    before = len(receiver.tries)

    plant(house)
    run(desk, 10)
    within = list(receiver.titles)
    later, _ = make_desk(house, scans=True, hook=receiver)  # the process was started again
    run(later, 2)

    assert before == 0
    assert within == receiver.titles == [title]
    assert words in receiver.texts[0]
    assert f"\nNext: {command}" in receiver.texts[0]


def test_every_fault_at_once_is_told_once_each(make_house: Any, make_desk: Any, receiver: Any, run: Any, clock: Any) -> None:
    house = make_house(CONFIG.replace("summary: true", "summary: true, messages_max: 100"))
    clock.set(DAY_BEFORE_NOON)
    _run(house, "crypto_incremental", "done")
    desk, _ = make_desk(house, scans=True, hook=receiver)
    receiver.answers = [503, 200, 500, 200, 200, 502]
    run(desk, 2)
    alone = ("the broker is down", "an account failed", "the trade process hangs")  # one file, one state
    steps = {"the gate refuses and refuses", "an order waits for a person", "the loss of the day is reached", "trading is halted"}
    steps |= {"trading tells something", "the gateway wants the second factor", "the broker lost data"}  # each the journal's first step
    chosen = [name for name in FAULTS if name not in alone[1:] and name not in steps]

    for name in chosen:
        FAULTS[name][0](house)
    run(desk, 10)

    assert sorted(receiver.titles) == sorted(FAULTS[name][1] for name in chosen)


def test_a_job_that_did_not_end_well_in_time_is_told(house: House, make_desk: Any, receiver: Any, run: Any, clock: Any) -> None:
    desk, _ = make_desk(house, scans=True, hook=receiver)
    clock.move(27 * 3600)

    run(desk, 10)

    told = [one for one in receiver.titles if "summary" not in one]
    assert told == ["WARNING jobs: crypto_incremental"]
    assert "has not ended well within 26 hours (last at 2026-11-20T11:59:30Z)" in receiver.texts[receiver.titles.index(told[0])]


def test_what_is_tried_again_by_airflow_is_not_told_before_its_run_failed(house: House, make_desk: Any, receiver: Any, run: Any) -> None:
    from tradewinds.wiring.alerting_scan import plan_failed

    desk, _ = make_desk(house, scans=True, hook=receiver)
    _run(house, "fx.ingest", "failed", error_kind="Transient", error="oanda is away", airflow_run="fx/scheduled__1")
    run(desk, 5)
    before = list(receiver.titles)
    found = plan_failed(house, "fx", "scheduled__1", "2026-11-20", "task_failure")
    assert found is not None
    house.alerts.raise_(found)
    run(desk, 5)

    assert before == []
    assert receiver.titles == ["WARNING jobs: fx 2026-11-20"]
    assert "failed: oanda is away" in receiver.texts[0]


def test_a_plan_and_its_failed_step_are_one_alert_and_an_evening_with_breaks_is_told_as_breaks(
    house: House, make_desk: Any, receiver: Any, run: Any
) -> None:
    from tradewinds.wiring.alerting_scan import plan_failed

    desk, _ = make_desk(house, scans=True, hook=receiver)
    _run(house, "fx.ingest", "failed", error_kind="Rejected", error="no such pair", airflow_run="fx/manual__1")
    found = plan_failed(house, "fx", "manual__1", "2026-11-20", "task_failure")
    assert found is not None
    house.alerts.raise_(found)
    _run(house, "evening", "failed", error_kind="DataFault", error="2 breaks", airflow_run="evening_main/scheduled__1")
    run(desk, 5)

    assert plan_failed(house, "evening_main", "scheduled__1", "2026-11-20", "task_failure") is None
    assert len(receiver.titles) == 1


def test_all_is_well_and_nothing_is_told(house: House, make_desk: Any, receiver: Any, run: Any) -> None:
    _beat(service_path(house.home), 0.0, accounts={"main": "trading"}, links={"main": "up"}, since="2026-11-20T11:00:00Z")
    _run(house, "equities_XNAS", "done")
    _run(house, "alerts", "nothing")
    desk, said = make_desk(house, scans=True, hook=receiver)

    run(desk, 12)

    assert (receiver.titles, said) == ([], [])


def test_a_broker_that_comes_back_at_once_is_not_told_and_one_that_goes_twice_is_told_twice(
    house: House, make_desk: Any, receiver: Any, run: Any
) -> None:
    desk, _ = make_desk(house, scans=True, hook=receiver)

    def link(state: str, seconds: int) -> None:
        for _ in range(seconds):
            _beat(service_path(house.home), 0.0, accounts={"main": "trading"}, links={"main": state}, since="2026-11-20T11:00:00Z")
            run(desk, 1)

    link("up", 2)
    link("down", 3)
    link("up", 2)
    blips = list(receiver.titles)
    link("down", 8)
    link("up", 2)
    link("down", 8)

    assert blips == []
    assert receiver.titles == ["CRITICAL broker: main"] * 2


def test_the_summary_of_the_day_comes_once_at_its_time(house: House, make_desk: Any, receiver: Any, run: Any) -> None:
    desk, _ = make_desk(house, scans=True, hook=receiver)

    run(desk, 29)
    before = list(receiver.titles)
    _holds(house)
    run(desk, 10)

    assert before == []
    assert sorted(receiver.titles) == ["INFO summary: 2026-11-20", "WARNING data: bars-1d"]
    told = receiver.texts[receiver.titles.index("INFO summary: 2026-11-20")]
    assert "Night crypto_incremental: 2026-11-20 done" in told
    assert "Held values: 4; waiting for approval: 0; open alerts: " in told


def test_what_was_found_while_the_ledger_was_away_is_told_when_it_is_back(
    house: House, make_desk: Any, receiver: Any, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, said = make_desk(house, scans=True, hook=receiver)
    run(desk, 1)
    _gateway(house)
    with monkeypatch.context() as away:

        def refuse(*_: object) -> None:
            raise Transient("ledger, raising alerts: it is away")

        away.setattr(AlertOutbox, "raise_", refuse)
        run(desk, 3)
    run(desk, 3)

    assert receiver.titles == ["CRITICAL broker: main"]
    assert set(said) == {f"scan of {name}: ledger, raising alerts: it is away" for name in desk.scans}


def test_a_process_that_crashes_again_and_again_is_told_less_and_less(house: House, make_desk: Any, receiver: Any, run: Any) -> None:
    desk, _ = make_desk(house, scans=True, hook=receiver)

    for starts in range(1, 10):
        _beat(house.home / "up" / "keeper.json", 0.0, trade={"state": "waiting", "pid": None, "starts": starts})
        run(desk, 1)

    assert [text.partition("(")[2].partition(" ")[0] for text in receiver.texts] == ["2", "4", "8"]
