"""`tradewinds job`: plans and single jobs without Airflow, a row for every symbol, exit codes that scripts can rely on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tradewinds.wiring.sandbox import RunningSandbox

CONFIG = """
crypto:
  binance:
    bars: [{interval: 1h, instruments: [BTCUSDT, ETHUSDT], since: 2024-12-30}]
"""


@pytest.fixture
def coins(command: Any, workspace: Path, venue_settings: None) -> Any:
    """A workspace of two coins at the local venues."""
    (workspace / "tradewinds.yaml").write_text(CONFIG)
    return command


@pytest.fixture
def faults(venues: RunningSandbox) -> Iterator[Any]:
    """Switches faults of the venues on; they are off again after the test."""
    with httpx.Client(base_url=venues.urls["control"], trust_env=False) as client:
        yield lambda fact: client.post("/faults", json=fact).raise_for_status()
        client.delete("/faults").raise_for_status()


def test_the_list_names_plans_their_steps_and_every_job(coins: Any) -> None:
    told = coins("job", "list", "--json").json

    plans = {plan["name"]: plan for plan in told["plans"]}
    assert plans["crypto_backfill"]["steps"] == ["crypto_backfill.plan", "crypto_backfill.ingest"]
    assert plans["crypto_incremental"]["schedule"] == "5 * * * *"
    assert "equities.reconcile" in told["jobs"]
    assert "crypto_backfill" in coins("job", "list").out


def test_a_plan_runs_once_and_then_has_nothing_to_do(coins: Any) -> None:
    first = coins("job", "run", "crypto_backfill", "--partition", "2025-01-03", "--json")
    again = coins("job", "run", "crypto_backfill", "--partition", "2025-01-03", "--json")

    # 30 December to 2 January: four days of two coins.
    assert (first.code, first.json["state"], first.json["rows_published"]) == (0, "done", 2 * 4 * 24)
    assert first.json["partition"] == "2025-01-03"
    assert "crypto_backfill.ingest [1/1]" in first.err
    assert (again.code, again.json["state"], again.json["rows_published"]) == (99, "nothing", 0)


def test_parameters_choose_interval_symbols_and_times(coins: Any) -> None:
    params = ("--param", "interval=4h", "--param", 'instruments=["ETHUSDT"]', "--param", "from=2025-01-01")

    ended = coins("job", "run", "crypto_backfill", *params)

    assert ended.code == 0
    assert ended.out == "crypto_backfill 2025-01-03: state done, rows in 12, rows published 12, rows restated 0, findings 0\n"


def test_every_symbol_has_its_row_and_can_be_looked_at(coins: Any) -> None:
    coins("job", "run", "crypto_backfill")

    of_plan = coins("job", "show", "crypto_backfill", "--json").json["runs"]
    of_symbol = coins("job", "show", "--symbol", "ETHUSDT", "--json").json["runs"]
    whole = coins("job", "show", str(of_symbol[0]["id"]))

    assert {run["job"] for run in of_plan} == {"crypto_backfill.plan", "crypto_backfill.ingest"}
    assert [(run["subject"], run["state"], run["result"]["rows_published"]) for run in of_symbol] == [("ETHUSDT.BINANCE", "done", 96)]
    assert of_symbol[0]["started"] == "2025-01-03T06:30:00Z"
    assert whole.code == 0
    assert "ETHUSDT.BINANCE" in whole.out
    assert "ETHUSDT.BINANCE" in coins("job", "show", "crypto_backfill.ingest", "--state", "done").out


def test_a_fetch_of_a_later_day_leaves_no_hole_behind_the_bookmark(coins: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWINDS_CLOCK", "2025-01-01T00:30:00Z")
    coins("job", "run", "crypto_incremental")
    monkeypatch.setenv("TRADEWINDS_CLOCK", "2025-01-03T06:30:00Z")
    coins("data", "fetch", "BTCUSDT", "--interval", "1h", "--from", "2025-01-03")

    coins("job", "run", "crypto_incremental")

    asked = "select instrument, count(*) n from history.bars_1h group by all order by all"
    # From 30 December on: four days and six hours of each.
    assert [row["n"] for row in coins("sql", asked, "--json").json["rows"]] == [102, 102]


def test_no_symbol_of_a_job_that_broke_off_runs_forever(coins: Any) -> None:
    params = ("--param", "interval=1h", "--param", 'instruments=["AAPL.XNAS"]', "--param", "since_ns=1735689600000000000")

    ended = coins("job", "run", "crypto_incremental.ingest", *params)
    runs = coins("job", "show", "--json").json["runs"]

    assert ended.code == 2
    assert [(run["subject"], run["state"]) for run in runs] == [("AAPL.XNAS", "failed"), (None, "failed")]
    assert all("venue XNAS" in run["result"]["error"] for run in runs)


def test_a_symbol_that_fails_is_listed_and_the_rest_is_published(coins: Any, faults: Any) -> None:
    faults({"kind": "checksum", "venue": "binance_archive", "symbol": "*ETHUSDT-1h-2024-12-31*"})

    ended = coins("job", "run", "crypto_backfill")

    assert ended.code == 65
    assert ended.out.startswith("crypto_backfill 2025-01-03: state partial, rows in 168, rows published 168,")
    assert "  failed ETHUSDT.BINANCE: " in ended.out
    failed = coins("job", "show", "--state", "failed", "--json").json["runs"]
    assert [(run["subject"], "SHA-256" in run["result"]["error"]) for run in failed] == [("ETHUSDT.BINANCE", True)]


def test_a_vendor_that_refuses_is_65_and_its_secret_is_never_printed(
    command: Any, workspace: Path, venue: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "c0ffee-and-a-long-token"
    monkeypatch.setenv("TRADEWINDS_VENDORS__TIINGO__SECRET", secret)
    monkeypatch.setenv("TRADEWINDS_TIINGO_URL", venue.url)
    market = "{calendar: XNYS, instruments: [AAPL.XNAS], vendors: [tiingo], since: 2024-01-02}"
    (workspace / "tradewinds.yaml").write_text(f"equities: {{XNYS: {market}}}\n")
    path = "/tiingo/daily/AAPL/prices"
    venue.answer(path, lambda _, headers: (401, f"bad token {headers.get('authorization')} {secret}".encode(), {}))

    ended = command("job", "run", "equities_nightly_xnys", "--partition", "2024-01-03", "--json")
    everything = ended.out + ended.err + command("job", "show", "--json").out + command("doctor").out

    assert (ended.code, ended.out) == (65, "")
    assert "tiingo" in ended.err
    assert venue.asked
    assert secret not in everything


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("run", "nonsense"), "job 'nonsense' is unknown, expected one of"),
        (("run", "crypto_backfill", "--param", "interval"), "--param 'interval', expected KEY=VALUE"),
        (("run", "crypto_backfill", "--param", "market=kraken"), "market 'kraken', expected one of ['binance']"),
        (("run", "crypto_backfill", "--param", "from=noon"), "'noon', expected ISO 8601"),
        (("run", "equities.plan", "--partition", "2025-01-02"), "expected one of [] in the configuration's equities section"),
        (("show", "nonsense"), "expected a plan (crypto_backfill, "),
    ],
)
def test_what_is_asked_wrongly_is_2_and_said(coins: Any, arguments: tuple[str, ...], told: str) -> None:
    ended = coins("job", *arguments)

    assert (ended.code, ended.out) == (2, "")
    assert told in ended.err


def test_no_run_of_that_kind_is_1(coins: Any) -> None:
    assert coins("job", "show", "crypto_backfill").code == 1
    assert coins("job", "show", "4711").code == 1
    assert coins("job", "show", "--json").json == {"runs": []}


def test_the_universe_is_found_by_name_afterwards(coins: Any) -> None:
    assert coins("instrument", "find", "BTC").code == 1
    assert coins("job", "run", "universe").code == 0
    assert coins("job", "run", "universe").code == 99

    ended = coins("instrument", "find", "btc", "--json")

    (found,) = ended.json["instruments"]
    assert (ended.code, found["id"], found["tick"], found["is_tradable"]) == (0, "BTCUSDT.BINANCE", "0.01", True)
    assert coins("instrument", "find", "BTC", "--venue", "XNAS").code == 1
    assert "BTCUSDT.BINANCE" in coins("instrument", "find", "BTC").out


def test_sql_asks_lake_and_ledger_as_of_a_time_and_only_reads(coins: Any) -> None:
    coins("job", "run", "crypto_backfill")
    asked = "select instrument, count(*) n, max(start) latest from history.bars_1h group by all order by all"

    now = coins("sql", asked, "--json").json
    then = coins("sql", asked, "--as-of", "2025-01-01T12:00:00Z", "--json").json
    runs = coins("sql", "select count(*) n from ledger.job_run where state = 'done'", "--json").json["rows"]

    assert now["as_of"] == "2025-01-03T06:30:00Z"
    assert now["rows"][0] == {"instrument": "BTCUSDT.BINANCE", "n": 96, "latest": "2025-01-02T23:00:00Z"}
    # What ends at noon is known a second later: 48 hours of 2024 and eleven of the new year.
    assert [row["n"] for row in then["rows"]] == [59, 59]
    assert runs[0]["n"] >= 3
    assert "ledger.job_run" in coins("sql", "--tables").out
    for statement in ("drop table history.bars_1h", "insert into ledger.job_run values (1)", "copy (select 1) to 'x.csv'", "selec 1"):
        assert (statement, coins("sql", statement).code) == (statement, 2)


def test_sql_prints_what_json_does_not_know_and_names_twice(coins: Any) -> None:
    ended = coins("sql", "select 1 a, 2 a, 'nan'::double x, time '12:00' t, timestamp '2024-01-31' s", "--json")

    assert ended.json["rows"] == [{"a": 1, "a_2": 2, "x": None, "t": "12:00:00", "s": "2024-01-31T00:00:00"}]
    assert coins("sql", "select 1 a, 2 a").out.split() == ["a", "a", "────", "1", "2"]


def test_sql_without_a_statement_or_with_an_unknown_table_says_what_to_ask(coins: Any) -> None:
    nothing, unknown = coins("sql"), coins("sql", "select * from history.bars_9h")

    assert (nothing.code, nothing.out, unknown.code) == (2, "", 2)
    assert "--tables" in nothing.err
    assert "ledger.job_run" in unknown.err


def test_sql_shows_at_most_as_many_rows_as_asked(coins: Any) -> None:
    ended = coins("sql", "select * from range(5) r(n)", "--limit", "2")

    assert ended.out.split()[-2:] == ["0", "1"]
    assert ended.err == "3 more rows; --limit shows more\n"
