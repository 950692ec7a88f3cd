"""The compiled data equals what the library computes, and recorded calendars of the exchanges."""

from __future__ import annotations

import csv
import gzip
import importlib.util
from datetime import date, datetime, time, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tradewinds.calendars.compiled import table
from tradewinds.calendars.sessions import calendar
from tradewinds.core.instant import from_datetime, parse

TOOL = Path(__file__).resolve().parents[2] / "tools" / "compile_calendars.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    if not TOOL.is_file():
        pytest.skip("tools/compile_calendars.py stands only in a checkout")
    spec = importlib.util.spec_from_file_location("compile_calendars", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.filterwarnings("ignore:Series.values returning")  # the library's own use of pandas
def test_compiling_again_gives_the_committed_files_to_the_byte(tool: ModuleType) -> None:
    for name, text in tool.compiled().items():
        assert text == (tool.DATA / f"{name.lower()}.json").read_text(encoding="utf-8"), name


@pytest.mark.filterwarnings("ignore:Series.values returning")  # the library's own use of pandas
@pytest.mark.parametrize("name", ["XNYS", "XNAS", "XSHG"])
def test_every_session_and_edge_equals_the_library(name: str) -> None:
    import exchange_calendars

    ours = table(name)
    library: Any = exchange_calendars.get_calendar(name, start=ours.truth_from.isoformat(), end=ours.truth_until.isoformat())
    theirs = []
    for row in library.schedule.itertuples():
        edges = [row.open, row.break_start, row.break_end, row.close]
        theirs.append((row.Index.date(), [edge.value if edge == edge else row.close.value for edge in edges]))

    assert [date(1970, 1, 1) + timedelta(days=day) for day in ours.days.tolist()] == [day for day, _ in theirs]
    assert ours.edges.tolist() == [edges for _, edges in theirs]


def test_every_fx_edge_is_five_in_new_york() -> None:
    zone = ZoneInfo("America/New_York")
    fx = table("FX")

    for number, edges in zip(fx.days.tolist(), fx.edges.tolist(), strict=True):
        day = date(1970, 1, 1) + timedelta(days=number)
        assert edges[0] == from_datetime(datetime.combine(day - timedelta(days=1), time(17), zone))
        assert edges[3] == from_datetime(datetime.combine(day, time(17), zone))
    assert len(fx.days) == 2400 * 5 + 1  # 1990-01-01 and 2035-12-31 are both Mondays


@pytest.mark.shared
@pytest.mark.parametrize(("name", "begin"), [("XNYS", "1990-01-02"), ("XSHG", "1992-01-02")])
def test_recorded_schedules_of_the_exchanges_agree(shared: Path, name: str, begin: str) -> None:
    ours = calendar(name)
    with gzip.open(shared / "calendars" / f"{name.lower()}.csv.gz", "rt") as lines:
        rows = [row for row in csv.DictReader(lines) if row[""] >= begin]

    days = [date.fromisoformat(row[""][:10]) for row in rows]
    assert list(ours.sessions(days[0], days[-1])) == days
    for day, row in zip(days, rows, strict=True):
        assert ours.open_ns(day) == parse(row["open"])
        assert ours.close_ns(day) == parse(row["close"])
        pause = ours.break_ns(day)
        assert pause == ((parse(row["break_start"]), parse(row["break_end"])) if row["break_start"] else None)
