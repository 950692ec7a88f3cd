from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.factors.evaluate import Evaluation, evaluate
from tradewinds.factors.expression import parse
from tradewinds.report.factor_sheet import FactorNotes, factor_sheet, lines

Ints = NDArray[np.int64]
DAY = 86_400_000_000_000
SECTIONS = ("coefficient", "quantiles", "decay", "turnover", "groups", "about")
FIGURES = ("coefficient", "spread", "quantiles", "long_short", "decay", "autocorrelation", "turnover", "coverage")
VOID = {"meta", "br"}


class Page(HTMLParser):
    """Ids, what would be loaded, words, and whether every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.ids: list[str] = []
        self.loads: list[str] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.loads += [value or "" for name, value in attrs if name in {"src", "href", "action", "data"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"style", "script"} and data.strip():
            self.words.append(data.strip())


def evaluated(times: int = 300, width: int = 40, *, skill: float = 0.2) -> tuple[Evaluation, Ints]:
    chance = np.random.default_rng(11)
    moves = chance.normal(0.0, 0.01, (times, width))
    close = 20.0 * np.cumprod(1.0 + moves, axis=0)
    hint = np.full(moves.shape, np.nan)
    hint[:-2] = moves[2:]
    values = skill * hint + chance.normal(0.0, 0.01, moves.shape)
    groups = np.tile(np.arange(width) % 2.0, (times, 1))
    return evaluate(values, close, groups=groups), np.arange(1, times + 1, dtype=np.int64) * DAY


def test_a_sheet_is_one_page_with_every_section_and_picture_and_needs_no_network() -> None:
    found, times = evaluated()

    sheet = factor_sheet("hint", found, times, FactorNotes("h(t) < 2", "a paper & its authors", 3, "v7", {0: "Energy", 1: "Health"}))

    page = Page(sheet.html)
    assert set(SECTIONS) <= set(page.ids)
    assert [one.name for one in sheet.figures] == list(FIGURES)
    assert {f"figure-{name}" for name in FIGURES} <= set(page.ids)
    assert page.open == []
    assert page.loads == []
    assert "http" not in re.sub(r"http-equiv", "", sheet.html)
    assert {"h(t) < 2", "a paper & its authors", "Energy", "Health", "3 sessions before its own"} <= set(page.words)
    assert (
        sheet.html
        == factor_sheet("hint", *evaluated(), FactorNotes("h(t) < 2", "a paper & its authors", 3, "v7", {0: "Energy", 1: "Health"})).html
    )


def test_the_figures_on_the_page_are_those_of_the_evaluation() -> None:
    found, times = evaluated()

    words = Page(factor_sheet("hint", found, times).html).words

    whole = found.summaries[1]
    assert f"{whole.mean:.4f}" in words
    assert f"{whole.t_value:.2f}" in words
    spread = float(np.nanmean(found.long_short(1)) * 1e4)
    assert f"+{spread:.1f} bp" in words
    assert lines([("hint", found)])[0][:3] == ("hint", f"{whole.mean:.4f}", f"{whole.t_value:.2f}")


def test_a_factor_without_skill_is_called_so() -> None:
    found, times = evaluated(skill=0.0)

    words = " ".join(Page(factor_sheet("noise", found, times).html).words)

    assert "The mean coefficient is not told from zero" in words


def test_a_factor_that_is_never_known_gives_a_page_that_says_so() -> None:
    close = np.ones((30, 5))
    found = evaluate(np.full((30, 5), np.nan), close)

    page = Page(factor_sheet("nothing", found, np.arange(30, dtype=np.int64) * DAY).html)

    words = " ".join(page.words)
    assert page.open == []
    assert "Only 0 sessions have a coefficient" in words
    assert "Only 0% of the instruments have a value" in words
    assert "nan" not in words


def test_times_must_be_those_of_the_evaluation() -> None:
    found, times = evaluated()

    with pytest.raises(Rejected, match="299 times for 300 sessions"):
        factor_sheet("hint", found, times[1:])


def test_reversal_of_432_stocks_is_drawn(shared: Path) -> None:
    frame = pl.read_csv(shared / "equities" / "cvxportfolio" / "returns_sp500_2007_2011.csv.gz")
    returns = frame.select(frame.columns[1:]).to_numpy().astype(np.float64)
    days = frame[frame.columns[0]].str.slice(0, 10).str.to_date().to_numpy().astype("datetime64[ns]").astype(np.int64)
    close = 100.0 * np.cumprod(1.0 + returns, axis=0)
    factor = parse("reversal(5)")

    found = evaluate(factor.compute({"close": close}), close, horizons=(1, 5, 21))

    sheet = factor_sheet("reversal", found, days, FactorNotes(factor.formula, factor.source, factor.lookback))
    assert found.summaries[5].mean == pytest.approx(0.0247, abs=0.0005)
    assert "0.0247" in Page(sheet.html).words
    assert len(sheet.html) < 400_000
