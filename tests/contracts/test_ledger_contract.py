"""What every ledger does, on SQLite and on PostgreSQL."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import parse
from tradewinds.core.instrument import CorporateAction, Instrument, Ticker
from tradewinds.core.observation import Capability, Finding
from tradewinds.core.record import Bookmark, Exchange, Hold, Member, RunResult, Universe
from tradewinds.stores.ledger import FindingFilter, Ledger, RunFilter

APPLE = Instrument("AAPL.XNAS", "equity", "USD", "XNYS", tick=Decimal("0.01"), name="Apple Inc.")
META = Instrument("META.XNAS", "equity", "USD", "XNYS", name="Meta Platforms")
COIN = Instrument("PEPEUSDT.BINANCE", "spot", "USDT", "24/7", base="PEPE", tick=Decimal("0.00000812"), lot=Decimal("100000"))


def finding(vendor: str = "alpha", *, start_ns: int = 100, kind: str = "gap", field: str | None = None) -> Finding:
    return Finding(vendor, "AAPL.XNAS", "bars-1d", start_ns, kind, "1 session", field=field, severity="error", found_ns=900)


def test_a_migrated_ledger_has_nothing_to_complain_about_and_migrates_no_further(ledger: Ledger) -> None:
    assert ledger.check() == []
    assert ledger.migrate() is False


# Findings and holds


def test_a_finding_is_recorded_once(ledger: Ledger) -> None:
    assert ledger.record([finding(), finding(field="close"), finding()]) == 2
    assert ledger.record([finding(), finding(field="open")]) == 1
    assert [one.field for one in ledger.findings()] == [None, "close", "open"]


def test_a_finding_comes_back_as_it_was_recorded(ledger: Ledger) -> None:
    planted = Finding("*", "BTC.X", "bars-1m", 2**62, "spike", "was 1, now 100", field="close", end_ns=2**62 + 1, found_ns=5)
    ledger.record([planted])
    assert ledger.findings() == [planted]


def test_findings_are_chosen_by_every_field(ledger: Ledger) -> None:
    ledger.record([finding("alpha", start_ns=1), finding("beta", start_ns=2, kind="spike"), finding("beta", start_ns=3)])

    def starts(which: FindingFilter) -> list[int]:
        return [one.start_ns for one in ledger.findings(which)]

    assert starts(FindingFilter(vendor="beta")) == [2, 3]
    assert starts(FindingFilter(kind="gap", vendor="beta")) == [3]
    assert starts(FindingFilter(start_ns=2, end_ns=3)) == [2]
    assert starts(FindingFilter(instruments=["NO.SUCH"])) == []
    assert starts(FindingFilter(severity="info")) == []
    assert [one.start_ns for one in ledger.findings(limit=2)] == [1, 2]
    assert ledger.finding_counts() == {("alpha", "gap"): 1, ("beta", "gap"): 1, ("beta", "spike"): 1}


def test_twenty_thousand_findings_are_recorded_and_counted(ledger: Ledger) -> None:
    many = [finding(start_ns=number) for number in range(20_000)]
    assert ledger.record(many) == 20_000
    assert ledger.record(many) == 0


def test_a_hold_waits_until_it_is_released_and_then_stays_released(ledger: Ledger) -> None:
    hold = Hold("AAPL.XNAS", "bars-1d", 100, "spike: close 200 after 100", opened_ns=900)
    ledger.record([finding(start_ns=100), finding(start_ns=200)])

    assert ledger.open_holds([hold]) == 1
    assert ledger.open_holds([hold]) == 0
    assert ledger.holds(is_open=True) == [hold]
    assert ledger.release("AAPL.XNAS", "bars-1d", 100, decision="accept", released_by="desk", released_ns=950, note="earnings") == 1

    assert ledger.open_holds([hold]) == 0
    assert ledger.holds(is_open=True) == []
    [released] = ledger.holds(instruments=["AAPL.XNAS"], dataset="bars-1d", is_open=False)
    assert (released.decision, released.released_by, released.released_ns, released.note) == ("accept", "desk", 950, "earnings")
    assert [one.start_ns for one in ledger.findings(FindingFilter(is_released=True))] == [100]
    assert ledger.release("AAPL.XNAS", "bars-1d", 100, decision="reject", released_by="desk", released_ns=960) == 0


def test_another_spike_in_a_released_cell_opens_another_hold(ledger: Ledger) -> None:
    ledger.open_holds([Hold("AAPL.XNAS", "bars-1d", 100, "close 200", opened_ns=900)])
    ledger.release("AAPL.XNAS", "bars-1d", 100, decision="reject", released_by="desk", released_ns=950)
    assert ledger.open_holds([Hold("AAPL.XNAS", "bars-1d", 100, "close 300", opened_ns=990)]) == 1


def test_a_decision_is_accept_or_reject(ledger: Ledger) -> None:
    with pytest.raises(Rejected, match="decision 'maybe', expected accept or reject"):
        ledger.release("A.X", "bars-1d", 1, decision="maybe", released_by="desk", released_ns=2)  # type: ignore[arg-type]  # the point


# Instruments


def test_instruments_are_written_once_and_changed_when_they_differ(ledger: Ledger) -> None:
    assert ledger.upsert_instruments([APPLE, COIN]) == 2
    assert ledger.upsert_instruments([APPLE, COIN]) == 0
    assert ledger.upsert_instruments([Instrument("AAPL.XNAS", "equity", "USD", "XNYS", sector="Technology"), COIN]) == 1
    apple = ledger.instrument("AAPL.XNAS")
    assert apple is not None
    assert (apple.sector, apple.tick) == ("Technology", None)
    assert ledger.instrument("NO.SUCH") is None


def test_a_large_lot_and_a_tiny_tick_survive(ledger: Ledger) -> None:
    ledger.upsert_instruments([COIN])
    assert ledger.instrument("PEPEUSDT.BINANCE") == COIN
    assert str(COIN.tick) == str(ledger.instruments(venue="BINANCE")[0].tick) == "0.00000812"


def test_instruments_are_listed_by_venue_and_kind(ledger: Ledger) -> None:
    ledger.upsert_instruments([META, APPLE, COIN])
    assert [one.id for one in ledger.instruments()] == ["AAPL.XNAS", "META.XNAS", "PEPEUSDT.BINANCE"]
    assert [one.id for one in ledger.instruments(kind="spot")] == ["PEPEUSDT.BINANCE"]
    assert [one.id for one in ledger.instruments(ids=["META.XNAS", "NO.SUCH"])] == ["META.XNAS"]


def test_an_instrument_brings_its_venue_and_keeps_one_that_was_named(ledger: Ledger) -> None:
    assert ledger.upsert_exchanges([Exchange("XNAS", "XNYS", "Nasdaq")]) == 1
    ledger.upsert_instruments([APPLE, COIN])
    assert ledger.upsert_exchanges([Exchange("XNAS", "XNYS", "Nasdaq"), Exchange("BINANCE", "24/7")]) == 0


def test_vendors_are_written_once(ledger: Ledger) -> None:
    vendors = {"binance": Capability(("bars-1m",), lag_ns=5, batch=1000), "ecb": Capability(("rates",), revises=True)}
    assert ledger.upsert_vendors(vendors) == 2
    assert ledger.upsert_vendors(vendors) == 0


def test_an_instrument_is_found_by_symbol_name_and_former_name(ledger: Ledger) -> None:
    ledger.upsert_instruments([APPLE, META, COIN])
    ledger.add_tickers([Ticker("META.XNAS", "FB", "XNAS", 0, 1_000), Ticker("META.XNAS", "META", "XNAS", 1_000)])

    def found(words: str, **how: object) -> list[str]:
        return [one.id for one in ledger.find(words, **how)]  # type: ignore[arg-type]  # the filters of one call

    assert found("aap") == ["AAPL.XNAS"]
    assert found("platforms") == ["META.XNAS"]
    assert found("AAPL.XNAS") == ["AAPL.XNAS"]
    assert found("fb") == ["META.XNAS"]
    assert found("fb", as_of_ns=500) == ["META.XNAS"]
    assert found("fb", as_of_ns=1_000) == []
    assert found("p", venue="BINANCE") == ["PEPEUSDT.BINANCE"]
    assert found("%") == []


def test_a_ticker_resolves_to_the_instrument_that_had_it_then(ledger: Ledger) -> None:
    ledger.upsert_instruments([APPLE, META])
    names = [Ticker("META.XNAS", "FB", "XNAS", 0, 1_000), Ticker("META.XNAS", "META", "XNAS", 1_000)]

    assert ledger.add_tickers(names) == 2
    assert ledger.add_tickers(names) == 0

    assert ledger.resolve("FB", "XNAS", 999) == "META.XNAS"
    assert ledger.resolve("FB", "XNAS", 1_000) is None
    assert ledger.resolve("META", "XNAS", 999) is None
    assert ledger.resolve("META", "XNAS", 1_000) == "META.XNAS"
    assert ledger.resolve("AAPL", "XNAS", 5) == "AAPL.XNAS"
    assert ledger.tickers("META.XNAS") == names


def test_a_symbol_cannot_mean_two_instruments_at_once(ledger: Ledger) -> None:
    ledger.upsert_instruments([APPLE, META])
    ledger.add_tickers([Ticker("META.XNAS", "M", "XNAS", 0, 1_000)])
    with pytest.raises(DataFault, match=r"ticker M at XNAS: META.XNAS from 0 to 1000 and AAPL.XNAS from 999"):
        ledger.add_tickers([Ticker("AAPL.XNAS", "M", "XNAS", 999)])
    assert ledger.resolve("M", "XNAS", 2_000) is None
    assert ledger.add_tickers([Ticker("AAPL.XNAS", "M", "XNAS", 1_000)]) == 1


def test_a_ticker_of_an_unregistered_instrument_is_refused(ledger: Ledger) -> None:
    with pytest.raises(DataFault, match="expected rows that fit its rules: registered instruments"):
        ledger.add_tickers([Ticker("NO.SUCH", "X", "XNAS", 0)])


def test_a_corporate_action_is_read_as_it_was_known(ledger: Ledger) -> None:
    ledger.upsert_instruments([APPLE, META])
    first = CorporateAction("AAPL.XNAS", "dividend", 1_000, 500, Decimal("0.205"), "USD")
    corrected = CorporateAction("AAPL.XNAS", "dividend", 1_000, 800, Decimal("0.21"), "USD")
    split = CorporateAction("AAPL.XNAS", "split", 1_000, 600, Decimal(4))

    assert ledger.add_actions([split, corrected, first]) == 3
    assert ledger.add_actions([first, split, corrected]) == 0
    assert ledger.add_actions([CorporateAction("AAPL.XNAS", "split", 1_000, 900, Decimal("4.0"))]) == 0

    assert ledger.actions(as_of_ns=499) == []
    assert ledger.actions(as_of_ns=500) == [first]
    assert ledger.actions(as_of_ns=799) == [first, split]
    assert ledger.actions(as_of_ns=800) == [corrected, split]
    assert ledger.actions(as_of_ns=800, start_ns=1_001) == []
    assert ledger.actions(as_of_ns=800, instruments=["META.XNAS"]) == []


def test_two_values_of_an_action_known_at_the_same_time_are_refused(ledger: Ledger) -> None:
    ledger.upsert_instruments([APPLE])
    ledger.add_actions([CorporateAction("AAPL.XNAS", "split", 1_000, 600, Decimal(4))])
    with pytest.raises(DataFault, match=r"split of AAPL.XNAS effective 1000, known 600"):
        ledger.add_actions([CorporateAction("AAPL.XNAS", "split", 1_000, 600, Decimal(7))])


# Universes


def test_a_universe_is_read_as_it_was_known(ledger: Ledger) -> None:
    first = Universe("top", date(2024, 1, 1), 100, (Member("BTC.X", 1, Decimal("8.5e11")), Member("ETH.X", 2)))
    second = Universe("top", date(2024, 1, 2), 200, (Member("ETH.X", 1), Member("BTC.X", 2)))

    assert ledger.save_universe(first) is True
    assert ledger.save_universe(second) is True
    assert ledger.save_universe(Universe("top", date(2024, 1, 1), 900, tuple(reversed(first.members)))) is False

    assert ledger.members("top", 99) == []
    assert ledger.universe("top", 199) == first
    assert [(one.instrument, one.rank) for one in ledger.members("top", 200)] == [("ETH.X", 1), ("BTC.X", 2)]
    assert ledger.universes("top") == [first, second]
    assert ledger.universe("other", 200) is None


def test_a_corrected_universe_needs_a_later_known_time(ledger: Ledger) -> None:
    ledger.save_universe(Universe("top", date(2024, 1, 1), 100, (Member("BTC.X", 1),)))
    with pytest.raises(DataFault, match="universe top of 2024-01-01"):
        ledger.save_universe(Universe("top", date(2024, 1, 1), 100, (Member("ETH.X", 1),)))
    assert ledger.save_universe(Universe("top", date(2024, 1, 1), 101, (Member("ETH.X", 1),))) is True
    assert [one.instrument for one in ledger.members("top", 100)] == ["BTC.X"]


# Runs of jobs, bookmarks


def test_a_run_starts_and_ends(ledger: Ledger) -> None:
    number = ledger.start_run("ingest", "2024-01", started_ns=10, log="logs/1", airflow_run="manual__1")
    started = ledger.run(number)
    assert started is not None
    assert (started.state, started.attempt, started.log, started.airflow_run) == ("running", 1, "logs/1", "manual__1")

    result = RunResult("partial", 20, rows_in=2**40, rows_published=7, rows_restated=1, findings=2, detail={"months": ["2024-01"]})
    ledger.finish_run(number, result)
    ledger.finish_run(number, result)

    ended = ledger.run(number)
    assert ended is not None
    assert ended.result == result
    assert ledger.run(number + 1) is None


def test_every_symbol_of_a_partition_has_its_own_run(ledger: Ledger) -> None:
    numbers = ledger.start_runs("ingest", "2024-01", ["BTC.X", "ETH.X", None], started_ns=10)
    ledger.finish_runs(
        {
            numbers["BTC.X"]: RunResult("done", 20, rows_published=5),
            numbers["ETH.X"]: RunResult("failed", 20, error_kind="Missing", error="no file"),
        }
    )

    assert [run.subject for run in ledger.runs(RunFilter(state="failed"))] == ["ETH.X"]
    assert [run.state for run in ledger.runs(RunFilter(job="ingest", subject="BTC.X"))] == ["done"]
    assert [run.state for run in ledger.runs(RunFilter(subject=""))] == ["running"]
    assert [run.subject for run in ledger.runs(limit=1)] == [None]


def test_tasks_of_one_airflow_run_that_are_mapped_side_by_side_end_none_of_each_other(ledger: Ledger) -> None:
    place = "https://airflow/dags/night/runs/manual__1/tasks/capture"

    def begin(task: str, started_ns: int, airflow_run: str = "night/manual__1") -> None:
        ledger.start_run("capture", "2024-01", started_ns=started_ns, log=f"{place}/{task}", airflow_run=airflow_run)

    def states() -> list[str]:
        return [run.state for run in sorted(ledger.runs(RunFilter(job="capture")), key=lambda run: run.id)]

    begin("mapped/0?try_number=1", 10)
    begin("mapped/1?try_number=1", 11)
    assert states() == ["running", "running"]
    begin("mapped/0?try_number=2", 20)
    assert states() == ["failed", "running", "running"]
    begin("mapped/0?try_number=1", 30, airflow_run="night/manual__2")
    assert states() == ["failed", "failed", "failed", "running"]


def test_a_retry_counts_attempts_and_closes_what_a_killed_run_left_open(ledger: Ledger) -> None:
    killed = ledger.start_run("ingest", "2024-01", subject="BTC.X", started_ns=10)
    other = ledger.start_run("ingest", "2024-02", subject="BTC.X", started_ns=11)

    again = ledger.start_run("ingest", "2024-01", subject="BTC.X", started_ns=30)

    states = {run.id: (run.state, run.attempt) for run in ledger.runs()}
    assert states == {killed: ("failed", 1), other: ("running", 1), again: ("running", 2)}
    left = ledger.run(killed)
    assert left is not None
    assert left.result is not None
    assert (left.result.error_kind, left.result.ended_ns) == ("Interrupted", 30)


def test_a_run_that_ended_is_not_given_another_end(ledger: Ledger) -> None:
    number = ledger.start_run("ingest", "2024-01", started_ns=10)
    ledger.finish_run(number, RunResult("done", 20))
    with pytest.raises(Rejected, match="ended done already, expected a running one"):
        ledger.finish_run(number, RunResult("failed", 21))
    with pytest.raises(Rejected, match="are unknown, expected ids that start_run returned"):
        ledger.finish_run(number + 99, RunResult("done", 20))


def test_a_bookmark_moves_forward_only_unless_it_is_forced(ledger: Ledger) -> None:
    noon = parse("2024-01-01T12:00:00Z")
    assert ledger.bookmark("rest", "BTC.X") is None
    assert ledger.set_bookmark("rest", "BTC.X", Bookmark(noon, "page 3")) is True
    assert ledger.set_bookmark("rest", "BTC.X", Bookmark(noon - 1)) is False
    assert ledger.set_bookmark("rest", "BTC.X", Bookmark(noon, "page 3")) is False
    assert ledger.bookmark("rest", "BTC.X") == Bookmark(noon, "page 3")
    assert ledger.set_bookmark("rest", "BTC.X", Bookmark(noon - 1), force=True) is True
    assert ledger.set_bookmarks("rest", {"BTC.X": Bookmark(noon), "ETH.X": Bookmark(5)}) == 2
    assert ledger.bookmarks("rest", ["ETH.X"]) == {"ETH.X": Bookmark(5)}
    assert ledger.bookmarks("other") == {}


def test_a_refused_write_leaves_nothing_behind(ledger: Ledger) -> None:
    ledger.upsert_instruments([META])
    with pytest.raises(DataFault):
        ledger.add_tickers([Ticker("META.XNAS", "META", "XNAS", 0), Ticker("NO.SUCH", "X", "XNAS", 0)])
    assert ledger.tickers("META.XNAS") == []
