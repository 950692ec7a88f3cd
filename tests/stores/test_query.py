"""SQL over lake and ledger: as known then, read-only, and nothing else within reach."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import NS_PER_MINUTE, parse
from tradewinds.core.instrument import CorporateAction, Instrument
from tradewinds.core.market import bars
from tradewinds.core.observation import Column, Dataset, Table
from tradewinds.core.record import Member, Universe
from tradewinds.stores.lake import FileLake
from tradewinds.stores.lake_files import Files, LocalFiles
from tradewinds.stores.ledger import Ledger
from tradewinds.stores.memory import MemoryFiles
from tradewinds.stores.query import open_sql, run

MINUTES = Table(bars("1m"))
BEFORE, AFTER = parse("2024-02-28"), parse("2024-03-02")
RATES = Dataset("policy-rates", (Column("tenor", "text"), Column("rate")), keys=("tenor",))


def minutes(first: str, closes: list[float], *, instrument: str = "A.XNAS", known: str | None = None) -> pl.DataFrame:
    rows = len(closes)
    starts = [parse(first) + number * NS_PER_MINUTE for number in range(rows)]
    return pl.DataFrame(
        {
            "instrument": [instrument] * rows,
            "start_ns": starts,
            "event_ns": [start + NS_PER_MINUTE for start in starts],
            "known_ns": [start + NS_PER_MINUTE if known is None else parse(known) for start in starts],
            "captured_ns": [parse("2024-12-31")] * rows,
            "source": ["ab"] * rows,
            "open": closes,
            "high": closes,
            "low": closes,
            "close": closes,
            "volume": [10.0] * rows,
        }
    )


@pytest.fixture(params=["local", "memory"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    """Two months of minutes; on 1 March the second minute of January is restated."""
    files: Files = LocalFiles(tmp_path / "lake") if request.param == "local" else MemoryFiles()
    lake = FileLake(files)
    lake.publish(MINUTES, "2024-01", pl.concat([minutes("2024-01-05", [1.0, 2.0]), minutes("2024-01-05", [9.0], instrument="B.XNAS")]))
    lake.publish(MINUTES, "2024-02", minutes("2024-02-05", [3.0]))
    lake.publish(MINUTES, "2024-01", minutes("2024-01-05T00:01", [2.5], known="2024-03-01"))
    lake.publish(Table(bars("1d"), vendor="alpha"), "2024", minutes("2024-01-05", [7.0]))
    return files


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(f"sqlite:///{tmp_path}/ledger.sqlite") as ledger:
        ledger.migrate()
        yield ledger


def closes(files: Files, as_of_ns: int, table: str = "history.bars_1m") -> list[Any]:
    return run(f"SELECT close FROM {table} ORDER BY instrument, start, known", files, None, as_of_ns)["close"].to_pylist()


def test_a_restatement_is_seen_from_when_it_was_known(files: Files) -> None:
    assert closes(files, BEFORE) == [1.0, 2.0, 3.0, 9.0]
    assert closes(files, AFTER) == [1.0, 2.5, 3.0, 9.0]


def test_nothing_is_seen_before_it_was_known(files: Files) -> None:
    assert closes(files, parse("2024-01-05T00:01")) == [1.0, 9.0]
    assert closes(files, parse("2023-01-01")) == []


def test_every_version_known_by_then_can_be_asked_for(files: Files) -> None:
    assert closes(files, AFTER, "history.bars_1m_versions") == [1.0, 2.0, 2.5, 3.0, 9.0]
    assert closes(files, BEFORE, "history.bars_1m_versions") == [1.0, 2.0, 3.0, 9.0]


def test_what_sql_reads_is_what_the_lake_reads(files: Files) -> None:
    for as_of_ns in (BEFORE, AFTER):
        assert closes(files, as_of_ns) == FileLake(files).read(MINUTES, as_of_ns=as_of_ns)["close"].to_list()


def test_a_vendors_tables_stand_under_its_name(files: Files) -> None:
    assert closes(files, AFTER, "vendor_alpha.bars_1d") == [7.0]


def test_times_are_timestamps_in_utc(files: Files) -> None:
    found = run("SELECT min(start) AS first FROM history.bars_1m", files, None, AFTER)
    assert found["first"].to_pylist() == [datetime(2024, 1, 5, tzinfo=UTC)]


def test_a_session_answers_many_questions(files: Files, ledger: Ledger) -> None:
    with open_sql(files, ledger, AFTER) as sql:
        assert sql.run("SELECT count(*) AS n FROM history.bars_1m")["n"].to_pylist() == [4]
        assert sql.run("SELECT count(*) AS n FROM history.bars_1m b JOIN history.bars_1m c USING (start)")["n"].to_pylist() == [6]
        assert sql.run("WITH bars AS (FROM history.bars_1m) SELECT max(close) AS n FROM bars")["n"].to_pylist() == [9.0]
        assert sql.run("EXPLAIN SELECT * FROM history.bars_1m").num_rows == 1
        assert {"history.bars_1m", "history.bars_1m_versions", "vendor_alpha.bars_1d", "ledger.instrument"} <= set(sql.tables())
        assert "bars_1m" in sql.run("SELECT table_name FROM information_schema.tables")["table_name"].to_pylist()


def test_the_ledger_joins_the_lake(files: Files, ledger: Ledger) -> None:
    ledger.upsert_instruments([Instrument("A.XNAS", "spot", "USDT", "24/7", tick=Decimal("0.00000812"), lot=Decimal(100000))])
    query = "SELECT i.tick, i.lot, count(*) AS n FROM history.bars_1m b JOIN ledger.instrument i ON i.id = b.instrument GROUP BY ALL"
    [row] = run(query, files, ledger, AFTER).to_pylist()
    assert row == {"tick": Decimal("0.00000812"), "lot": Decimal(100000), "n": 3}


def test_the_ledger_too_is_read_as_it_was_known(files: Files, ledger: Ledger) -> None:
    ledger.upsert_instruments([Instrument("A.XNAS", "equity", "USD", "XNYS")])
    ledger.add_actions(
        [CorporateAction("A.XNAS", "split", 1_000_000, known, Decimal(ratio)) for known, ratio in ((2_000_000, 2), (3_000_000, 4))]
    )
    ledger.save_universe(Universe("top", date(2024, 1, 1), 3_000_000, (Member("A.XNAS", 1),)))
    action = "SELECT value, known FROM ledger.corporate_action"
    members = "SELECT count(*) AS n FROM ledger.universe_member"

    assert run(action, files, ledger, 1_999_999).num_rows == 0
    assert run(action, files, ledger, 2_999_999).to_pylist() == [
        {"value": Decimal(2), "known": datetime(1970, 1, 1, 0, 0, 0, 2000, tzinfo=UTC)}
    ]
    assert run(action, files, ledger, 3_000_000)["value"].to_pylist() == [Decimal(4)]
    assert run(members, files, ledger, 2_999_999)["n"].to_pylist() == [0]
    assert run(members, files, ledger, 3_000_000)["n"].to_pylist() == [1]


def test_a_declared_datasets_versions_are_told_apart_by_its_keys() -> None:
    files = MemoryFiles()
    at = parse("2024-01-05")
    rows = pl.DataFrame(
        {
            "instrument": ["US.FED"] * 3,
            "start_ns": [at] * 3,
            "event_ns": [at] * 3,
            "known_ns": [at, at, at + 1_000],
            "captured_ns": [at] * 3,
            "source": ["ab"] * 3,
            "tenor": ["1m", "2m", "2m"],
            "rate": [0.01, 0.02, 0.03],
        }
    )
    FileLake(files).publish(Table(RATES), "2024-01", rows.head(2))
    FileLake(files).publish(Table(RATES), "2024-01", rows.tail(1))
    query = "SELECT rate FROM history.policy_rates ORDER BY tenor"

    assert run(query, files, None, at + 1_000, datasets=[RATES])["rate"].to_pylist() == [0.01, 0.03]
    assert run(query.replace("rates ", "rates_versions "), files, None, at + 1_000).num_rows == 3
    with pytest.raises(Rejected, match="policy_rates_versions"):
        run(query, files, None, at + 1_000)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE x AS SELECT 1",
        "DROP VIEW history.bars_1m",
        "INSERT INTO ledger.instrument SELECT 1",
        "COPY (SELECT 1) TO 'out.csv'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO 'out.csv'",
        "ATTACH 'other.db'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "CALL pragma_version()",
        "EXPORT DATABASE 'folder'",
        "SELECT 1; SELECT 2",
        "",
    ],
)
def test_a_session_only_reads(files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Rejected, match="expected one SELECT; this session only reads"):
        run(statement, files, None, AFTER)
    assert {path.name for path in tmp_path.iterdir()} <= {"lake"}


@pytest.mark.parametrize(
    "source", ["read_text('{0}')", "read_csv('{0}')", "'{0}'", "glob('{0}*')", "read_text('file://{0}')", "read_text('{1}')"]
)
def test_no_file_outside_the_lake_can_be_read(files: Files, tmp_path: Path, source: str) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("password\nhunter2\n")
    with pytest.raises(Rejected, match="sql: "):
        run(f"SELECT * FROM {source.format(secret, tmp_path / 'lake' / '..' / 'secret.csv')}", files, None, AFTER)


def test_no_variable_of_the_program_is_a_table(files: Files) -> None:
    frame = pl.DataFrame({"x": [1]})
    assert frame.height == 1
    with pytest.raises(Rejected, match="Table with name frame does not exist"):
        run("SELECT * FROM frame", files, None, AFTER)


def test_a_wrong_name_is_answered_with_the_right_ones(files: Files) -> None:
    with pytest.raises(Rejected, match=r"Expected one of history\.bars_1m"):
        run("SELECT * FROM history.bars_5m", files, None, AFTER)
    with pytest.raises(Rejected, match="Parser Error"):
        run("SELEC 1", files, None, AFTER)
    with pytest.raises(Rejected, match="no table yet"):
        run("SELECT * FROM x", MemoryFiles(), None, AFTER)


def test_every_table_of_the_ledger_can_be_asked_whoever_was_imported_before() -> None:
    code = "from tradewinds.stores.query_ledger import TABLES; print(' '.join(TABLES))"

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert {"finding", "limit_change", "trade_fill", "research_candidate", "research_answer", "condition_alert"} <= set(told)
