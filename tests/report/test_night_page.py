"""The page of a night: it says what could not be done before anything else, and copes with whatever is not there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields, replace
from html.parser import HTMLParser

import numpy as np
import pytest

from tradewinds.core.errors import Rejected
from tradewinds.report.night import night_page
from tradewinds.report.night_data import (
    Absent,
    Attribution,
    Change,
    Drift,
    FactorNight,
    Finding,
    Gap,
    Health,
    Holding,
    ModelNight,
    Night,
    PlannedTrade,
    RiskNight,
    Scored,
    SignalNight,
    Stress,
    TableHealth,
    TradeNight,
    Universe,
)
from tradewinds.report.night_model import moving_mean

DAY_NS = 86_400_000_000_000
NIGHT_NS = 1_782_853_200_000_000_000  # 2026-06-30 21:00
PARTS = ("health", "universe", "factor_returns", "risk", "attribution", "models", "signals", "trades")
FACTORS = ("Market", "Momentum", "Size", "Value", "Short-term reversal", "Volatility", "Energy", "Financials", "Technology")


@pytest.fixture
def night() -> Night:
    """A whole night, its numbers drawn once from a seed."""
    return _night(np.random.default_rng(5))


def _night(draw: np.random.Generator) -> Night:
    times = NIGHT_NS - DAY_NS * np.arange(252, dtype=np.int64)[::-1]
    contributions = np.array([0.0052, 0.0011, -0.0006, 0.0004, 0.0002, 0.0009, 0.0003, 0.0001, 0.0008])
    names = tuple(f"{letter}{letter}{number}.XNAS" for number in range(5) for letter in "ABCDEFGH")
    weights = np.sort(draw.dirichlet(np.ones(40)))[::-1]
    profits = np.array([1250.5, -310.25, 88.0, 12.0, -40.0, 77.75, 5.0, -9.0, 410.0])
    each = draw.normal(0, 120, 40)
    total = float(profits.sum()) + 250.0 - 61.5
    each[-1] += total - float(each.sum())
    models = (
        ModelNight(
            "us-returns",
            Scored("champion", "7", "a" * 64, times, 0.03 + draw.normal(0, 0.05, 252), NIGHT_NS - 5 * DAY_NS, (("mean IC", 0.031),)),
            Scored("challenger", "8", "b" * 64, times[150:], 0.035 + draw.normal(0, 0.05, 102), NIGHT_NS - DAY_NS),
            "The challenger has not been ahead for long enough: 102 of 120 sessions",
            (Drift("momentum_252", "psi", 0.04, 0.2), Drift("size", "psi", 0.31, 0.2), Drift("predictions", "psi", 0.02, 0.2)),
        ),
    )
    return Night(
        title="US large caps",
        session="2026-06-30",
        at_ns=NIGHT_NS + DAY_NS // 24,
        as_of_ns=NIGHT_NS,
        currency="USD",
        periods_a_year=252,
        health=Health(
            (
                TableHealth("bars-1d.xnys", 252, 252, NIGHT_NS),
                TableHealth("fundamentals.us", 252, 251, NIGHT_NS - DAY_NS, held=1, gaps=14, late=("tiingo",), note="one restatement"),
            ),
            (Finding("flat bar", 3, "CCC4.XNAS 2026-06-30: no volume, price as before"),),
        ),
        universe=Universe(40, 41, (Change("OLD.XNAS", "left", "delisted 2026-06-29"), Change("HHH4.XNAS", "entered"))),
        factor_returns=FactorNight(FACTORS, times, draw.normal(0, 0.004, (252, 9)), np.full(252, 0.34)),
        risk=RiskNight(
            volatility=float(contributions.sum()) + 0.0021,
            factor_volatility=0.0092,
            specific_volatility=0.0049,
            factors=FACTORS,
            exposures=draw.normal(0, 0.5, 9),
            contributions=contributions,
            specific_contribution=0.0021,
            value_at_risk=0.0173,
            expected_shortfall=0.0221,
            method="normal",
            gross=1.0,
            net=0.98,
            effective_positions=float(1 / (weights**2).sum()),
            holdings=tuple(Holding(name, float(w), float(w) * 1.1, 0.2) for name, w in zip(names, weights, strict=True)),
            stresses=(
                Stress("Lehman", -0.142, "2008-09-15 to 2008-10-10"),
                Stress("Momentum crash", -0.061, "factor down 4 deviations"),
                Stress("Rates up 1 %", 0.012),
            ),
            liquid_share=((1, 0.87), (5, 1.0)),
            participation=0.1,
        ),
        attribution=Attribution("last session", total, FACTORS, profits, 250.0, -61.5, instruments=names, by_instrument=each),
        models=models,
        signals=(
            SignalNight("us-momentum", names, np.where(np.arange(40) % 9 == 8, np.nan, draw.normal(0, 1, 40)), (("us-returns", 1.0),)),
        ),
        trades=(
            TradeNight(
                "us-momentum",
                2,
                6,
                "factor and group limits could not all be met: they were approached as far as the others allow",
                (
                    PlannedTrade("AAA0.XNAS", 0.05, 0.08, 30000.0, 18.2, "score +1.72"),
                    PlannedTrade("OLD.XNAS", 0.02, 0.0, -20000.0, 31.0, "left the universe"),
                ),
                turnover=0.05,
                cost=49.2,
                cash=0.02,
                method="mean_variance",
                broken=("Momentum 0.62, at most 0.50",),
                binding=("turnover 5.0%",),
                left=3,
            ),
        ),
        gaps=(Gap("fundamentals", "tiingo has not delivered 2026-06-30; factors on them are those of the day before"),),
        code_version="0.1.0",
        hashes=(("bars-1d.xnys", "c" * 64), ("risk model", "d" * 64)),
    )


def test_what_could_not_be_done_stands_before_everything_else(night: Night) -> None:
    html = night_page(replace(night, risk=Absent("only 12 sessions of history, 60 are needed"))).html

    gaps = html.index("What could not be done tonight")
    assert gaps < html.index('class="tiles"') < html.index("<h2>")
    assert "fundamentals: tiingo has not delivered 2026-06-30" in html
    assert "Risk of the portfolio: only 12 sessions of history, 60 are needed." in html


def test_a_night_without_gaps_says_so(night: Night) -> None:
    assert "Everything that was asked of this night was done." in night_page(replace(night, gaps=())).html


@pytest.mark.parametrize("part", PARTS)
def test_each_part_may_be_absent_and_says_why(night: Night, part: str) -> None:
    html = night_page(replace(night, **{part: Absent("the lake is <closed>")})).html

    assert "Not available: the lake is &lt;closed&gt;" in html
    assert "<closed>" not in html


def test_a_night_on_which_nothing_worked_is_still_a_page(night: Night) -> None:
    html = night_page(replace(night, **{part: Absent(f"no {part} tonight") for part in PARTS})).html

    assert [html.count(f"no {part} tonight") >= 2 for part in PARTS] == [True] * len(PARTS)
    assert _is_balanced(html)


def test_the_same_night_gives_the_same_bytes() -> None:
    one, other = (night_page(_night(np.random.default_rng(5))).html for _ in range(2))

    assert one == other


def test_hostile_names_stay_text(night: Night) -> None:
    evil = '"><script>alert(1)</script>\u0000'
    assert isinstance(night.universe, Universe)

    html = night_page(
        replace(
            night,
            title=evil,
            gaps=(Gap(evil, evil),),
            universe=replace(night.universe, changes=(Change(evil, evil, evil),)),
            factor_returns=FactorNight((evil,), np.array([1, 2], np.int64), np.array([[0.1], [0.2]])),
            signals=(SignalNight(evil, (evil,), np.array([1.0]), ((evil, 1.0),)),),
            hashes=((evil, evil),),
        )
    ).html

    assert "<script>alert" not in html
    assert _is_balanced(html)


def test_the_vintage_and_the_hashes_stand_in_the_footer(night: Night) -> None:
    footer = night_page(night).html.split("<footer>")[1]

    assert "Vintage 2026-06-30 21:00 UTC" in footer
    assert "risk model dddddddddddd" in footer
    assert "d" * 64 in night_page(night).html


def test_attribution_that_does_not_add_up_is_told(night: Night) -> None:
    assert isinstance(night.attribution, Attribution)
    whole = night_page(night).html
    short = night_page(replace(night, attribution=replace(night.attribution, total=night.attribution.total + 12.5))).html

    assert "The causes sum exactly to the total." in whole
    assert "The causes leave +12.50 USD of the total unexplained." in short


def test_what_trades_tomorrow_says_from_where_to_where_and_why(night: Night) -> None:
    text = re.sub(r"<[^>]+>", "|", night_page(night).html)

    assert "AAA0.XNAS|buy: score +1.72|||5.00%||8.00%||+30,000.00||18.20" in text
    assert "rung 2 of 6, factor and group limits could not all be met" in text


def test_the_page_needs_no_network(night: Night) -> None:
    html = night_page(night).html

    assert re.findall(r"(?:src|href)=|url\(|https?://", html) == []
    assert "default-src &#x27;none&#x27;" in html


def test_numbers_that_are_none_are_dashes_and_never_break_a_picture(night: Night) -> None:
    assert isinstance(night.risk, RiskNight)
    assert isinstance(night.factor_returns, FactorNight)
    nothing = np.full(9, np.nan)

    html = night_page(
        replace(
            night,
            risk=replace(night.risk, contributions=nothing, exposures=nothing, volatility=0.0, specific_contribution=np.nan),
            factor_returns=replace(night.factor_returns, values=np.full((252, 9), np.nan)),
            attribution=Attribution("a month", 0.0, (), np.empty(0), 0.0, 0.0),
            signals=(SignalNight("quiet", ("A", "B"), np.full(2, np.nan)),),
        )
    ).html

    assert re.findall(r"\bnan\b", html.split("<body>")[1].split("<script>")[0], re.I) == []
    assert _is_balanced(html)


def test_a_moving_mean_skips_what_is_not_known() -> None:
    found = moving_mean(np.array([1.0, np.nan, 3.0, 5.0, np.nan, np.nan]), 2)

    assert found.tolist()[1:5] == [1.0, 3.0, 4.0, 5.0]
    assert np.isnan(found[[0, 5]]).all()


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(Rejected, match=re.escape("factor returns has shape (2, 3), expected (2, 1)")):
        FactorNight(("Market",), np.array([1, 2], np.int64), np.zeros((2, 3)))


def test_every_picture_has_a_name_of_its_own(night: Night) -> None:
    names = [one.name for one in night_page(night).figures]

    assert len(names) == len(set(names)) >= 9


def test_every_part_of_a_night_may_be_absent() -> None:
    absent = {one.name for one in fields(Night) if "Absent" in str(one.type)}

    assert absent == set(PARTS)


class _Balance(HTMLParser):
    VOID = ("meta", "br", "line", "rect", "path", "circle")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def _is_balanced(html: str) -> bool:
    reader: Callable[[str], None] = (balance := _Balance()).feed
    reader(html)
    return balance.open == []
