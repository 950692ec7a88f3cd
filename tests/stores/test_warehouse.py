"""Loading the lake into databases of others: every version, once, on from where it stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from tradewinds.core.errors import Rejected, Transient
from tradewinds.core.instant import NS_PER_MINUTE, parse
from tradewinds.core.market import TRADES, bars
from tradewinds.core.observation import Table
from tradewinds.stores import warehouse
from tradewinds.stores.lake import FileLake
from tradewinds.stores.memory import memory_lake
from tradewinds.stores.warehouse import Loaded, load

MINUTES = Table(bars("1m"))


def minutes(instrument: str, first: str, closes: list[float], *, known: str | None = None) -> pl.DataFrame:
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
            "vendor": ['alpha, the "first"'] * rows,
            "status": ["ok"] * rows,
            "reason": [""] * rows,
            "open": closes,
            "high": closes,
            "low": closes,
            "close": closes,
            "volume": [10.0] * rows,
        }
    )


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/warehouse.sqlite"
    server = request.getfixturevalue("postgres")
    name = f"warehouse_{tmp_path.stat().st_ino}"
    server.create_database(name)
    return str(server.url(name))


@pytest.fixture
def lake() -> FileLake:
    lake = memory_lake()
    lake.publish(
        MINUTES,
        "2024-01",
        pl.concat([minutes("A.XNAS", "2024-01-05", [1.0, 2.0, 100000.0]), minutes("B.XNAS", "2024-01-05", [0.00000812])]),
    )
    lake.publish(MINUTES, "2024-02", minutes("A.XNAS", "2024-02-01", [3.0]))
    return lake


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(sa.text(query))]
    engine.dispose()
    return found


def test_everything_is_loaded_once(lake: FileLake, url: str) -> None:
    assert load(lake, MINUTES, url) == Loaded("bars_1m", partitions_loaded=2, partitions_same=0, rows_new=5)
    assert load(lake, MINUTES, url) == Loaded("bars_1m", partitions_loaded=0, partitions_same=2, rows_new=0)
    assert rows(url, "SELECT instrument, close FROM bars_1m ORDER BY instrument, start_ns") == [
        ("A.XNAS", 1.0),
        ("A.XNAS", 2.0),
        ("A.XNAS", 100000.0),
        ("A.XNAS", 3.0),
        ("B.XNAS", 0.00000812),
    ]


def test_text_and_absent_values_come_back_as_they_were(lake: FileLake, url: str) -> None:
    load(lake, MINUTES, url)
    assert rows(url, "SELECT DISTINCT vendor, reason, trades FROM bars_1m") == [('alpha, the "first"', "", None)]


def test_a_restatement_is_added_and_the_view_shows_the_last_version(lake: FileLake, url: str) -> None:
    load(lake, MINUTES, url)
    lake.publish(MINUTES, "2024-01", minutes("A.XNAS", "2024-01-05", [1.5], known="2024-03-01"))

    assert load(lake, MINUTES, url) == Loaded("bars_1m", partitions_loaded=1, partitions_same=1, rows_new=1)

    first = parse("2024-01-05")
    assert rows(url, f"SELECT close FROM bars_1m WHERE instrument = 'A.XNAS' AND start_ns = {first} ORDER BY known_ns") == [(1.0,), (1.5,)]
    assert rows(url, f"SELECT close FROM bars_1m_latest WHERE instrument = 'A.XNAS' AND start_ns = {first}") == [(1.5,)]
    assert rows(url, "SELECT count(*) FROM bars_1m_latest") == [(5,)]


def test_a_load_that_was_cut_off_goes_on_where_it_stopped(lake: FileLake, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(warehouse, "_remember", cut)
        with pytest.raises(KeyboardInterrupt):
            load(lake, MINUTES, url)

    assert rows(url, "SELECT count(*) FROM bars_1m") == [(4,)]
    assert load(lake, MINUTES, url) == Loaded("bars_1m", partitions_loaded=2, partitions_same=0, rows_new=1)
    assert rows(url, "SELECT count(*) FROM bars_1m") == [(5,)]


def test_one_partition_and_a_name_of_ones_own(lake: FileLake, url: str) -> None:
    assert load(lake, MINUTES, url, name="crypto", partitions=["2024-02"]) == Loaded("crypto", 1, 0, 1)
    assert rows(url, "SELECT close FROM crypto_latest") == [(3.0,)]


def test_a_dataset_with_keys_is_told_apart_by_them(url: str) -> None:
    trades = Table(TRADES, vendor="alpha")
    at = parse("2024-01-05")
    prints = pl.DataFrame(
        {
            "instrument": ["A.XNAS", "A.XNAS"],
            "start_ns": [at, at],
            "event_ns": [at, at],
            "known_ns": [at, at],
            "captured_ns": [at, at],
            "source": ["ab", "ab"],
            "id": [7, 8],
            "price": [1.0, 2.0],
            "quantity": [1.0, 1.0],
            "quote_quantity": [1.0, 2.0],
            "is_buyer_maker": [True, False],
        }
    )
    lake = memory_lake()
    lake.publish(trades, "2024-01", prints)

    assert load(lake, trades, url).rows_new == 2
    assert load(lake, trades, url).rows_new == 0
    assert rows(url, "SELECT id, price FROM alpha_trades_latest ORDER BY id") == [(7, 1.0), (8, 2.0)]


def test_a_table_of_another_shape_is_refused(lake: FileLake, url: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE bars_1m (instrument VARCHAR(10))"))
    engine.dispose()
    with pytest.raises(Rejected, match="table bars_1m has no columns"):
        load(lake, MINUTES, url)


def test_a_database_that_is_away_is_named_without_its_password(lake: FileLake) -> None:
    with pytest.raises(Transient, match="warehouse") as caught:
        load(lake, MINUTES, "postgresql+psycopg2://user:hunter2@127.0.0.1:1/db")
    assert "hunter2" not in str(caught.value)
    assert "***" in str(caught.value)
