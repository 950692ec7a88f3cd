"""One more night of the risk model is one step of the walk that the night before kept, and equals a walk over every session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tradewinds.calendars.sessions import calendar
from tradewinds.core.instrument import CorporateAction, Instrument
from tradewinds.core.market import bars
from tradewinds.core.observation import Table
from tradewinds.jobs import research_state
from tradewinds.jobs.book import book_of
from tradewinds.jobs.research_book import publish
from tradewinds.jobs.research_night import ends_of
from tradewinds.jobs.research_risk import stored_model
from tradewinds.jobs.research_state import NightWalk, night_walk
from tradewinds.wiring.house import House, run_job
from tradewinds.wiring.research_states import KeptStates

MakeHouse = Callable[..., House]
MakeBars = Callable[..., pl.DataFrame]

FIRST, SECOND, THIRD = date(2024, 1, 3), date(2024, 1, 4), date(2024, 1, 5)
STYLES = """    risk:
      styles: {momentum: "zscore(momentum(60, 5))", size: "zscore(log(mean(value_traded, 63)))", level: "log(close)"}
"""


@pytest.fixture
def text(book_yaml: str) -> str:
    """A book from 2021 on whose styles reach back less than a year; one depends on the level of prices."""
    return book_yaml.replace("since: 2023-01-03", "since: 2021-01-04") + STYLES


def _bars(make: MakeBars, last: date) -> pl.DataFrame:
    """Bars of the fixture with a past that begins in 2021: the first year once more, two years before."""
    rows = make(last)
    earlier = rows.filter(pl.col("start_ns") < calendar("XNYS").open_ns(date(2023, 12, 1)))
    back = 2 * 364 * 86_400 * 1_000_000_000
    shifted = earlier.with_columns(*(pl.col(name) - back for name in ("start_ns", "event_ns", "known_ns")))
    return pl.concat([shifted, rows])


def _night(make_house: MakeHouse, text: str, day: date, home: str = "home") -> tuple[House, NightWalk, list[str]]:
    """A walk of the night in a house of its own, and what it said."""
    house = make_house(text, now=f"{day}T23:59:00Z" if day == FIRST else f"{date.fromordinal(day.toordinal() + 1)}T06:00:00Z", home=home)
    said: list[str] = []
    context = replace(house.context("research.risk_model", f"{day}"), progress=said.append)
    return house, night_walk(context, book_of(context, {}), f"{day}"), said


def _same(one: NightWalk, other: NightWalk, *, within: float = 0.0) -> None:
    """The walks tell the same of every session, and of the model after the last."""
    assert one.gaps == other.gaps
    assert one.walk.gaps == other.walk.gaps
    for name, values in one.walk.arrays().items():
        np.testing.assert_allclose(values, other.walk.arrays()[name], rtol=within, atol=within, err_msg=name)


def _put(house: House, rows: pl.DataFrame) -> None:
    publish(house.context("test", ""), Table(bars("1d")), rows)


def _act(house: House, *acts: CorporateAction) -> None:
    house.ledger.upsert_instruments([Instrument(name, "equity", "USD", "XNYS") for name in ("S00.XNAS", "S01.XNAS")])
    house.ledger.add_actions(acts)


def _fill(make_house: MakeHouse, text: str, make: MakeBars, home: str = "home") -> House:
    house = make_house(text, now="2024-01-03T23:59:00Z", home=home)
    _put(house, _bars(make, FIRST))
    return house


def _append(house: House, make: MakeBars, day: date) -> None:
    _put(house, make(day).filter(pl.col("start_ns") == calendar("XNYS").open_ns(day)))


def _whole(make_house: MakeHouse, text: str, day: date, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NightWalk:
    """The walk over everything in the same house, which keeps nothing."""
    with monkeypatch.context() as patch:
        patch.setattr(House, "_states", property(lambda _: KeptStates(tmp_path / "nothing is kept here" / f"{day}")))
        found, said = _night(make_house, text, day)[1:]
    assert "expected one of the night before" in said[0]
    return found


@pytest.mark.parametrize("style", ["volatility(20)", "rsi(14)"])
def test_one_more_session_is_one_step_and_equals_a_walk_over_every_session(
    make_house: MakeHouse, research_bars: MakeBars, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, style: str
) -> None:
    text = text.replace("log(close)", style)
    _fill(make_house, text, research_bars)
    said = _night(make_house, text, FIRST)[2]
    assert "none of a session by 2024-01-03" in said[0]

    for day in (SECOND, THIRD):
        house = make_house(text, now=f"{day}T23:59:00Z")
        _append(house, research_bars, day)
        _, stepped, said = _night(make_house, text, day)

        assert said == []
        assert stepped.bars < 12 * 300 or "rsi" in style  # of 12 x 480; where recursion begins afresh lies further back
        _same(stepped, _whole(make_house, text, day, tmp_path, monkeypatch))


def test_a_split_and_a_dividend_before_the_window_and_a_new_one_keep_the_level(
    make_house: MakeHouse, research_bars: MakeBars, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = _fill(make_house, text, research_bars)
    known = calendar("XNYS").open_ns(date(2021, 3, 1))
    acts = [
        CorporateAction("S00.XNAS", "split", calendar("XNYS").open_ns(date(2021, 6, 1)), known, Decimal(2)),
        CorporateAction("S00.XNAS", "dividend", calendar("XNYS").open_ns(date(2023, 6, 1)), known, Decimal("0.5"), "USD"),
        CorporateAction("S01.XNAS", "dividend", calendar("XNYS").open_ns(date(2024, 1, 4)), known, Decimal("0.5"), "USD"),
    ]
    _act(house, *acts)
    _night(make_house, text, FIRST)
    _append(house, research_bars, SECOND)

    _, stepped, said = _night(make_house, text, SECOND)

    assert said == []
    _same(stepped, _whole(make_house, text, SECOND, tmp_path, monkeypatch), within=1e-12)


@pytest.mark.parametrize(
    ("day", "what"),
    [(date(2021, 6, 1), "bars of years before"), (date(2023, 12, 15), "bars of years before, bars"), (date(2024, 1, 2), "bars")],
)
def test_a_bar_of_an_older_session_that_is_restated_makes_the_night_walk_everything(
    make_house: MakeHouse, research_bars: MakeBars, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, day: date, what: str
) -> None:
    house = _fill(make_house, text, research_bars)
    before = _night(make_house, text, FIRST)[1]
    restated_ns = calendar("XNYS").close_ns(SECOND)
    wrong = (pl.col("instrument") == "S03.XNAS") & (pl.col("start_ns") == calendar("XNYS").open_ns(day))
    late = _bars(research_bars, FIRST).sort("start_ns").filter(pl.col("instrument") == "S03.XNAS")
    if day.year == 2021:
        wrong = pl.col("start_ns") == late["start_ns"][100]
    changed = late.filter(wrong).with_columns(close=pl.col("close") * 1.05, high=pl.col("close") * 1.2, known_ns=pl.lit(restated_ns))
    assert changed.height == 1
    _put(house, changed)
    _append(house, research_bars, SECOND)

    _, found, said = _night(make_house, text, SECOND)

    assert f": {what} changed, expected the same" in said[0]
    _same(found, _whole(make_house, text, SECOND, tmp_path, monkeypatch))
    assert (found.walk.values[:-1] != before.walk.values).any()
    house = make_house(text, now="2024-01-05T23:59:00Z")
    _append(house, research_bars, THIRD)
    assert _night(make_house, text, THIRD)[2] == []  # and the next one is a step again


def test_a_version_that_was_there_but_not_yet_known_is_seen_when_it_is(
    make_house: MakeHouse, research_bars: MakeBars, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = _fill(make_house, text, research_bars)
    old = _bars(research_bars, FIRST).filter(pl.col("instrument") == "S03.XNAS").sort("start_ns")[100:101]
    _put(house, old.with_columns(close=pl.col("close") * 1.05, high=pl.col("close") * 1.2, known_ns=calendar("XNYS").close_ns(SECOND)))
    _night(make_house, text, FIRST)
    _append(house, research_bars, SECOND)

    _, found, said = _night(make_house, text, SECOND)

    assert ": time changed" in said[0]
    _same(found, _whole(make_house, text, SECOND, tmp_path, monkeypatch))


def test_an_action_of_the_past_that_becomes_known_makes_the_night_walk_everything(
    make_house: MakeHouse, research_bars: MakeBars, text: str
) -> None:
    house = _fill(make_house, text, research_bars)
    _night(make_house, text, FIRST)
    past = calendar("XNYS").open_ns(date(2021, 6, 1))
    _act(house, CorporateAction("S00.XNAS", "split", past, calendar("XNYS").close_ns(SECOND), Decimal(2)))
    _append(house, research_bars, SECOND)

    assert ": corporate actions changed" in _night(make_house, text, SECOND)[2][0]


@pytest.mark.parametrize("harm", ["lost", "cut", "changed"])
def test_what_was_kept_and_is_lost_or_changed_costs_time_and_nothing_else(
    make_house: MakeHouse, research_bars: MakeBars, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    house = _fill(make_house, text, research_bars)
    _night(make_house, text, FIRST)
    (file,) = (tmp_path / "home" / "research-states" / "us").glob("*/*.state")
    content = file.read_bytes()
    if harm == "lost":
        file.unlink()
    else:
        file.write_bytes(content[:1000] if harm == "cut" else content[:-1] + bytes([content[-1] ^ 1]))
    _append(house, research_bars, SECOND)

    _, found, said = _night(make_house, text, SECOND)

    assert len(said) == 1
    assert ("none of a session" if harm == "lost" else "with another SHA-256") in said[0]
    _same(found, _whole(make_house, text, SECOND, tmp_path, monkeypatch))


def test_a_night_that_runs_again_takes_no_step_and_publishes_nothing(make_house: MakeHouse, research_bars: MakeBars, text: str) -> None:
    house = _fill(make_house, text, research_bars)
    run_job("research.risk_model", f"{FIRST}", house=house)
    _append(house, research_bars, SECOND)
    later = make_house(text, now="2024-01-05T06:00:00Z")
    first = run_job("research.risk_model", f"{SECOND}", house=later)
    context = later.context("test", "")
    book = book_of(context, {})
    model, end = stored_model(context, book, f"{SECOND}"), ends_of(context, book, f"{SECOND}", ["risk_model"])

    again = run_job("research.risk_model", f"{SECOND}", house=later)

    assert first["rows_published"] > 0
    assert (again["state"], again["rows_published"], again["rows_restated"]) == ("nothing", 0, 0)
    assert ends_of(context, book, f"{SECOND}", ["risk_model"]) == end
    assert (stored_model(context, book, f"{SECOND}").factor_covariance == model.factor_covariance).all()


def test_another_definition_of_the_book_takes_nothing_of_the_old_one(make_house: MakeHouse, research_bars: MakeBars, text: str) -> None:
    house = _fill(make_house, text, research_bars)
    _night(make_house, text, FIRST)
    _append(house, research_bars, SECOND)

    said = _night(make_house, text.replace("momentum(60, 5)", "momentum(40, 5)"), SECOND)[2]

    assert "none of a session by 2024-01-04" in said[0]


def test_where_nothing_can_be_kept_the_night_says_so_and_goes_on(
    make_house: MakeHouse, research_bars: MakeBars, text: str, tmp_path: Path
) -> None:
    _fill(make_house, text, research_bars)
    (tmp_path / "home" / "research-states").write_text("in the way")

    _, found, said = _night(make_house, text, FIRST)

    assert len(found.walk.times) > 400
    assert "the walk is not kept: " in said[1]


def test_three_nights_of_a_book_are_kept(tmp_path: Path) -> None:
    kept = KeptStates(tmp_path)

    for day in ("2024-01-05", "2024-01-02", "2024-01-03", "2024-01-04"):
        kept.write("us/0", day, day.encode(), keep=research_state.KEPT_MAX)

    assert kept.names("us/0") == ["2024-01-03", "2024-01-04", "2024-01-05"]
    assert kept.read("us/0", "2024-01-05") == b"2024-01-05"
