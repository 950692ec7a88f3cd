"""The star schema: right tables from bars and instruments, built once, swung at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import NS_PER_DAY, NS_PER_HOUR, parse
from tradewinds.core.instrument import Instrument
from tradewinds.stores.lake import FileLake
from tradewinds.stores.ledger import Ledger
from tradewinds.stores.marts import BUILDS_KEPT, build
from tradewinds.stores.marts_tables import DAILY
from tradewinds.stores.memory import memory_lake

AS_OF = parse("2024-12-31")
APPLE = Instrument("AAPL.XNAS", "equity", "USD", "XNYS", tick=Decimal("0.01"))
BITCOIN = Instrument("BTCUSDT.BINANCE", "spot", "USDT", "24/7", lot=Decimal("0.00000812"))


def daily(
    instrument: str, starts: list[str], closes: list[float], *, length_ns: int = NS_PER_DAY, known: str | None = None
) -> pl.DataFrame:
    begin = [parse(start) for start in starts]
    rows = len(begin)
    return pl.DataFrame(
        {
            "instrument": [instrument] * rows,
            "start_ns": begin,
            "event_ns": [start + length_ns for start in begin],
            "known_ns": [start + length_ns if known is None else parse(known) for start in begin],
            "captured_ns": [AS_OF] * rows,
            "source": ["ab"] * rows,
            "vendor": ["alpha"] * rows,
            "status": ["ok"] * rows,
            "reason": [None] * rows,
            "open": closes,
            "high": closes,
            "low": closes,
            "close": closes,
            "volume": [1000.0] * rows,
        },
        schema_overrides={"reason": pl.String},
    )


@pytest.fixture
def lake() -> FileLake:
    lake = memory_lake()
    apple = daily("AAPL.XNAS", ["2024-07-02T13:30Z", "2024-07-03T13:30Z"], [200.0, 210.0], length_ns=6 * NS_PER_HOUR)
    coin = daily("BTCUSDT.BINANCE", ["2024-07-03", "2024-07-04"], [100000.0, 90000.0])
    stranger = daily("XYZ.LATER", ["2024-07-05"], [1.0])
    lake.publish(DAILY, "2024", pl.concat([apple, coin, stranger]))
    return lake


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(f"sqlite:///{tmp_path}/ledger.sqlite") as ledger:
        ledger.migrate()
        ledger.upsert_instruments([APPLE, BITCOIN])
        yield ledger


def read(folder: Path, table: str) -> pl.DataFrame:
    return pl.read_parquet(folder / "current" / f"{table}.parquet")


def test_a_bar_stands_on_the_session_of_its_calendar(lake: FileLake, ledger: Ledger, tmp_path: Path) -> None:
    built = build(lake, ledger, tmp_path / "marts", as_of_ns=AS_OF)

    bars = read(tmp_path / "marts", "fact_bars")
    assert built.rows["fact_bars"] == 5
    assert bars.select("instrument", "session", "venue", "close").rows() == [
        ("AAPL.XNAS", date(2024, 7, 2), "XNAS", 200.0),
        ("AAPL.XNAS", date(2024, 7, 3), "XNAS", 210.0),
        ("BTCUSDT.BINANCE", date(2024, 7, 3), "BINANCE", 100000.0),
        ("BTCUSDT.BINANCE", date(2024, 7, 4), "BINANCE", 90000.0),
        ("XYZ.LATER", date(2024, 7, 5), "LATER", 1.0),
    ]
    assert bars["return_unadjusted"].round(6).to_list() == [None, 0.05, None, -0.1, None]
    assert bars["known_at"][0] == datetime(2024, 7, 2, 19, 30, tzinfo=UTC)


def test_the_half_day_before_independence_day_is_a_short_session(lake: FileLake, ledger: Ledger, tmp_path: Path) -> None:
    build(lake, ledger, tmp_path / "marts", as_of_ns=AS_OF)
    sessions = read(tmp_path / "marts", "dim_session").filter(pl.col("calendar") == "XNYS")
    assert sessions.select("session", "traded_minutes", "is_early_close").rows() == [
        (date(2024, 7, 2), 390, False),
        (date(2024, 7, 3), 210, True),
    ]
    assert sessions["open_at"][0] == datetime(2024, 7, 2, 13, 30, tzinfo=UTC)


def test_every_key_of_a_fact_stands_in_its_dimension(lake: FileLake, ledger: Ledger, tmp_path: Path) -> None:
    build(lake, ledger, tmp_path / "marts", as_of_ns=AS_OF)
    bars = read(tmp_path / "marts", "fact_bars")
    for key, dimension, name in (
        ("session", "dim_date", "date"),
        ("instrument", "dim_instrument", "instrument"),
        ("venue", "dim_venue", "venue"),
    ):
        assert set(bars[key]) <= set(read(tmp_path / "marts", dimension)[name])


def test_dimensions_say_what_the_ledger_says(lake: FileLake, ledger: Ledger, tmp_path: Path) -> None:
    build(lake, ledger, tmp_path / "marts", as_of_ns=AS_OF)
    instruments = {row["instrument"]: row for row in read(tmp_path / "marts", "dim_instrument").to_dicts()}
    dates = read(tmp_path / "marts", "dim_date")
    assert instruments["BTCUSDT.BINANCE"]["lot"] == Decimal("0.00000812")
    assert instruments["XYZ.LATER"]["kind"] is None
    assert dates.height == 366
    assert dates.filter(pl.col("date") == date(2024, 12, 30)).select("date_number", "iso_year", "iso_week", "is_weekend").row(0) == (
        20241230,
        2025,
        1,
        False,
    )
    assert read(tmp_path / "marts", "dim_venue").rows() == [("BINANCE", "24/7", 1), ("LATER", None, 1), ("XNAS", "XNYS", 1)]


def test_fills_and_positions_are_typed_before_there_are_any(lake: FileLake, ledger: Ledger, tmp_path: Path) -> None:
    build(lake, ledger, tmp_path / "marts", as_of_ns=AS_OF)
    fills, positions = read(tmp_path / "marts", "fact_fills"), read(tmp_path / "marts", "fact_positions")
    assert (fills.height, positions.height) == (0, 0)
    assert fills.schema["quantity"] == pl.Decimal(38, 18)
    assert positions.schema["session"] == pl.Date


def test_the_same_input_gives_the_same_build_and_writes_nothing(lake: FileLake, ledger: Ledger, tmp_path: Path) -> None:
    first = build(lake, ledger, tmp_path / "marts", as_of_ns=AS_OF)
    again = build(lake, ledger, tmp_path / "marts", as_of_ns=AS_OF + 1)
    assert first.bytes_written > 0
    assert (again.name, again.bytes_written) == (first.name, 0)
    assert [path.name for path in (tmp_path / "marts" / "builds").iterdir()] == [first.name]


def test_a_restatement_makes_another_build_and_readers_of_the_old_one_keep_it(lake: FileLake, ledger: Ledger, tmp_path: Path) -> None:
    first = build(lake, ledger, tmp_path / "marts", as_of_ns=AS_OF)
    old = (tmp_path / "marts" / "current").resolve()
    lake.publish(DAILY, "2024", daily("BTCUSDT.BINANCE", ["2024-07-04"], [91000.0], known="2024-08-01"))

    past = build(lake, ledger, tmp_path / "marts", as_of_ns=parse("2024-07-31"))
    assert past.name == first.name
    second = build(lake, ledger, tmp_path / "marts", as_of_ns=AS_OF)

    assert second.name != first.name
    assert read(tmp_path / "marts", "fact_bars").filter(session=date(2024, 7, 4))["close"].to_list() == [91000.0]
    assert pl.read_parquet(old / "fact_bars.parquet").filter(session=date(2024, 7, 4))["close"].to_list() == [90000.0]


def test_only_the_last_builds_are_kept(lake: FileLake, ledger: Ledger, tmp_path: Path) -> None:
    for count in range(BUILDS_KEPT + 2):
        ledger.upsert_instruments([Instrument(f"NEW{count}.XNAS", "equity", "USD", "XNYS")])
        last = build(lake, ledger, tmp_path / "marts", as_of_ns=AS_OF)
    names = {path.name for path in (tmp_path / "marts" / "builds").iterdir()}
    assert len(names) == BUILDS_KEPT
    assert last.name in names


def test_two_daily_bars_in_one_session_are_refused(lake: FileLake, ledger: Ledger, tmp_path: Path) -> None:
    lake.publish(DAILY, "2024", daily("AAPL.XNAS", ["2024-07-02T13:31Z"], [201.0]))
    with pytest.raises(DataFault, match=r"AAPL\.XNAS has several daily bars in session 2024-07-02"):
        build(lake, ledger, tmp_path / "marts", as_of_ns=AS_OF)


def test_an_empty_lake_makes_empty_tables(ledger: Ledger, tmp_path: Path) -> None:
    built = build(memory_lake(), ledger, tmp_path / "marts", as_of_ns=AS_OF)
    assert built.rows["fact_bars"] == built.rows["dim_date"] == 0
    assert built.rows["dim_instrument"] == 2


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/marts.sqlite"
    server = request.getfixturevalue("postgres")
    name = "marts_" + tmp_path.name.removeprefix("test_")[:8].lower() + "_" + str(tmp_path.stat().st_ino)
    server.create_database(name)
    return str(server.url(name))


def test_a_database_is_given_the_same_tables_once(lake: FileLake, ledger: Ledger, tmp_path: Path, url: str) -> None:
    first = build(lake, ledger, tmp_path / "marts", as_of_ns=AS_OF, url=url)
    again = build(lake, ledger, tmp_path / "marts", as_of_ns=AS_OF, url=url)
    assert (first.is_loaded, again.is_loaded) == (True, False)

    lake.publish(DAILY, "2024", daily("BTCUSDT.BINANCE", ["2024-07-05"], [92000.0]))
    assert build(lake, ledger, tmp_path / "marts", as_of_ns=AS_OF, url=url).is_loaded

    engine = sa.create_engine(url)
    with engine.connect() as connection:
        joined = sa.text(
            "SELECT b.close FROM fact_bars b JOIN dim_instrument i ON i.instrument = b.instrument "
            "JOIN dim_date d ON d.date = b.session WHERE i.kind = 'spot' ORDER BY d.date_number"
        )
        assert connection.execute(joined).scalars().all() == [100000.0, 90000.0, 92000.0]
        lots = connection.scalar(sa.text("SELECT lot FROM dim_instrument WHERE instrument = 'BTCUSDT.BINANCE'"))
        assert Decimal(lots) == Decimal("0.00000812")
        assert connection.scalar(sa.text("SELECT count(*) FROM fact_fills")) == 0
    engine.dispose()


def test_a_table_of_somebody_else_is_not_touched(lake: FileLake, ledger: Ledger, tmp_path: Path, url: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE dim_date (mine INTEGER)"))
        connection.execute(sa.text("INSERT INTO dim_date VALUES (1)"))
    with pytest.raises(Rejected, match=r"tables \['dim_date'\] exist and are not ours"):
        build(lake, ledger, tmp_path / "marts", as_of_ns=AS_OF, url=url)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT mine FROM dim_date")) == 1
        assert sa.inspect(connection).get_table_names() == ["dim_date"]
    engine.dispose()


def test_tables_of_an_earlier_release_are_made_anew(lake: FileLake, ledger: Ledger, tmp_path: Path, url: str) -> None:
    build(lake, ledger, tmp_path / "marts", as_of_ns=AS_OF, url=url)
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE dim_venue"))
        connection.execute(sa.text("CREATE TABLE dim_venue (venue VARCHAR(8))"))
    assert build(lake, ledger, tmp_path / "marts", as_of_ns=AS_OF, url=url).is_loaded
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM dim_venue WHERE calendar = 'XNYS'")) == 1
    engine.dispose()
