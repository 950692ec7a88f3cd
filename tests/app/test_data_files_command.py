"""`tradewinds data files`: what another engine is told, and that it reads with it what `data export` writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

BARS = "Date,O,H,L,C,Vol.\n2024-01-02,10,11,9,10.5,1000\n2024-01-03,10.5,12,10,11.5,2000\n"


@pytest.fixture
def imported(command: Any, workspace: Path) -> Any:
    """Two daily bars of ACME."""
    (workspace / "acme.csv").write_text(BARS)
    columns = "time=Date,open=O,high=H,low=L,close=C,volume=Vol."
    ended = command("data", "import", "acme.csv", "--instrument", "ACME.XNYS", "--columns", columns)
    assert ended.code == 0, ended.err
    return command


def test_the_files_are_there_and_hold_the_rows(imported: Any) -> None:
    (file,) = imported("data", "files", "bars-1d").out.splitlines()

    assert pl.read_parquet(file)["close"].to_list() == [10.5, 11.5]


def test_duckdb_reads_with_the_printed_statement_what_export_writes(imported: Any, workspace: Path) -> None:
    asked = imported("data", "files", "bars-1d", "--sql", "duckdb").out
    imported("data", "export", "bars-1d", "acme.parquet")

    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        rows = database.execute(asked).pl().sort("start")
    assert rows.drop("captured").rows() == pl.read_parquet(workspace / "acme.parquet").drop("captured").rows()


def test_json_has_the_files_what_tells_facts_apart_and_the_statement(imported: Any) -> None:
    told = imported("data", "files", "bars-1d", "--sql", "spark", "--json").json

    assert (told["table"], told["identity"], len(told["files"])) == ("history/bars-1d", ["instrument", "start"], 1)
    assert told["sql"].startswith("SELECT `instrument`, `start`")


def test_a_time_before_everything_ends_as_data_that_is_missing(imported: Any) -> None:
    ended = imported("data", "files", "bars-1d", "--as-of", "1999-01-01")

    assert ended.code == 65
    assert "no file, expected something known by then" in ended.err
