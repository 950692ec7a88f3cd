from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from tradewinds.core.errors import Rejected
from tradewinds.performance.summary import of
from tradewinds.report.benchmark import Benchmark, benchmark_values
from tradewinds.report.declared import setup_rows
from tradewinds.report.number import decimal, money, percent
from tradewinds.report.tear_sheet import tear_sheet
from tradewinds.simulation.books import DIVIDEND, EVENT, SPLIT
from tradewinds.simulation.result import Result
from tradewinds.simulation.rules import (
    Account,
    BasisPoints,
    Borrow,
    Fills,
    Financing,
    HalfSpread,
    PerTrade,
    PerUnit,
    Setup,
    Tiers,
    VolumeShare,
)
from tradewinds.simulation.track import track_record

Run = Callable[..., Result]

VOID = {"meta", "br", "img", "input", "hr", "link"}
SECTIONS = (
    "growth", "returns", "rolling", "drawdowns", "trades", "exposure", "costs", "capacity", "parameters", "setup", "instruments", "sources",
)  # fmt: skip


class Page(HTMLParser):
    """What a browser would find: ids, attributes that load something, text outside of style and script, tags left open."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.ids: list[str] = []
        self.loads: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in {"src", "href", "action", "data", "poster", "xlink:href", "background"}:
                self.loads.append((tag, value or ""))
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


def test_a_sheet_is_one_page_with_every_section_and_every_tag_closed(wavy: Result) -> None:
    page = Page(tear_sheet(wavy).html)

    assert page.open == []
    assert [one for one in page.ids if one in SECTIONS] == list(SECTIONS)
    assert len(page.ids) == len(set(page.ids))
    assert page.tags.count("script") == 1


def test_a_sheet_asks_nobody_for_anything(wavy: Result) -> None:
    html = tear_sheet(wavy).html

    assert Page(html).loads == []
    assert "://" not in html
    assert "url(" not in html
    assert "@import" not in html
    assert "default-src &#x27;none&#x27;" in html


def test_the_same_result_gives_the_same_bytes(run: Run) -> None:
    closes, targets = 100 + np.sin(np.arange(300)), np.where(np.arange(300) % 30 < 15, 10.0, 0.0)

    first, second = (tear_sheet(run(closes, targets)).html.encode() for _ in range(2))

    assert first == second


def test_the_figures_at_the_head_are_those_of_the_summary(wavy: Result) -> None:
    words = Page(tear_sheet(wavy).html).words
    summary = of(track_record(wavy))

    def below(label: str) -> str:
        return words[words.index(label) + 1]

    assert below("Total return") == percent(summary.total_return, is_signed=True)
    assert below("A year") == percent(summary.cagr or 0.0, is_signed=True)
    assert below("Sharpe ratio") == decimal(summary.sharpe or 0.0)
    assert below("Max drawdown") == percent(summary.max_drawdown)
    assert below("Round trips") == str(summary.trades.count)
    assert below("Final equity") == money(summary.final, "USD")
    assert below("Profit factor") == decimal(summary.trades.profit_factor or 0.0)
    assert below("Strike rate") == percent(summary.trades.strike_rate or 0.0, 1)


def test_a_figure_by_hand_is_what_the_page_shows(run: Run) -> None:
    # given 10 coins bought at the open of 110 and sold at the open of 121, 10 basis points each time
    result = run([100.0, 110.0, 121.0, 121.0, 121.0], [10.0, 10.0, 0.0, 0.0, 0.0])

    # when
    words = Page(tear_sheet(result).html).words

    # then: bought at 100 (the open after the first close), sold at 121; paid 1 + 1.21
    assert words[words.index("Commission") + 1] == "2.21"
    assert words[words.index("A year") + 1] == "\u2013"  # four sessions are no year
    assert "100,000.00 became 100,207.79 USD" in words
    assert words[words.index("Total return") + 1] == "+0.21%"
    assert words.count("+207.79") == 3  # the round trip, the instrument, the side
    assert "Adds up to the change of equity, to the cent." in words


def test_months_are_those_of_the_samples(run: Run) -> None:
    closes = np.linspace(100.0, 200.0, 120)

    html = tear_sheet(run(closes, np.full(120, 100.0))).figure("months").html
    rows = re.findall(r'<th scope="row">(\d+)</th>(.*?)</tr>', html)

    assert [year for year, _ in rows] == ["2022"]
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", rows[0][1])
    assert len(cells) == 13
    assert cells[4:12] == [""] * 8  # the last bar ends with the last of April


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a\"b'c&d", "x</title><b>"])
def test_names_of_people_never_become_markup(run: Run, name: str) -> None:
    result = run([1.0, 2.0, 3.0], [1.0, 1.0, 0.0], strategy=name, notes=(name,), parameters={name: name}, books=(name,))

    html = tear_sheet(result, title=name).html

    assert Page(html).tags.count("script") == 1
    assert Page(html).tags.count("b") == Page(tear_sheet(run([1.0, 2.0, 3.0], [1.0, 1.0, 0.0], notes=("n",))).html).tags.count("b")
    assert name in Page(html).words


@pytest.mark.parametrize(
    ("closes", "targets"),
    [
        ([100.0], [1.0]),
        ([100.0, 101.0], [0.0, 0.0]),
        (np.full(200, 50.0), np.zeros(200)),
        (np.full(200, 50.0), np.where(np.arange(200) % 2 == 0, 1.0, 0.0)),
        (np.where(np.arange(200) % 7 == 3, np.nan, 100.0 + np.arange(200)), np.where(np.arange(200) % 20 < 10, 5.0, -5.0)),
        (np.linspace(100, 1, 100), np.full(100, 1000.0)),
        (np.full((50, 3), 1e-8), np.zeros((50, 3))),
    ],
    ids=["one bar", "no trades", "flat", "flat with trades", "missing bars", "nearly ruined", "tiny prices"],
)
def test_what_is_empty_or_broken_is_still_a_page(run: Run, closes: Any, targets: Any) -> None:
    html = tear_sheet(run(closes, targets, setup=Setup(Account(100_000, leverage=10)))).html
    page = Page(html)

    assert page.open == []
    assert [one for one in page.ids if one in SECTIONS] == list(SECTIONS)
    assert "nan" not in " ".join(page.words).lower().split()
    assert "NaN" not in html


def test_a_run_without_trades_says_so(run: Run) -> None:
    words = " ".join(Page(tear_sheet(run(np.full(90, 50.0), np.zeros(90))).html).words)

    for said in ("Nothing was traded.", "No closed round trips.", "No round trips.", "No orders.", "Nothing was gained or lost."):
        assert said in words


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"is_point_in_time": False}, "Read with the latest values"),
        ({"setup": Setup(fills=Fills(at="same_close"), costs=(BasisPoints(1),))}, "fill at the close at which they were decided"),
        ({"setup": Setup(fills=Fills(touches="optimistic"), costs=(BasisPoints(1),))}, "the better one was taken"),
        ({"setup": Setup()}, "Trading was free"),
        ({"notes": ("The check found that it looks ahead.",)}, "The check found that it looks ahead."),
        ({}, "Closed round trips: 0. With fewer than 30 a few lucky ones decide the result."),
        ({}, "Sessions: 19. With fewer than 60 the figures for a year are guesses."),
    ],
)
def test_what_makes_a_result_doubtful_stands_at_its_head(run: Run, fields: dict[str, Any], said: str) -> None:
    html = tear_sheet(run(np.linspace(100, 110, 20), np.zeros(20), **fields)).html

    assert said in unescape(re.search(r'<div class="warnings".*?</div>', html).group(0))


def test_a_long_and_busy_run_without_blemish_has_no_warning(run: Run) -> None:
    targets = np.where(np.arange(400) % 4 < 2, 1.0, 0.0)

    assert '<div class="warnings"' not in tear_sheet(run(100 + np.sin(np.arange(400)), targets)).html


def test_numbers_without_end_stay_short(run: Run) -> None:
    closes = np.exp(np.linspace(0, 400, 300))

    words = Page(tear_sheet(run(closes, np.ones(300))).html).words

    assert max(len(word) for word in " ".join(words).split()) < 70


def test_every_cost_is_named_in_words() -> None:
    costs = (
        PerUnit(0.005, minimum=1.0),
        PerTrade(2.0),
        BasisPoints(4, maker=2),
        Tiers(((0, 2, 4), (1e6, 1, 3))),
        HalfSpread(bps=0.5, price=0.01),
        VolumeShare(0.1),
        Borrow(0.03, instruments=("C0.BINANCE",)),
        Financing(0.05, 0.01),
    )

    said = [text for name, text in setup_rows(Setup(costs=costs)) if name == "Cost"]

    assert said == [
        "0.005 for each unit, at least 1",
        "2 for each fill",
        "4 basis points of the amount, 2 for resting limit orders",
        "basis points by turnover over 30 days (from 0: maker 2, taker 4; from 1,000,000: maker 1, taker 3)",
        "half the spread: 0.5 basis points and 0.01 in price",
        "impact 0.1 x (share of volume) ^ 2",
        "3.00% a year on short positions, for C0.BINANCE",
        "5.00% a year paid on longs, 1.00% received on shorts",
    ]


def test_holding_counts_splits_and_dividends(run: Run) -> None:
    # given a price that halves by a split and pays 1 per new unit the day after: holding gains 2 on 100, nothing else happens
    result = run([100.0, 50.0, 50.0, 50.0], [0.0, 0.0, 0.0, 0.0])
    events = np.zeros(2, EVENT)
    events["row"], events["kind"], events["value"] = [1, 2], [SPLIT, DIVIDEND], [2.0, 1.0]
    market = type(result.market)(**{name: getattr(result.market, name) for name in result.market.__slots__} | {"events": events})
    split = type(result)(**{name: getattr(result, name) for name in result.__slots__} | {"market": market})

    # when
    found = benchmark_values(split, np.arange(4), None)

    # then
    assert found is not None
    assert found[0] == "Hold C0.BINANCE"
    assert found[1].tolist() == [100_000.0, 100_000.0, 102_000.0, 102_000.0]


def test_a_benchmark_of_ones_own_is_drawn_under_its_name(run: Run) -> None:
    result = run(np.linspace(100, 110, 30), np.ones(30))

    html = tear_sheet(result, benchmark=Benchmark("World", np.linspace(1, 2, 30))).html

    assert '"n":"World"' in unescape(html)
    assert '"n":"Hold C0.BINANCE"' not in unescape(html)


def test_a_benchmark_must_be_known_and_as_long_as_the_market(run: Run) -> None:
    result = run([1.0, 2.0, 3.0], [0.0, 0.0, 0.0])

    with pytest.raises(Rejected, match=r"benchmark SPY\.ARCX: no instrument of the market"):
        tear_sheet(result, benchmark="SPY.ARCX")
    with pytest.raises(Rejected, match=r"benchmark World: \(2,\) values, expected \(3,\)"):
        tear_sheet(result, benchmark=Benchmark("World", np.ones(2)))


def test_a_notebook_shows_the_page_in_a_frame_of_its_own(wavy: Result) -> None:
    sheet = tear_sheet(wavy, title='A "fund" & co')

    shown = sheet._repr_html_()

    assert shown.startswith('<iframe title="A &quot;fund&quot; &amp; co" sandbox="allow-scripts"')
    assert unescape(re.search(r'srcdoc="([^"]*)"', shown).group(1)) == sheet.html
    assert sheet.figure("equity")._repr_html_().startswith("<iframe")
    assert {"equity", "underwater", "months", "years", "distribution", "mae", "mfe", "exposure", "turnover"} <= {
        one.name for one in sheet.figures
    }


def test_a_portfolio_shows_what_each_strategy_made(run: Run) -> None:
    # given two strategies in the same coin: one bought 10 at 100 and holds them at 120, the other sold 5 at 100 short
    closes = np.column_stack([[100.0, 100.0, 110.0, 120.0]] * 2)
    targets = np.repeat([[10.0, -5.0]], 4, axis=0)
    result = run(closes, targets, ids=("A.X1", "A.X1"), books=("holder", "<seller>"), column_books=(0, 1), setup=Setup(Account(100_000)))

    # when
    sheet = tear_sheet(result)
    words = Page(sheet.html).words

    # then
    assert words[words.index("Strategies") :].index("+200.00") > 0
    assert words[words.index("Strategies") :].index("\u2212100.00") > 0
    assert "<seller>" in words
    assert '"n":"Hold A.X1"' in unescape(sheet.figure("equity").html)


def test_a_million_bars_stay_a_small_page(run: Run) -> None:
    generator = np.random.default_rng(3)
    closes = 100 * np.exp(np.cumsum(generator.normal(0, 4e-4, 1_000_000)))
    targets = np.where(np.arange(1_000_000) // 500 % 2 == 0, 10.0, -10.0)

    html = tear_sheet(run(closes, targets, step_ns=60_000_000_000)).html

    assert len(html.encode()) < 1_500_000
    assert Page(html).open == []
