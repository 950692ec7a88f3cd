"""Words of a command or a YAML file become a setup; what is no word is refused with the nearest one."""

from __future__ import annotations

from typing import Any

import pytest

from tradewinds.core.errors import Rejected
from tradewinds.simulation.rules import Account, BasisPoints, Borrow, Financing, HalfSpread, PerTrade, PerUnit, Setup, Tiers, VolumeShare
from tradewinds.wiring.setup import cost_of, cost_words, setup_of


def test_nothing_said_is_the_default() -> None:
    assert setup_of({}, (), {}, "command") == Setup()


def test_account_costs_and_fills_are_read() -> None:
    found = setup_of(
        {"capital": "5000", "currency": "EUR", "kind": "cash"}, [{"bps": "10"}], {"at": "same_close", "participation": 0.1}, "x"
    )
    assert found.account == Account(5000.0, "EUR", "cash")
    assert found.costs == (BasisPoints(10.0),)
    assert (found.fills.at, found.fills.participation) == ("same_close", 0.1)


@pytest.mark.parametrize(
    ("words", "cost"),
    [
        ({"bps": 10, "maker": 8, "minimum": 1}, BasisPoints(10.0, 8.0, 1.0)),
        ({"per_unit": 0.005, "minimum": 1, "maximum": 0.01}, PerUnit(0.005, 1.0, 0.01)),
        ({"per_trade": "2.5"}, PerTrade(2.5)),
        ({"half_spread": 0.5, "spread_price": 0.01}, HalfSpread(0.5, 0.01)),
        ({"spread_price": 0.01}, HalfSpread(0.0, 0.01)),
        ({"impact": 0.1, "power": 1}, VolumeShare(0.1, 1.0)),
        ({"borrow": 0.03, "instruments": ["AAPL.XNAS"]}, Borrow(0.03, ("AAPL.XNAS",))),
        ({"short": 0.01, "long": 0.05}, Financing(0.05, 0.01)),
        ({"tiers": [[0, 1, 2], [1000, 0, 1]], "days": 30}, Tiers(((0.0, 1.0, 2.0), (1000.0, 0.0, 1.0)), 30)),
    ],
)
def test_every_cost_has_its_words(words: dict[str, Any], cost: object) -> None:
    assert cost_of(words, "x") == cost


def test_a_cost_on_the_command_line_is_keys_and_values() -> None:
    assert cost_words("bps=10, maker=8") == {"bps": "10", "maker": "8"}
    with pytest.raises(Rejected, match="--cost 'ten', expected KEY=VALUE such as bps=10"):
        cost_words("ten")


@pytest.mark.parametrize(
    ("account", "costs", "fills", "told"),
    [
        ({"captial": 1}, [], {}, "account: key 'captial', expected capital[?]"),
        ({"capital": "much"}, [], {}, "account: capital 'much', expected a number"),
        ({"capital": -1}, [], {}, "account: capital: -1.0"),
        ({}, [{"bsp": 1}], {}, "cost: key 'bsp', expected bps[?]"),
        ({}, [{"bps": 1, "makr": 1}], {}, "cost bps: key 'makr', expected maker[?]"),
        ({}, [{"minimum": 1}], {}, "expected"),
        ({}, [{}], {}, "cost .*expected one of bps"),
        ({}, [], {"att": "next_open"}, "fills: key 'att', expected at[?]"),
        ({}, [], {"at": "never"}, "fills: at 'never'"),
    ],
)
def test_what_is_no_word_is_refused(account: dict[str, Any], costs: list[dict[str, Any]], fills: dict[str, Any], told: str) -> None:
    with pytest.raises(Rejected, match=told):
        setup_of(account, costs, fills, "x.yaml")
