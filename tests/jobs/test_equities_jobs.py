"""A night of equities: several vendors, a late one, a wrong one, a hold and its release, a restatement and the past as it was."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tradewinds.app.plan_runner import run_plan
from tradewinds.calendars.sessions import calendar
from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import NS_PER_HOUR, NS_PER_MINUTE, parse, text
from tradewinds.jobs.catalog import plans
from tradewinds.jobs.equities import HISTORY
from tradewinds.jobs.ingest import FAR_FUTURE_NS
from tradewinds.stores.ledger_findings import FindingFilter
from tradewinds.wiring.house import House, check_ready, run_job

CONFIG = """
equities:
  XNYS: {calendar: XNYS, instruments: [AAA.XNAS, BBB.XNAS], vendors: [alpha, bravo, charlie], since: 2024-01-02}
vendors:
  alpha: {use: drops, options: {path: drops/alpha}}
  bravo: {use: drops, options: {path: drops/bravo}}
  charlie: {use: drops, options: {path: drops/charlie}}
"""
HEADER = "symbol,session,open,high,low,close,volume,received_at,currency,split_factor,dividend"
XNYS = calendar("XNYS")
SESSIONS = XNYS.sessions(date(2024, 1, 2), date(2024, 3, 28))
LAST = SESSIONS[-1]
HISTORY_SPAN = f"{SESSIONS[0]}..{SESSIONS[-2]}"


def _bar(symbol: str, number: int) -> tuple[float, float, float, float, int]:
    """A quiet market with small moves, different for each symbol, the same for each vendor."""
    base = (100.0 if symbol == "AAA" else 40.0) + 0.25 * ((number * 7) % 11) + (0.13 if symbol == "BBB" else 0.0) * (number % 5)
    close = base + 0.1 * ((number * 5) % 7) - 0.3
    return base, max(base, close) + 0.4, min(base, close) - 0.4, close, 1_000_000 + 10_000 * ((number * 3) % 17)


def _line(symbol: str, number: int, minutes: int, **changed: float) -> str:
    session = SESSIONS[number]
    o, h, low, c, v = _bar(symbol, number)
    cells = {"open": o, "high": h, "low": low, "close": c, "volume": v, "split": 1.0, "dividend": 0.0} | changed
    at = text(XNYS.close_ns(session) + minutes * NS_PER_MINUTE)
    prices = ",".join(f"{cells[name]:.4f}" for name in ("open", "high", "low", "close"))
    return f"{symbol},{session},{prices},{cells['volume']:.0f},{at},USD,{cells['split']:g},{cells['dividend']:g}"


def _drop(folder: Path, vendor: str, name: str, lines: list[str]) -> None:
    path = folder / "drops" / vendor / f"{name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([HEADER, *lines]) + "\n")


@pytest.fixture
def history(tmp_path: Path, make_house: Any) -> House:
    """Three vendors that agree on everything up to the session before the last, published."""
    for minutes, vendor in ((40, "alpha"), (50, "bravo"), (60, "charlie")):
        lines = [_line(symbol, number, minutes) for symbol in ("AAA", "BBB") for number in range(len(SESSIONS) - 1)]
        _drop(tmp_path, vendor, "history", lines)
    house: House = make_house(CONFIG, now=text(XNYS.close_ns(SESSIONS[-2]) + 20 * NS_PER_HOUR))
    _night(house, HISTORY_SPAN)
    return house


def _night(house: House, partition: str) -> dict[str, Any]:
    drawn = {plan.name: plan for plan in plans(house.config)}
    return run_plan(drawn["equities_nightly_xnys"], partition, {}, house=house, progress=lambda message: None)


def _at(make_house: Any, hours: float) -> House:
    """The same house, so many hours after the last session's close."""
    house: House = make_house(CONFIG, now=text(XNYS.close_ns(LAST) + int(hours * NS_PER_HOUR)))
    return house


def _last(house: House, symbol: str, as_of_ns: int = FAR_FUTURE_NS) -> dict[str, Any]:
    start = XNYS.open_ns(LAST)
    rows = house.lake.read(HISTORY, as_of_ns=as_of_ns, instruments=[f"{symbol}.XNAS"], start_ns=start, end_ns=start + 1)
    assert rows.height == 1
    return rows.row(0, named=True)


def _dropped_everywhere(folder: Path, *, but: str | None = None) -> None:
    for minutes, vendor in ((40, "alpha"), (50, "bravo"), (60, "charlie")):
        if vendor != but:
            _drop(folder, vendor, str(LAST), [_line(symbol, len(SESSIONS) - 1, minutes) for symbol in ("AAA", "BBB")])


def test_vendors_that_agree_are_published_as_certain(history: House) -> None:
    rows = history.lake.read(HISTORY, as_of_ns=FAR_FUTURE_NS)

    assert rows.height == 2 * (len(SESSIONS) - 1)
    assert set(rows["status"].unique()) == {"ok"}
    assert history.ledger.findings() == []


