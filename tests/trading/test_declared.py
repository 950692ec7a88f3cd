"""A strategy's and a portfolio's YAML are read strictly: what is unknown is refused with the nearest word."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tradewinds.core.errors import Rejected
from tradewinds.trading.declared import declared, declared_portfolio, is_portfolio

STRATEGY = """
strategy: sma_cross.py:slow
parameters: {fast: 10, slow: 30}
instruments: [BTCUSDT.BINANCE, ETHUSDT.BINANCE]
interval: 1h
account: {capital: 10000, currency: USDT, kind: cash}
costs: [{bps: 10}, {half_spread: 0.5}]
fills: {participation: 0.1}
mode: paper
from: 2024-01-31
to: 2024-03-01T12:00:00Z
"""
PORTFOLIO = """
name: two
strategies:
  - {strategy: sma_cross.py, name: fast, allocation: 0.6, parameters: {fast: 5}, instruments: AAPL.XNAS}
  - {file: momentum.yaml}
  - {strategy: pairs.py, universe: crypto_binance}
account: {capital: 50000}
"""


def read(text: str) -> Any:
    return yaml.safe_load(text)


def test_a_strategy_is_read_with_everything_it_is_run_with() -> None:
    found = declared(read(STRATEGY), "sma.yaml")
    assert found.strategy == "sma_cross.py:slow"
    assert dict(found.parameters) == {"fast": 10, "slow": 30}
    assert found.terms.instruments == ("BTCUSDT.BINANCE", "ETHUSDT.BINANCE")
    assert (found.terms.interval, found.terms.mode) == ("1h", "paper")
    assert [dict(cost) for cost in found.terms.costs] == [{"bps": 10}, {"half_spread": 0.5}]
    assert (found.terms.start, found.terms.end) == ("2024-01-31", "2024-03-01T12:00:00+00:00")


def test_what_only_trading_reads_is_kept_apart() -> None:
    found = declared(
        read("{strategy: a.py, mode: shadow, account: {name: main, capital: 5000}, limits: {position_max: 2, is_long_only: true}}"),
        "a.yaml",
    )

    assert (found.terms.mode, found.terms.account_name) == ("shadow", "main")
    assert dict(found.terms.limits) == {"position_max": 2, "is_long_only": True}
    assert declared(read("strategy: a.py"), "a.yaml").terms.account_name is None


def test_a_portfolio_is_read_and_what_is_left_is_shared_equally() -> None:
    values = read(PORTFOLIO)
    found = declared_portfolio(values, "two.yaml")
    assert is_portfolio(values)
    assert not is_portfolio(read(STRATEGY))
    assert [book.allocation for book in found.books] == pytest.approx([0.6, 0.2, 0.2])
    assert [(book.place, book.is_file) for book in found.books] == [("sma_cross.py", False), ("momentum.yaml", True), ("pairs.py", False)]
    assert found.books[0].instruments == ("AAPL.XNAS",)
    assert found.books[2].universe == "crypto_binance"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("instrument: [A.XNAS]", "key 'instrument', expected instruments[?]"),
        ("colour: red", "key 'colour', expected one of strategy, name, parameters"),
        ("universe: top", "instruments and universe 'top', expected one of the two"),
        ("mode: demo", "mode 'demo', expected one of backtest, shadow, paper, live"),
        ("interval: 1x", "interval: '1x'"),
        ("instruments: [AAPL]", "instrument id: 'AAPL', expected SYMBOL.VENUE"),
        ("instruments: {a: 1}", "instruments .*expected a list"),
        ("parameters: [1]", "parameters .*expected keys and values"),
        ("account: 5", "account 5, expected keys and values"),
        ("costs: [5]", r"costs\[0\] 5, expected keys and values"),
        ("strategy: 5", "strategy 5, expected text"),
        ("from: 5", "from 5, expected text"),
    ],
)
def test_what_is_wrong_is_refused_by_its_key(line: str, told: str) -> None:
    values = read(STRATEGY) | read(line)
    with pytest.raises(Rejected, match=told):
        declared(values, "sma.yaml")


def test_a_file_without_a_strategy_is_refused() -> None:
    with pytest.raises(Rejected, match="no strategy, expected a key strategy"):
        declared({"interval": "1d"}, "empty.yaml")


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([], "strategies is empty, expected at least one"),
        ([{"strategy": "a.py", "file": "a.yaml"}], "expected either strategy: FILE.py or file: FILE.yaml"),
        ([{"allocation": 0.5}], "expected either strategy: FILE.py or file: FILE.yaml"),
        (
            [{"strategy": "a.py", "allocation": 0.7}, {"strategy": "b.py", "allocation": 0.4}],
            "allocations add up to 1.1, expected at most 1",
        ),
        ([{"strategy": "a.py", "allocation": 1.0}, {"strategy": "b.py"}], "allocation 0.0 of b.py, expected a fraction above 0"),
        ([{"strategy": "a.py", "allocation": "half"}], "allocation 'half', expected a fraction"),
        ([{"strategy": "a.py", "alocation": 0.5}], "key 'alocation', expected allocation[?]"),
        ([{"strategy": "a.py", "name": "x"}, {"strategy": "b.py", "name": "x"}], "expected each once"),
        (["a.py"], "entry 'a.py', expected keys and values"),
    ],
)
def test_a_portfolio_that_cannot_be_is_refused(rows: list[Any], told: str) -> None:
    with pytest.raises(Rejected, match=told):
        declared_portfolio({"strategies": rows}, "two.yaml")
