"""Profit of a session on the page of a night: what accounts made, split to the last cent, or of targets where no account traded."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tradewinds.calendars.sessions import calendar
from tradewinds.core.account import Fill
from tradewinds.core.instrument import CorporateAction, Instrument
from tradewinds.core.market import bars
from tradewinds.core.observation import Table
from tradewinds.core.order import Side
from tradewinds.jobs.book import book_of
from tradewinds.jobs.research_book import bars_panel, publish
from tradewinds.jobs.research_report import night_of
from tradewinds.jobs.research_risk import stored_model
from tradewinds.jobs.research_tables import factor_returns_table
from tradewinds.report.night_data import Absent, Attribution
from tradewinds.stores.ledger_trading import Held, Step
from tradewinds.trading.entry import Booked, Entry, Ticked
from tradewinds.wiring.house import House, run_job

MakeHouse = Callable[..., House]
MakeBars = Callable[..., pl.DataFrame]

NIGHT, BEFORE = "2024-01-04", "2024-01-03"
NOON_NS = calendar("XNYS").open_ns(date(2024, 1, 4)) + 3 * 3_600_000_000_000
EVENING_NS = calendar("XNYS").close_ns(date(2024, 1, 4)) + 3_600_000_000_000


@pytest.fixture
def two_nights(house: House, make_house: MakeHouse, research_bars: MakeBars, book_yaml: str) -> House:
    """A house in which two nights were computed, the last that of 4 January 2024, until its signals."""
    for step in ("features", "risk_model", "signals"):
        run_job(f"research.{step}", BEFORE, house=house)
    text = book_yaml + "accounts: {main: {broker: ibkr, environment: live}, sim: {broker: paper}}\n"
    later = make_house(text, now="2024-01-05T06:00:00Z")
    publish(later.context("test", ""), Table(bars("1d")), research_bars(date(2024, 1, 4)))
    for step in ("features", "risk_model", "signals"):
        run_job(f"research.{step}", NIGHT, house=later)
    later.ledger.upsert_instruments([Instrument(f"S{n:02d}.XNAS", "equity", "USD", "XNYS") for n in range(12)])
    return later


def _fill(number: int, name: str, side: Side, quantity: str, price: str, at_ns: int, commission: str = "0", paid_in: str = "USD") -> Fill:
    units, money, one = Decimal(quantity), Decimal(price), Decimal(1)
    return Fill(str(number), "XNAS", f"o{number}", name, side, units, money, "USD", at_ns, one, Decimal(commission), paid_in)


def _trade(house: House, account: str, held: dict[str, str], *fills: Fill) -> None:
    """What an account holds now, and its fills."""
    steps = [Step(n, bytes(32), Entry(one.event_ns, Ticked(), (Booked(one, "trend"),))) for n, one in enumerate(fills, 1)]
    steps = steps or [Step(1, bytes(32), Entry(NOON_NS, Ticked(), ()))]
    house.ledger.trading.take(account, steps, [Held("trend", name, Decimal(quantity), None) for name, quantity in held.items()], [])


def _attribution(house: House) -> Attribution | Absent:
    context = house.context("test", "")
    return night_of(context, book_of(context, {}), NIGHT).attribution


def _closes(house: House) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """(2, 12) as traded."""
    context = house.context("test", "")
    return np.array(bars_panel(context, book_of(context, {}), NIGHT).fields["price"][-2:])


def test_what_an_account_made_is_split_to_factors_instruments_and_costs_and_sums_exactly(two_nights: House) -> None:
    (p0, p1), context = _closes(two_nights), two_nights.context("test", "")
    fills = (
        _fill(1, "S00.XNAS", "buy", "20", "51", NOON_NS, "1"),
        _fill(2, "S02.XNAS", "buy", "10", "40", NOON_NS, "0.25"),
        _fill(3, "S02.XNAS", "sell", "10", "42", NOON_NS + 1, "0.25"),
        _fill(4, "S00.XNAS", "buy", "5", "60", EVENING_NS, "7"),  # after the close: the next session's
    )
    _trade(two_nights, "main", {"S00.XNAS": "125", "S01.XNAS": "-50"}, *fills)

    found = _attribution(two_nights)

    # 100 held and 20 bought at noon, 50 short all day, ten bought at 40 and sold at 42.
    made = {"S00.XNAS": 120 * p1[0] - 100 * p0[0] - 20 * 51, "S01.XNAS": -50 * (p1[1] - p0[1]), "S02.XNAS": 20.0, "costs": -1.5}
    assert isinstance(found, Attribution)
    assert found.period == "session 2024-01-04, realised by account main"
    assert found.by_instrument is not None
    assert dict(zip(found.instruments, found.by_instrument.tolist(), strict=True)) == pytest.approx(made, rel=1e-12)
    assert found.total == pytest.approx(sum(made.values()), rel=1e-12)
    assert found.costs == -1.5
    model = stored_model(context, book_of(context, {}), BEFORE)
    returns = dict(zip(found.factors, found.by_factor, strict=True))
    value = np.array([100 * p0[0], -50 * p0[1]])
    size = model.exposures[:2, model.factors.index("size")]
    rows = context.lake.read(factor_returns_table("us"), as_of_ns=context.clock.now_ns()).filter(pl.col("instrument") == "SIZE.RISK")
    assert returns["size"] == pytest.approx(float(value @ size) * rows.sort("start_ns")["value"][-1], rel=1e-9)
    assert math.fsum((*found.by_factor, found.specific, found.costs)) == pytest.approx(found.total, abs=1e-12 * abs(value).sum())
    assert math.fsum(found.by_instrument) == pytest.approx(found.total, abs=1e-12 * abs(value).sum())


def test_accounts_with_real_money_go_before_those_without(two_nights: House) -> None:
    _trade(two_nights, "sim", {"S00.XNAS": "1000"})
    alone = _attribution(two_nights)
    _trade(two_nights, "main", {"S00.XNAS": "10"})

    found = _attribution(two_nights)

    assert isinstance(alone, Attribution)
    assert isinstance(found, Attribution)
    assert alone.period == "session 2024-01-04, realised by account sim (no real money)"
    assert found.period == "session 2024-01-04, realised by account main"
    assert found.total == pytest.approx(alone.total / 100, rel=1e-12)


def test_a_dividend_counts_on_its_ex_session_and_a_split_makes_nothing(two_nights: House) -> None:
    p0, p1 = _closes(two_nights)
    ex_ns, known_ns = calendar("XNYS").open_ns(date(2024, 1, 4)), calendar("XNYS").open_ns(date(2024, 1, 2))
    acts = [
        CorporateAction("S00.XNAS", "dividend", ex_ns, known_ns, Decimal(2), "USD"),
        CorporateAction("S01.XNAS", "split", ex_ns, known_ns, Decimal(2)),
    ]
    two_nights.ledger.add_actions(acts)
    _trade(two_nights, "main", {"S00.XNAS": "100", "S01.XNAS": "100"})

    found = _attribution(two_nights)

    assert isinstance(found, Attribution)
    assert found.by_instrument is not None
    # A share that was worth p0 is worth p1 and paid 2; the split turned half a share into one.
    expected = [100 * (p1[0] - p0[0] + 2), 100 * (p1[1] - p0[1] / 2), 0.0]
    assert found.by_instrument.tolist() == pytest.approx(expected, rel=1e-9)


def test_without_accounts_the_targets_are_attributed_and_the_page_says_so(two_nights: House) -> None:
    done = run_job("research.report", NIGHT, house=two_nights)

    found = _attribution(two_nights)

    assert isinstance(found, Attribution)
    assert found.period == "session 2024-01-04, of targets: no account held or traded its instruments"
    assert abs(found.left_over) < 1e-9
    text = Path(done["detail"]["page"]).read_text(encoding="utf-8")
    assert "of targets: no account held or traded its instruments" in text
    assert done["detail"]["absent"] == ["models"]


def test_what_an_account_holds_outside_the_book_is_not_the_books(two_nights: House) -> None:
    _trade(two_nights, "main", {"OTHER.XNAS": "10"}, _fill(1, "OTHER.XNAS", "buy", "10", "5", NOON_NS))

    found = _attribution(two_nights)

    assert isinstance(found, Attribution)
    assert "of targets" in found.period


def test_money_in_another_currency_is_a_named_gap(two_nights: House) -> None:
    _trade(two_nights, "main", {"S00.XNAS": "10"}, _fill(1, "S00.XNAS", "buy", "10", "51", NOON_NS, "0.01", "BNB"))

    found = _attribution(two_nights)

    assert found == Absent("fill 1 of account main in BNB, expected money in USD, or what the book holds")


def test_a_commission_paid_in_a_coin_of_the_book_counts_at_its_close(two_nights: House) -> None:
    coin = Instrument("S03.XNAS", "spot", "USD", "XNYS", base="BNB")
    two_nights.ledger.upsert_instruments([coin])
    _trade(two_nights, "main", {"S00.XNAS": "10"}, _fill(1, "S00.XNAS", "buy", "10", "51", NOON_NS, "0.01", "BNB"))

    found = _attribution(two_nights)

    assert isinstance(found, Attribution)
    assert found.costs == pytest.approx(-0.01 * _closes(two_nights)[1, 3], rel=1e-12)


def test_without_the_sessions_factor_returns_nothing_is_attributed(
    two_nights: House, make_house: MakeHouse, research_bars: MakeBars, book_yaml: str
) -> None:
    later = make_house(book_yaml, now="2024-01-06T06:00:00Z")
    context = later.context("test", "")
    publish(context, Table(bars("1d")), research_bars(date(2024, 1, 5)))

    found = night_of(context, book_of(context, {}), "2024-01-05").attribution

    assert found == Absent("no factor returns of 2024-01-05, expected the risk model of the session")