def test_running_a_night_again_writes_nothing(history: House) -> None:
    versions = {name: history.lake.version(HISTORY, name) for name in history.lake.partitions(HISTORY)}

    again = _night(history, HISTORY_SPAN)

    assert (again["rows_published"], again["rows_restated"]) == (0, 0)
    assert {name: history.lake.version(HISTORY, name) for name in history.lake.partitions(HISTORY)} == versions


def test_a_wrong_vendor_is_outvoted_named_and_kept_as_it_said(history: House, tmp_path: Path, make_house: Any) -> None:
    _dropped_everywhere(tmp_path, but="bravo")
    number = len(SESSIONS) - 1
    good = _bar("AAA", number)[3]
    _drop(tmp_path, "bravo", str(LAST), [_line("AAA", number, 50, close=good * 1.3, high=good * 1.3), _line("BBB", number, 50)])
    house = _at(make_house, 2)

    _night(house, str(LAST))

    row = _last(house, "AAA")
    found = [(one.vendor, one.kind, one.field) for one in house.ledger.findings(FindingFilter(instruments=["AAA.XNAS"]))]
    assert row["close"] == pytest.approx(good, abs=1e-4)
    assert row["status"] == "resolved"
    assert found == [("bravo", "spike", "close")]


def test_a_night_waits_for_a_late_vendor_until_its_limit(history: House, tmp_path: Path, make_house: Any) -> None:
    _dropped_everywhere(tmp_path, but="charlie")
    params = {"market": "XNYS", "vendor": "charlie"}

    early = check_ready("equities", str(LAST), params, house=_at(make_house, 2))
    past = check_ready("equities", str(LAST), params, house=_at(make_house, 12.5))
    other = check_ready("equities", str(LAST), {"market": "XNYS", "vendor": "alpha"}, house=_at(make_house, 2))

    assert (early["is_ready"], early["is_limit_passed"]) == (False, False)
    assert (past["is_ready"], past["is_limit_passed"]) == (False, True)
    assert other["is_ready"]


def test_without_a_scheduler_nobody_waits_and_the_night_is_provisional(history: House, tmp_path: Path, make_house: Any) -> None:
    _dropped_everywhere(tmp_path, but="charlie")
    house = _at(make_house, 2)

    result = _night(house, str(LAST))

    assert result["state"] == "partial"
    assert list(result["failed"]) == ["charlie"]
    assert _last(house, "AAA")["status"] == "provisional"
    assert "waiting for charlie" in _last(house, "AAA")["reason"]


def test_past_the_limit_the_night_is_published_as_provisional_and_restated_when_the_vendor_comes(
    history: House, tmp_path: Path, make_house: Any
) -> None:
    number = len(SESSIONS) - 1
    _drop(tmp_path, "alpha", str(LAST), [_line(symbol, number, 40) for symbol in ("AAA", "BBB")])
    night = _at(make_house, 12.5)
    _night(night, str(LAST))
    seen_at_night = _last(night, "AAA")

    for minutes, vendor in ((780, "bravo"), (790, "charlie")):
        _drop(tmp_path, vendor, str(LAST), [_line(symbol, number, minutes) for symbol in ("AAA", "BBB")])
    morning = _at(make_house, 14)
    result = _night(morning, str(LAST))

    assert seen_at_night["status"] == "provisional"
    assert _last(morning, "AAA")["status"] == "ok"
    assert result["rows_restated"] == 2
    assert _last(morning, "AAA", as_of_ns=night.clock.now_ns())["status"] == "provisional"
    late = {(one.vendor, one.kind) for one in morning.ledger.findings()}
    assert late == {("bravo", "late"), ("charlie", "late")}


def test_what_nobody_can_decide_is_held_until_somebody_does(history: House, tmp_path: Path, make_house: Any) -> None:
    number = len(SESSIONS) - 1
    good = _bar("AAA", number)[3]
    _drop(tmp_path, "alpha", str(LAST), [_line(symbol, number, 40) for symbol in ("AAA", "BBB")])
    _drop(tmp_path, "bravo", str(LAST), [_line("AAA", number, 50, close=good * 1.004, high=good * 1.02), _line("BBB", number, 50)])
    house = _at(make_house, 12.5)
    _night(house, str(LAST))
    held = _last(house, "AAA")
    start = XNYS.open_ns(LAST)

    closed = house.ledger.release(
        "AAA.XNAS", "bars-1d", start, decision="accept", released_by="trader", released_ns=house.clock.now_ns(), note="seen on the tape"
    )
    later = _at(make_house, 13)
    _night(later, str(LAST))

    assert held["status"] == "held"
    assert closed >= 1
    assert _last(later, "AAA")["status"] == "resolved"
    assert "accepted by trader" in _last(later, "AAA")["reason"]
    assert _last(later, "AAA", as_of_ns=house.clock.now_ns())["status"] == "held"


