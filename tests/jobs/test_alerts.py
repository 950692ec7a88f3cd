"""Alerts: what a table of conditions tells, once, and what is wrong with a line of it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from tradewinds.core.candidate import ConditionAlert
from tradewinds.core.errors import Rejected
from tradewinds.core.instant import NS_PER_DAY, parse, text
from tradewinds.core.instrument import CorporateAction, Instrument
from tradewinds.core.market import bars
from tradewinds.core.observation import Table
from tradewinds.jobs.alerts_table import rules_of
from tradewinds.jobs.catalog import plans
from tradewinds.jobs.plan import AfterTables, Cron
from tradewinds.jobs.research_book import publish
from tradewinds.wiring.house import House, run_job

MakeHouse = Callable[..., House]

START = "2024-01-01T00:00:00Z"
HEAD = "instrument,condition,interval,when,note\n"
CLOSES = [10.0, 9.0, 11.0, 12.0, 9.0, 13.0]  # on the 1st, 2nd … of January
HEARD: list[ConditionAlert] = []


def _bars(closes: list[float], name: str = "AAA.BINANCE") -> pl.DataFrame:
    nothing = {"quote_volume": pl.Float64, "trades": pl.Int64, "taker_base": pl.Float64, "taker_quote": pl.Float64}
    rows = [
        {
            "instrument": name, "start_ns": parse(START) + at * NS_PER_DAY, "event_ns": parse(START) + (at + 1) * NS_PER_DAY,
            "known_ns": parse(START) + (at + 1) * NS_PER_DAY + 1_000_000, "volume": 1e3, **dict.fromkeys(nothing),
            **dict.fromkeys(("open", "high", "low", "close"), close),
        }
        for at, close in enumerate(closes)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema_overrides=nothing)


@pytest.fixture
def house_at(make_house: MakeHouse, tmp_path: Path) -> Callable[..., House]:
    """A house in the night after the day, with the bars until then, and the table."""

    def make(day: int, table: str, config: str = "alerts: {file: alerts.csv}") -> House:
        (tmp_path / "alerts.csv").write_text(HEAD + table)
        made = make_house(config, now=f"2024-01-{day + 1:02d}T00:30:00Z")
        publish(made.context("test", ""), Table(bars("1d")), _bars(CLOSES[:day]))
        return made

    return make


def _told(house: House, day: int) -> list[str]:
    """The bars of the new alerts of a run, by their end."""
    before = {one.id for one in house.ledger.alerts.alerts()}
    run_job("alerts", f"2024-01-{day:02d}", house=house)
    return sorted(text(one.event_ns)[:10] for one in house.ledger.alerts.alerts() if one.id not in before)


def test_a_level_is_told_when_it_becomes_true_and_not_on_each_bar_that_it_stays_so(house_at: Callable[..., House]) -> None:
    table = "AAA.BINANCE,price above 10.5,1d,every,mind it\n"

    told = [_told(house_at(day, table), day) for day in (2, 3, 4, 5, 6)]

    assert told == [[], ["2024-01-04"], [], [], ["2024-01-07"]]
    newest = house_at(6, table).ledger.alerts.alerts()[0]
    assert (newest.instrument, newest.condition, newest.note) == ("AAA.BINANCE", "price above 10.5", "mind it")
    assert newest.values == {"price": 13.0}


def test_looking_at_the_same_bars_again_tells_nothing(house_at: Callable[..., House]) -> None:
    house = house_at(3, "AAA.BINANCE,close crosses above 10,1d,every,\n")

    first = run_job("alerts", "2024-01-03", house=house)
    again = run_job("alerts", "2024-01-03", house=house)

    assert (first["state"], first["rows_published"]) == ("done", 1)
    assert first["detail"]["alerts"] == ["AAA.BINANCE 1d 2024-01-04T00:00:00Z: close crosses above 10 [close 11]"]
    assert (again["state"], again["rows_published"]) == ("nothing", 0)


def test_bars_that_came_while_nobody_looked_are_all_judged(house_at: Callable[..., House]) -> None:
    table = "AAA.BINANCE,close crosses above 10,1d,every,\nAAA.BINANCE,price above 10.5,1d,once,\n"
    assert _told(house_at(2, table), 2) == []

    assert _told(house_at(6, table), 6) == ["2024-01-04", "2024-01-04", "2024-01-07"]  # the level, which is told once, and both crossings
    assert len(house_at(6, table).ledger.alerts.alerts()) == 3


def test_the_first_look_tells_what_is_true_already(house_at: Callable[..., House]) -> None:
    assert _told(house_at(4, "AAA.BINANCE,price above 10.5,,,\n"), 4) == ["2024-01-05"]


def test_a_level_stands_at_todays_prices_after_a_split(house_at: Callable[..., House]) -> None:
    house = house_at(4, "AAA.BINANCE,close above 11.5 and close < 12.5,1d,every,\n")
    split = CorporateAction("AAA.BINANCE", "split", parse("2024-01-03T00:00:00Z"), parse("2024-01-02T00:00:00Z"), Decimal(2))
    house.ledger.upsert_instruments([Instrument("AAA.BINANCE", "spot", "USDT", "24/7")])
    house.ledger.add_actions([split])

    done = run_job("alerts", "2024-01-04", house=house)

    assert done["detail"]["alerts"] == ["AAA.BINANCE 1d 2024-01-05T00:00:00Z: close above 11.5 and close < 12.5 [close 12]"]


def test_a_wrong_line_disables_only_itself_and_is_named(house_at: Callable[..., House]) -> None:
    wrong = [
        "AAA.BINANCE,price abve 10,1d,every,", "AAA,price > 10,1d,every,", "AAA.BINANCE,macd(12, 26, 9) > 0,1d,every,",
        "AAA.BINANCE,price > 10,1y,every,", "AAA.BINANCE,price > 10,1d,often,", ",price > 10,1d,every,",
        "AAA.BINANCE,rank(close) > 0.5,1d,,",
        "BBB.BINANCE,price > 10,1d,every,", "AAA.BINANCE,price > 10.5,1d,,", "# AAA.BINANCE,nothing,,,",
    ]  # fmt: skip
    house = house_at(3, "AAA.BINANCE,price > 10.5,1d,every,\n" + "\n".join(wrong) + "\n")

    done = run_job("alerts", "2024-01-03", house=house)

    assert (done["state"], done["rows_published"]) == ("partial", 1)
    expected = {
        "alerts.csv line 3": "invalid syntax", "alerts.csv line 4": "SYMBOL.VENUE",
        "alerts.csv line 5": "2 cells too many, expected quotes",
        "alerts.csv line 6": "interval: '1y'", "alerts.csv line 7": "when 'often'", "alerts.csv line 8": "no instrument",
        "alerts.csv line 9": "compares instruments with each other", "alerts.csv line 10 BBB.BINANCE": "holds no bar",
        "alerts.csv line 11": "the same condition as alerts.csv line 2",
    }  # fmt: skip
    assert set(done["failed"]) == set(expected)
    for place, why in expected.items():
        assert why in done["failed"][place], place


def hear(alert: ConditionAlert) -> None:
    HEARD.append(alert)


def break_down(alert: ConditionAlert) -> None:
    raise ValueError("no line")


def test_a_hook_hears_of_each_new_alert_and_takes_none_away(
    house_at: Callable[..., House], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import sys
    from types import ModuleType

    module = ModuleType("hook_of_the_test")
    module.__dict__.update(hear=hear, break_down=break_down)
    monkeypatch.setitem(sys.modules, "hook_of_the_test", module)
    HEARD.clear()
    config = "alerts: {file: alerts.csv, hook: 'hook_of_the_test:%s'}"

    heard = run_job("alerts", "2024-01-03", house=house_at(3, "AAA.BINANCE,price > 10.5,1d,,\n", config % "hear"))
    broken = run_job("alerts", "2024-01-03", house=house_at(3, "AAA.BINANCE,price > 10.6,1d,,\n", config % "break_down"))
    absent = run_job("alerts", "2024-01-03", house=house_at(3, "AAA.BINANCE,price > 10.7,1d,,\n", config % "absent"))

    assert [one.condition for one in HEARD] == ["price > 10.5"]
    assert heard["failed"] == {}
    assert (broken["rows_published"], list(broken["failed"].values())) == (1, ["hook_of_the_test:break_down: ValueError: no line"])
    assert (absent["rows_published"], list(absent["failed"])) == (1, ["hook"])


def test_a_table_may_be_yaml_and_one_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    good, odd, other = tmp_path / "alerts.yaml", tmp_path / "odd.yaml", tmp_path / "other.csv"
    good.write_text("- {instrument: AAA.BINANCE, condition: 'rsi(14) below 30', interval: 1h, when: once}\n- nonsense\n")
    odd.write_text("a: 1")
    other.write_text("symbol,rule\n")

    found = rules_of(good)

    assert [(one.place, one.interval, one.is_once) for one in found.rules] == [("alerts.yaml entry 1", "1h", True)]
    assert list(found.wrong) == ["alerts.yaml entry 2"]
    for path, why in ((odd, "expected a list"), (other, "expected instrument, condition"), (tmp_path / "none.csv", "No such file")):
        with pytest.raises(Rejected, match=why):
            rules_of(path)


def test_alerts_are_planned_after_each_length_of_bars_or_by_a_rhythm(make_house: MakeHouse) -> None:
    both = ", ".join(f"{{interval: {length}, instruments: [A], since: 2024-01-01}}" for length in ("1d", "1h"))
    crypto = f"crypto: {{binance: {{bars: [{both}]}}}}"
    followed = make_house(f"{crypto}\nalerts: {{}}").config
    timed = make_house(f"{crypto}\nalerts: {{schedule: '*/5 * * * *'}}").config
    silent = make_house(crypto).config

    def drawn(config: object) -> dict[str, object]:
        return {plan.name: plan.schedule for plan in plans(config) if plan.name.startswith("alerts")}  # type: ignore[arg-type]

    assert drawn(followed) == {"alerts_1d": AfterTables(("history/bars-1d",)), "alerts_1h": AfterTables(("history/bars-1h",))}
    assert drawn(timed) == {"alerts": Cron("*/5 * * * *")}
    assert drawn(silent) == {}


def test_with_routes_and_no_table_there_is_nothing_to_look_at(make_house: MakeHouse) -> None:
    house = make_house("alerts: {routes: {phone: {}}}", now="2024-01-02T00:30:00Z")

    assert run_job("alerts", "2024-01-01", house=house)["state"] == "nothing"
