"""Screeners: what they find, that they find it once, and what people answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import polars as pl
import pytest

from tradewinds.core.errors import Missing, Rejected
from tradewinds.core.instant import NS_PER_DAY, NS_PER_HOUR, NS_PER_MINUTE, parse
from tradewinds.core.market import bars
from tradewinds.core.observation import Table
from tradewinds.jobs import research_sheet
from tradewinds.jobs.research_book import publish
from tradewinds.jobs.research_screen import end_of
from tradewinds.wiring.house import House, run_job

MakeHouse = Callable[..., House]

BOOK = """
research:
  coins:
    calendar: 24/7
    since: 2024-01-01
    bars: {bars}
    instruments: [AAA.BINANCE, BBB.BINANCE, CCC.BINANCE, DDD.BINANCE]
    features: {{growth: "close / delay(close, 5) - 1", rsi: "rsi(5)"}}
    screeners:
      risers: {{where: {where}, rank: growth, top: 2, expires_hours: 24}}
"""
# Ten bars each: AAA doubles, BBB grows by a tenth a bar, CCC falls, DDD has none in the last one.
CLOSES = {
    "AAA.BINANCE": [10.0] * 9 + [20.0],
    "BBB.BINANCE": [10.0 * 1.1**number for number in range(10)],
    "CCC.BINANCE": [20.0 - number for number in range(10)],
    "DDD.BINANCE": [10.0 * 1.2**number for number in range(9)],
}


def _bars(start: str, length_ns: int, closes: dict[str, list[float]] = CLOSES) -> pl.DataFrame:
    rows = [
        {
            "instrument": name, "start_ns": parse(start) + at * length_ns, "event_ns": parse(start) + (at + 1) * length_ns,
            "known_ns": parse(start) + (at + 1) * length_ns + 1_000_000, "open": close, "high": close, "low": close, "close": close,
            "volume": 1_000.0, "quote_volume": None, "trades": None, "taker_base": None, "taker_quote": None,
        }
        for name, values in closes.items()
        for at, close in enumerate(values)
    ]  # fmt: skip
    kinds = {"quote_volume": pl.Float64, "trades": pl.Int64, "taker_base": pl.Float64, "taker_quote": pl.Float64}
    return pl.DataFrame(rows, schema_overrides=kinds)


@pytest.fixture
def house(make_house: MakeHouse) -> House:
    """A house in the morning after ten days of bars, with a screener for what has grown in five."""
    made = make_house(BOOK.format(bars="bars-1d", where='["growth > 0.05", "value_traded > 1e3"]'), now="2024-01-11T06:00:00Z")
    publish(made.context("test", ""), Table(bars("1d")), _bars("2024-01-01T00:00:00Z", NS_PER_DAY))
    return made


def test_what_fulfils_every_condition_waits_for_a_person_best_first(house: House) -> None:
    done = run_job("research.screen", "2024-01-10", house=house)

    assert (done["state"], done["rows_in"], done["rows_published"]) == ("done", 3, 2)
    first, second = house.ledger.candidates.candidates()
    assert (first.instrument, first.session, first.state, first.score) == ("AAA.BINANCE", "2024-01-10", "waiting", pytest.approx(1.0))
    assert (second.instrument, second.score) == ("BBB.BINANCE", pytest.approx(1.1**5 - 1))
    assert first.values == {"growth": pytest.approx(1.0), "value_traded": 20_000.0}
    assert [one["params"] for one in done["detail"]["questions"]] == [{"candidate": first.id}, {"candidate": second.id}]
    assert done["detail"]["questions"][0]["subject"] == f"coins, risers: AAA.BINANCE, score 1, session 2024-01-10 [{first.id}]"


def test_a_screener_that_runs_again_finds_and_asks_nothing_new(house: House) -> None:
    run_job("research.screen", "2024-01-10", house=house)

    again = run_job("research.screen", "2024-01-10", house=house)

    assert (again["state"], again["rows_published"]) == ("nothing", 0)
    assert again["detail"]["waited_already"] == ["AAA.BINANCE", "BBB.BINANCE"]
    assert again["detail"]["questions"] == []


def test_a_run_of_airflow_that_tries_again_asks_again_and_another_run_does_not(house: House) -> None:
    asked = [
        len(run_job("research.screen", "2024-01-10", house=house, airflow_run=name)["detail"]["questions"])
        for name in ("d/1", "d/1", "d/2")
    ]

    assert asked == [2, 2, 0]


def test_what_waits_is_not_asked_twice_and_expires(house: House, make_house: MakeHouse) -> None:
    run_job("research.screen", "2024-01-10", house=house)
    config = BOOK.format(bars="bars-1d", where='["growth > 0.05"]')
    next_day = {name: [*values, values[-1] * 1.5] for name, values in CLOSES.items() if name != "DDD.BINANCE"}
    publish(house.context("test", ""), Table(bars("1d")), _bars("2024-01-01T00:00:00Z", NS_PER_DAY, next_day))
    soon, late = (make_house(config, now=f"2024-01-{day}T05:00:00Z") for day in (12, 13))

    within = run_job("research.screen", "2024-01-11", house=soon)
    after = run_job("research.screen", "2024-01-11", house=late)

    assert within["detail"]["expired"] == 0
    assert within["detail"]["candidates"] == []
    assert after["detail"]["expired"] == 2
    assert [(one.session, one.state) for one in late.ledger.candidates.candidates()] == [
        ("2024-01-11", "waiting"), ("2024-01-11", "waiting"), ("2024-01-10", "expired"), ("2024-01-10", "expired"),
    ]  # fmt: skip


def test_a_person_answers_and_the_row_says_who_when_and_why(house: House) -> None:
    number = run_job("research.screen", "2024-01-10", house=house)["detail"]["candidates"][0]

    done = run_job("research.answer", "2024-01-10", {"candidate": number, "answer": "approve", "by": "ada", "note": "yes"}, house=house)

    assert done["detail"] == {"candidate": number, "instrument": "AAA.BINANCE", "state": "approved"}
    row = house.ledger.candidates.candidate(number)
    assert (row.state, row.answered_by, row.note, row.answered_ns) == ("approved", "ada", "yes", parse("2024-01-11T06:00:00Z"))
    with pytest.raises(Rejected, match="approved by ada"):
        run_job("research.answer", "2024-01-10", {"candidate": number, "answer": "deny", "by": "bob"}, house=house)


def test_a_screener_by_the_minute_sees_the_bars_that_had_ended(make_house: MakeHouse) -> None:
    made = make_house(BOOK.format(bars="bars-1m", where='["growth > 0.05"]'), now="2024-01-31T05:40:00Z")
    publish(made.context("test", ""), Table(bars("1m")), _bars("2024-01-31T05:20:00Z", NS_PER_MINUTE))

    at_eight = run_job("research.screen", "2024-01-31T05:28", house=made)
    at_ten = run_job("research.screen", "2024-01-31T05:30", house=made)

    assert at_eight["detail"]["session"] == "2024-01-31T05:28"
    assert at_ten["detail"]["session"] == "2024-01-31T05:30"
    found = {(one.session, one.instrument) for one in made.ledger.candidates.candidates()}
    assert found == {("2024-01-31T05:28", "DDD.BINANCE"), ("2024-01-31T05:28", "BBB.BINANCE"), ("2024-01-31T05:30", "AAA.BINANCE")}


def test_nothing_that_had_ended_by_then_is_missing(make_house: MakeHouse) -> None:
    made = make_house(BOOK.format(bars="bars-1m", where='["growth > 0.05"]'), now="2024-01-31T05:40:00Z")
    publish(made.context("test", ""), Table(bars("1m")), _bars("2024-01-31T05:20:00Z", NS_PER_MINUTE))

    with pytest.raises(Missing, match="no interval has ended by 2024-01-31T05:10:00Z"):
        run_job("research.screen", "2024-01-31T05:10", house=made)


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ('["growth"]', "expected a comparison"),
        ('["book_value > 3"]', r"fields \['book_value'\] are absent"),
        ('["grwth( > 1"]', "invalid syntax"),
    ],
)
def test_a_condition_that_is_wrong_is_named(house: House, make_house: MakeHouse, where: str, why: str) -> None:
    wrong = make_house(BOOK.format(bars="bars-1d", where=where), now="2024-01-11T06:00:00Z")

    with pytest.raises(Rejected, match=why):
        run_job("research.screen", "2024-01-10", house=wrong)


def test_a_partition_ends_with_its_day_hour_or_minute() -> None:
    assert end_of("2024-01-31") == parse("2024-02-01T00:00:00Z")
    assert end_of("2024-01-31T05") == parse("2024-01-31T06:00:00Z")
    assert end_of("2024-01-31T05:30") == parse("2024-01-31T05:30:00Z")
    for wrong in ("2024-01-31Tea", "yesterday"):
        with pytest.raises(Rejected, match="expected"):
            end_of(wrong)


class _Tab:
    """A sheet in memory: what stands in it, and how often it was written."""

    def __init__(self) -> None:
        self.cells: list[list[str]] = []
        self.writes = 0

    def rows(self) -> list[list[str]]:
        return [list(row) for row in self.cells]

    def write(self, rows: Sequence[Sequence[str]]) -> None:
        self.writes += 1
        for at, row in enumerate(rows):
            self.cells.extend([] for _ in range(at + 1 - len(self.cells)))
            self.cells[at][: len(row)] = row


def test_a_sheet_is_another_face_of_the_same_rows(make_house: MakeHouse) -> None:
    config = BOOK.format(bars="bars-1d", where='["growth > 0.05"], sheet: 1aBcD')
    made = make_house(config, now="2024-01-11T06:00:00Z")
    publish(made.context("test", ""), Table(bars("1d")), _bars("2024-01-01T00:00:00Z", NS_PER_DAY))
    run_job("research.screen", "2024-01-10", house=made)
    tab, asked = _Tab(), []
    context = replace(made.context("research.sheet", ""), sheet=lambda key, name: asked.append((key, name)) or tab)

    first = research_sheet.run(context, "2024-01-10", {})
    writes = tab.writes
    again = research_sheet.run(context, "2024-01-10", {})
    tab.cells[1] += ["Approve", "ada", "strong"]
    tab.cells[2] += ["perhaps", "bob"]
    answered = research_sheet.run(context, "2024-01-10", {})

    assert asked[0] == ("1aBcD", "coins risers")
    assert (first.state, first.rows_published, again.state, tab.writes - writes) == ("done", 2, "nothing", 1)
    assert tab.cells[0] == ["id", "session", "instrument", "score", "values", "state", "said", "answer", "by", "note"]
    assert answered.detail["answered"] == 1
    said = {row[2]: (row[5], row[6]) for row in tab.cells[1:]}
    (yes,) = made.ledger.candidates.candidates(state="approved")
    assert (yes.answered_by, yes.note) == ("ada", "strong")
    assert said[yes.instrument] == ("approved by ada", "")
    (other,) = (name for name in said if name != yes.instrument)
    assert said[other] == ("waiting", "answer 'perhaps', expected approve or deny")


def test_a_tab_that_is_another_table_is_left_alone(make_house: MakeHouse) -> None:
    made = make_house(BOOK.format(bars="bars-1d", where='["growth > 0.05"], sheet: 1aBcD'), now="2024-01-11T06:00:00Z")
    tab = _Tab()
    tab.cells = [["my", "budget"], ["1", "2"]]

    with pytest.raises(Rejected, match="expected an empty tab"):
        research_sheet.run(replace(made.context("research.sheet", ""), sheet=lambda key, name: tab), "2024-01-10", {})
    assert tab.writes == 0


def test_facts_count_from_when_they_were_known(make_house: MakeHouse) -> None:
    fact = "facts: {worth: {dataset: bars-1h, column: quote_volume}}\n    screeners:"
    config = BOOK.format(bars="bars-1d", where='["growth > 0.05", "worth < 10"]').replace("screeners:", fact)
    made = make_house(config, now="2024-01-11T06:00:00Z")
    context = made.context("test", "")
    publish(context, Table(bars("1d")), _bars("2024-01-01T00:00:00Z", NS_PER_DAY))
    worth = _bars("2024-01-05T00:00:00Z", NS_PER_HOUR, {"AAA.BINANCE": [1.0], "BBB.BINANCE": [1.0]})
    known = worth.with_columns(quote_volume=pl.Series([5.0, 6.0]))
    late = known.filter(pl.col("instrument") == "BBB.BINANCE").with_columns(known_ns=parse("2024-01-11T03:00:00Z"))  # after the session
    publish(context, Table(bars("1h")), pl.concat([known.filter(pl.col("instrument") == "AAA.BINANCE"), late]))

    run_job("research.screen", "2024-01-10", house=made)

    (found,) = made.ledger.candidates.candidates()
    assert (found.instrument, found.values["worth"]) == ("AAA.BINANCE", 5.0)