def test_a_hold_that_later_data_decides_is_closed(history: House, tmp_path: Path, make_house: Any) -> None:
    number = len(SESSIONS) - 1
    good = _bar("AAA", number)[3]
    wrong = [_line("AAA", number, 50, close=good * 1.004, high=good * 1.02), _line("BBB", number, 50)]
    _drop(tmp_path, "alpha", str(LAST), [_line(symbol, number, 40) for symbol in ("AAA", "BBB")])
    _drop(tmp_path, "bravo", str(LAST), wrong)
    _night(_at(make_house, 12.5), str(LAST))
    for minutes, vendor in ((780, "bravo"), (790, "charlie")):
        _drop(tmp_path, vendor, f"{LAST}-late", [_line(symbol, number, minutes) for symbol in ("AAA", "BBB")])
    house = _at(make_house, 14)

    _night(house, str(LAST))

    assert house.ledger.holds(is_open=True) == []
    assert {hold.released_by for hold in house.ledger.holds(is_open=False)} == {"later data"}
    assert _last(house, "AAA")["close"] == pytest.approx(good, abs=1e-4)


def test_a_split_that_one_vendor_forgets_is_published_and_kept_as_an_action(history: House, tmp_path: Path, make_house: Any) -> None:
    number = len(SESSIONS) - 1
    halved = {name: value / 2 for name, value in zip(("open", "high", "low", "close"), _bar("AAA", number)[:4], strict=True)}
    for minutes, vendor in ((40, "alpha"), (50, "bravo"), (60, "charlie")):
        factor = 1.0 if vendor == "charlie" else 2.0
        _drop(tmp_path, vendor, str(LAST), [_line("AAA", number, minutes, split=factor, **halved), _line("BBB", number, minutes)])
    house = _at(make_house, 2)

    _night(house, str(LAST))

    actions = house.ledger.actions(as_of_ns=FAR_FUTURE_NS, instruments=["AAA.XNAS"])
    found = [(one.vendor, one.kind) for one in house.ledger.findings(FindingFilter(instruments=["AAA.XNAS"]))]
    assert [(one.kind, str(one.value), one.effective_ns) for one in actions] == [("split", "2.0", XNYS.open_ns(LAST))]
    assert found == [("charlie", "split")]
    assert house.ledger.actions(as_of_ns=XNYS.close_ns(SESSIONS[-2]), instruments=["AAA.XNAS"]) == []


def test_the_same_row_twice_in_a_file_is_a_finding(history: House, tmp_path: Path, make_house: Any) -> None:
    _dropped_everywhere(tmp_path, but="alpha")
    number = len(SESSIONS) - 1
    twice = _line("AAA", number, 40)
    _drop(tmp_path, "alpha", str(LAST), [twice, twice, _line("BBB", number, 40)])
    house = _at(make_house, 2)

    _night(house, str(LAST))

    assert [(one.vendor, one.kind) for one in house.ledger.findings()] == [("alpha", "duplicate")]
    assert _last(house, "AAA")["status"] == "ok"


def test_the_audit_lets_nothing_impossible_pass_as_certain(history: House) -> None:
    from tradewinds.jobs import equities

    staged = history.lake.read(equities.STAGED, as_of_ns=FAR_FUTURE_NS)
    import polars as pl

    broken = staged.with_columns(pl.lit(-1.0).alias("close"))

    with pytest.raises(DataFault, match="certain and impossible"):
        equities._audit(broken, broken, "2024-01-02")


def test_a_partition_without_a_session_is_refused(make_house: Any) -> None:
    house = make_house(CONFIG)

    with pytest.raises(Rejected, match="no session"):
        run_job("equities.plan", "2024-01-06", {}, house=house)
    with pytest.raises(Rejected, match="expected a session"):
        run_job("equities.plan", "yesterday", {}, house=house)


def test_no_vendor_at_all_is_said(make_house: Any) -> None:
    house = make_house(CONFIG, now="2024-04-02T12:00:00Z")

    with pytest.raises(DataFault, match="no vendor of alpha, bravo, charlie"):
        run_job("equities.reconcile", "2024-03-28", {}, house=house)


def test_the_lineage_of_a_bar_ends_in_bytes_that_are_kept(history: House) -> None:
    from tradewinds.history.lineage import is_complete, steps
    from tradewinds.jobs.lineage import lineage_of

    start = XNYS.open_ns(SESSIONS[5])
    root = lineage_of(history.context("test", ""), "bars-1d", {"instrument": "AAA.XNAS", "start_ns": start}, FAR_FUTURE_NS)

    payloads = [step.title for step in steps(root) if step.kind == "payload" and step.is_used]
    assert is_complete(root)
    assert all(history.raw.has(digest) for digest in payloads)
    assert b"AAA,2024-01-09" in history.raw.get(payloads[0])


def test_nothing_said_later_is_seen_before(history: House) -> None:
    early = parse("2024-02-01T00:00:00Z")

    rows = history.lake.read(HISTORY, as_of_ns=early)

    assert rows["known_ns"].max() <= early
    assert rows.height == 2 * len(XNYS.sessions(date(2024, 1, 2), date(2024, 1, 31)))
