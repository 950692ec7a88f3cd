"""Trading hours reach the gate: sessions of calendars, half-days among them, and the account's own day."""

from __future__ import annotations

from datetime import time
from decimal import Decimal

import pytest

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import parse
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import ApprovedOrder, Intent, OrderTerms, Refusal
from tradewinds.jobs.config import AccountConfig, Config
from tradewinds.risk.standing import Standing
from tradewinds.sandbox.direct import DirectBroker
from tradewinds.sandbox.exchange import Exchange, Quote
from tradewinds.wiring.accounts import account_of
from tradewinds.wiring.trade import AccountPlan, instruments_for
from tradewinds.wiring.trade_hours import CalendarHours, day_of
from tradewinds.wiring.trade_service import engine_of

AAPL, COIN, EURO, ODD = "AAPL.XNAS", "BTCUSDT.BINANCE", "EUR_USD.OANDA", "ODD.LOCAL"


@pytest.mark.parametrize(
    ("instrument", "at", "is_open"),
    [
        (AAPL, "2026-11-25T14:29:59Z", False),
        (AAPL, "2026-11-25T14:30:00Z", True),  # 09:30 in New York
        (AAPL, "2026-11-25T20:59:59Z", True),
        (AAPL, "2026-11-25T21:00:00Z", False),
        (AAPL, "2026-11-26T16:00:00Z", False),  # Thanksgiving
        (AAPL, "2026-11-27T17:59:59Z", True),  # the half-day after it
        (AAPL, "2026-11-27T18:00:00Z", False),
        (AAPL, "2026-11-28T16:00:00Z", False),  # a Saturday
        ("SPY.ARCX", "2026-11-27T18:00:00Z", False),
        (EURO, "2026-11-27T21:59:59Z", True),
        (EURO, "2026-11-27T22:00:00Z", False),  # Friday 17:00 in New York
        (EURO, "2026-12-31T23:59:00Z", True),  # a session of the next year
        (COIN, "2026-11-28T03:00:00Z", True),
        (COIN, "2026-12-31T23:59:59Z", True),
        (AAPL, "2040-01-02T16:00:00Z", None),  # beyond what the calendar knows
    ],
)
def test_a_session_is_under_way_or_not(instrument: str, at: str, is_open: bool | None) -> None:
    hours = CalendarHours(instruments_for([instrument], None).values())

    assert hours(instrument, parse(at)) is is_open


def test_an_instrument_of_no_known_calendar_is_neither_open_nor_closed() -> None:
    assert CalendarHours([Instrument(ODD, "other", "USD", "MOON")])(ODD, parse("2026-11-25T15:00:00Z")) is None
    assert CalendarHours([])(ODD, parse("2026-11-25T15:00:00Z")) is None


def test_an_account_that_trades_in_hours_only_refuses_after_the_half_days_close() -> None:
    given = AccountConfig(broker="ibkr", url="127.0.0.1:4002", limits={"is_in_hours_only": True}, instruments=(AAPL,))
    account = account_of(Config(home="home", accounts={"stocks": given}), "stocks")
    broker = DirectBroker(Exchange(lambda: 0, lambda symbol: Quote(*[Decimal(1)] * 4)), "stocks")
    gate = engine_of(AccountPlan(account, "paper"), [], broker.capability, instruments_for([AAPL], None)).gate

    def judged(at: str) -> object:
        intent = Intent("stocks", "trend", parse(at), OrderTerms(AAPL, "buy", Decimal(1)))
        return gate.judge(intent, Standing(), parse(at))

    assert isinstance(judged("2026-11-27T17:59:00Z"), ApprovedOrder)
    refused = judged("2026-11-27T18:00:00Z")
    assert isinstance(refused, Refusal)
    assert "no session is under way at 2026-11-27T18:00:00Z" in refused.reason


def test_an_accounts_day_begins_where_and_when_it_says() -> None:
    new_york = AccountConfig(broker="ibkr", day_zone="America/New_York", day_starts=1020)  # 17:00 as YAML reads it

    assert day_of("main", new_york) == ("America/New_York", time(17))
    assert day_of("main", AccountConfig(broker="ibkr")) == ("UTC", time(0))
    with pytest.raises(Rejected, match="account main: day_starts '25:00', expected a time such as 17:00"):
        day_of("main", AccountConfig(broker="ibkr", day_starts="25:00"))
    with pytest.raises(Rejected, match="account main: day_zone: trading day: zone 'Mars/Base'"):
        day_of("main", AccountConfig(broker="ibkr", day_zone="Mars/Base"))
