"""Coins from the local venues into the history: bulk, increments, trades, the universe; and again, which changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tradewinds.app.plan_runner import run_plan
from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import NS_PER_MINUTE, parse
from tradewinds.core.market import bars
from tradewinds.core.observation import Table
from tradewinds.jobs.catalog import plans
from tradewinds.jobs.ingest import FAR_FUTURE_NS
from tradewinds.stores.ledger_findings import FindingFilter
from tradewinds.stores.ledger_runs import RunFilter
from tradewinds.wiring.house import House, run_job
from tradewinds.wiring.sandbox import RunningSandbox

CONFIG = """
crypto:
  binance:
    bars: [{interval: 1h, instruments: [BTCUSDT, ETHUSDT], since: 2024-12-01}]
    trades: [BTCUSDT]
    trades_since: 2025-01-02
"""
HOURS = Table(bars("1h"))
DAY = "2025-01-03"


@pytest.fixture
def faults(venues: RunningSandbox) -> Iterator[Any]:
    """Switches faults of the venues on; they are off again after the test."""
    with httpx.Client(base_url=venues.urls["control"], trust_env=False) as client:
        yield lambda fact: client.post("/faults", json=fact).raise_for_status()
        client.delete("/faults").raise_for_status()


def _run(house: House, plan: str) -> dict[str, Any]:
    drawn = {one.name: one for one in plans(house.config)}
    return run_plan(drawn[plan], DAY, {}, house=house, progress=lambda message: None)


def _count(house: House, table: Table = HOURS) -> int:
    return house.lake.read(table, as_of_ns=FAR_FUTURE_NS).height


def test_a_month_in_milliseconds_and_days_in_microseconds_join_without_a_gap(venues: Any, make_house: Any) -> None:
    house = make_house(CONFIG, venues.environment)

    result = _run(house, "crypto_backfill")

    rows = house.lake.read(HOURS, as_of_ns=FAR_FUTURE_NS, instruments=["BTCUSDT.BINANCE"])
    assert result["state"] == "done"
    # 31 days of December by its days (the month is not out on 3 January) and two of January, the last one whole.
    assert rows.height == 33 * 24
    assert rows["start_ns"][0] == parse("2024-12-01")
    assert rows["start_ns"].diff().drop_nulls().unique().to_list() == [60 * NS_PER_MINUTE]


def test_running_again_asks_for_checksums_only_and_writes_nothing(venues: Any, make_house: Any) -> None:
    house = make_house(CONFIG, venues.environment)
    _run(house, "crypto_backfill")
    versions = {name: house.lake.version(HOURS, name) for name in house.lake.partitions(HOURS)}

    again = _run(house, "crypto_backfill")

    steps = again["detail"]["steps"]["ingest"]
    assert again["state"] == "nothing"
    assert sum(step["bytes_written"] for step in steps) == 0
    assert sum(step["fetched"] for step in steps) == 0
    assert {name: house.lake.version(HOURS, name) for name in house.lake.partitions(HOURS)} == versions


def test_increments_go_on_from_the_bookmark_and_leave_out_the_unfinished_bar(venues: Any, make_house: Any) -> None:
    house = make_house(CONFIG, venues.environment)
    _run(house, "crypto_backfill")

    result = _run(house, "crypto_incremental")

    rows = house.lake.read(HOURS, as_of_ns=FAR_FUTURE_NS, instruments=["ETHUSDT.BINANCE"])
    assert result["rows_published"] == 2 * 6
    assert rows["event_ns"][-1] == parse("2025-01-03T06:00:00Z")
    assert _run(house, "crypto_incremental")["state"] == "nothing"


def test_a_newcomer_is_brought_up_from_the_archive_unasked(venues: Any, make_house: Any) -> None:
    house = make_house(CONFIG.replace("interval: 1h", "interval: 1m"), venues.environment)

    _run(house, "crypto_incremental")

    rows = house.lake.read(Table(bars("1m")), as_of_ns=FAR_FUTURE_NS, instruments=["BTCUSDT.BINANCE"])
    # At 06:30 sharp the bar that just closed is not final yet: it is known a second later.
    assert rows.height == 33 * 1440 + 6 * 60 + 29
    assert set(rows["vendor"].unique()) == {"binance_archive", "binance_rest"}


def test_years_without_a_bar_are_one_question_and_not_thousands(venues: Any, make_house: Any) -> None:
    # The venue's BTCUSDT begins in 2017; nothing before it is asked for minute by minute.
    house = make_house(CONFIG.replace("interval: 1h", "interval: 1m").replace("2024-12-01", "2017-09-01"), venues.environment)
    rest = house.vendor("binance_rest")

    from tradewinds.core.market import Interval
    from tradewinds.jobs.crypto_incremental import _without_empty_years

    now = parse("2025-01-03T06:30:00Z")
    gone = parse("2016-01-01")
    found = _without_empty_years(rest, Interval("1m"), {"BTCUSDT.BINANCE": gone, "ETHUSDT.BINANCE": now - 60 * NS_PER_MINUTE}, now)

    first = rest.first_bar_ns("BTCUSDT.BINANCE", "1m")
    assert found == {"BTCUSDT.BINANCE": first, "ETHUSDT.BINANCE": now - 60 * NS_PER_MINUTE}
    assert first > parse("2016-12-31")


def test_one_symbol_that_fails_fails_alone_and_is_listed(venues: Any, make_house: Any, faults: Any) -> None:
    house = make_house(CONFIG, venues.environment)
    faults({"kind": "checksum", "venue": "binance_archive", "symbol": "*ETHUSDT-1h-2024-12-15*"})

    result = _run(house, "crypto_backfill")

    rows = {run.subject: run for run in house.ledger.runs(RunFilter(job="crypto_backfill.ingest")) if run.subject}
    assert result["state"] == "partial"
    assert list(result["failed"]) == ["ETHUSDT.BINANCE"]
    assert "SHA-256" in result["failed"]["ETHUSDT.BINANCE"]
    assert _count(house) == 2 * 33 * 24 - 24
    assert rows["ETHUSDT.BINANCE"].state == "failed"
    assert rows["BTCUSDT.BINANCE"].state == "done"


def test_the_re_run_completes_what_failed(venues: Any, make_house: Any, faults: Any) -> None:
    house = make_house(CONFIG, venues.environment)
    faults({"kind": "checksum", "venue": "binance_archive", "symbol": "*ETHUSDT-1h-2024-12-15*", "times": 2})
    assert _run(house, "crypto_backfill")["state"] == "partial"

    result = _run(house, "crypto_backfill")

    assert result["rows_published"] == 24
    assert _count(house) == 2 * 33 * 24


def test_a_passing_fault_is_tried_again_within_the_run(venues: Any, make_house: Any, faults: Any) -> None:
    house = make_house(CONFIG, venues.environment)
    faults({"kind": "throttle", "venue": "binance_archive", "symbol": "*BTCUSDT-1h-2024-12-10.zip", "times": 1, "amount": 0})

    assert _run(house, "crypto_backfill")["state"] == "done"
    assert _count(house) == 2 * 33 * 24


def test_missing_candles_are_found_and_not_filled(venues: Any, make_house: Any, faults: Any) -> None:
    house = make_house(CONFIG, venues.environment)
    hole = {"start": "2024-12-20T03:00:00Z", "end": "2024-12-20T06:00:00Z"}
    faults({"kind": "missing", "symbol": "ETHUSDT", "amount": 1.0, **hole})

    _run(house, "crypto_backfill")

    found = house.ledger.findings(FindingFilter(kind="gap"))
    assert _count(house) == 2 * 33 * 24 - 3
    assert [(one.instrument, one.start_ns, one.end_ns) for one in found] == [
        ("ETHUSDT.BINANCE", parse("2024-12-20T03:00:00Z"), parse("2024-12-20T06:00:00Z"))
    ]


def test_a_replaced_file_is_a_restatement_and_the_past_still_reads_as_it_was(venues: Any, make_house: Any, faults: Any) -> None:
    house = make_house(CONFIG, venues.environment)
    _run(house, "crypto_backfill")
    before = house.lake.read(HOURS, as_of_ns=FAR_FUTURE_NS)
    span = {"start": "2024-12-05T00:00:00Z", "end": "2024-12-06T00:00:00Z"}
    faults({"kind": "restated", "symbol": "BTCUSDT", "amount": 1.0, **span})

    later = make_house(CONFIG, venues.environment, now="2025-01-03T09:00:00Z")
    result = _run(later, "crypto_backfill")

    now, then = parse("2025-01-03T09:00:00Z"), parse("2025-01-03T06:30:00Z")
    assert result["rows_restated"] == 24
    assert result["rows_published"] == 0
    assert later.lake.read(HOURS, as_of_ns=then).equals(before)
    assert not later.lake.read(HOURS, as_of_ns=now).equals(before)
    assert later.lake.versions(HOURS, instruments=["BTCUSDT.BINANCE"]).height == 33 * 24 + 24


def test_trades_come_from_the_archive_and_by_id_from_rest_and_make_sampled_bars(venues: Any, make_house: Any) -> None:
    house = make_house(CONFIG, venues.environment)

    result = _run(house, "crypto_trades")

    from tradewinds.core.market import TRADES
    from tradewinds.jobs.crypto_trades import SAMPLED

    prints = house.lake.read(Table(TRADES), as_of_ns=FAR_FUTURE_NS)
    sampled = house.lake.read(Table(SAMPLED), as_of_ns=FAR_FUTURE_NS)
    assert result["rows_published"] == prints.height > 1000
    assert prints["id"].diff().drop_nulls().unique().to_list() == [1]
    assert set(prints["vendor"].unique()) == {"binance_archive", "binance_rest"}
    assert set(sampled["measure"].unique()) == {"ticks", "volume", "value"}
    assert _run(house, "crypto_trades")["state"] == "nothing"


def test_the_universe_is_taken_by_market_cap_and_mapped_to_pairs(venues: Any, make_house: Any) -> None:
    text = "crypto: {binance: {universe: {top: 2}, bars: [{interval: 1d, instruments: [universe], since: 2024-12-30}]}}"
    house = make_house(text, venues.environment)

    result = run_job("universe", DAY, {}, house=house)

    members = house.ledger.members("crypto_binance", FAR_FUTURE_NS)
    assert [member.instrument for member in members] == ["BTCUSDT.BINANCE", "ETHUSDT.BINANCE"]
    assert result["detail"]["members"] == 2
    assert house.ledger.instrument("BTCUSDT.BINANCE") is not None
    assert run_job("universe", DAY, {}, house=house)["state"] == "nothing"


def test_before_the_first_snapshot_nothing_is_planned(venues: Any, make_house: Any) -> None:
    house = make_house("crypto: {binance: {bars: [{interval: 1d, instruments: [universe], since: 2024-12-30}]}}", venues.environment)

    assert run_job("crypto_backfill.plan", DAY, {}, house=house)["state"] == "nothing"


def test_a_symbol_that_the_venue_does_not_list_is_named(venues: Any, make_house: Any) -> None:
    house = make_house(CONFIG, venues.environment)
    params = {"market": "binance", "interval": "1h", "instruments": ["NOSUCHUSDT.BINANCE"], "since_ns": parse("2025-01-02")}

    with pytest.raises(DataFault, match="NOSUCHUSDT"):
        run_job("crypto_incremental.ingest", DAY, params, house=house)

    assert house.ledger.runs(RunFilter(job="crypto_incremental.ingest", subject=""))[0].state == "failed"


def test_an_unknown_market_and_an_unknown_job_are_refused(make_house: Any) -> None:
    house = make_house("crypto: {binance: {}}")

    with pytest.raises(Rejected, match="kraken"):
        run_job("crypto_backfill.plan", DAY, {"market": "kraken"}, house=house)
    with pytest.raises(Rejected, match=r"nonsense.*expected one of"):
        run_job("nonsense", DAY, {}, house=house)
