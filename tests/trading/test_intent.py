"""Intents refuse impossible content; what kind of order they are follows from their prices."""

from __future__ import annotations

from typing import Any

import pytest

from tradewinds.core.errors import Rejected
from tradewinds.trading.intent import Bracket, Intent, OneCancelsOther


@pytest.mark.parametrize(
    ("terms", "kind"),
    [
        ({}, "market"),
        ({"limit": 9.5}, "limit"),
        ({"stop": 10.5}, "stop"),
        ({"stop": 10.5, "limit": 11.0}, "stop_limit"),
        ({"trail": 0.5}, "trailing_stop"),
        ({"trail": 0.05, "is_trail_fraction": True}, "trailing_stop"),
    ],
)
def test_prices_say_what_kind_of_order_it_is(terms: dict[str, Any], kind: str) -> None:
    assert Intent("buy", 10, **terms).kind == kind


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"side": "long", "quantity": 1}, "side 'long', expected buy or sell"),
        ({"side": "buy", "quantity": 0}, "quantity 0, expected a number above 0"),
        ({"side": "buy", "quantity": -3.0}, "quantity -3.0"),
        ({"side": "buy", "quantity": float("nan")}, "quantity nan"),
        ({"side": "buy", "quantity": float("inf")}, "quantity inf"),
        ({"side": "buy", "quantity": True}, "quantity True"),
        ({"side": "buy", "quantity": 1, "limit": 0.0}, "limit 0.0, expected a number above 0"),
        ({"side": "buy", "quantity": 1, "trail": 1.0, "stop": 2.0}, "trail 1 beside limit None and stop 2.0, expected it alone"),
        ({"side": "buy", "quantity": 1, "trail": 1.5, "is_trail_fraction": True}, "as a fraction, expected one between 0 and 1"),
        ({"side": "buy", "quantity": 1, "tif": "week"}, "time in force 'week', expected one of gtc, day, ioc, fok"),
        ({"side": "buy", "quantity": 1, "when": "noon"}, "when 'noon', expected one of any, open, close"),
        ({"side": "buy", "quantity": 1, "tag": "a"}, "tag 'a', expected a whole number"),
    ],
)
def test_an_impossible_intent_is_refused_by_name_and_value(terms: dict[str, Any], said: str) -> None:
    with pytest.raises(Rejected) as refused:
        Intent(**terms)

    assert said in str(refused.value)


def test_a_bracket_needs_its_stop_on_the_losing_side() -> None:
    assert Bracket(Intent("sell", 1), stop=11.0, take_profit=9.0).take_profit == 9.0
    with pytest.raises(Rejected, match="buy with take-profit 9 and stop 11, expected it above"):
        Bracket(Intent("buy", 1), stop=11.0, take_profit=9.0)


def test_one_cancels_other_needs_two() -> None:
    with pytest.raises(Rejected, match="1 intents, expected at least 2"):
        OneCancelsOther((Intent("buy", 1),))
