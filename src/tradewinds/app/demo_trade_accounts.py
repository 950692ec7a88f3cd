"""The accounts that the demo trades on paper, each at a local venue, and the strategy of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CASH = "50000"


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """One account. venue: its name among the local venues, whose account of ours is `at_venue`.

    symbols: the venue's name of each instrument -> our id. config: its entry under `accounts`. strategy: the file's name and its YAML.
    keys: what the environment holds of it. assets: the venue's name of what a position in an instrument is kept in, for spot.
    """

    name: str
    venue: str
    at_venue: str
    symbols: Mapping[str, str]
    config: Mapping[str, Any]
    strategy: str
    words: Mapping[str, Any]
    keys: Mapping[str, str] = field(default_factory=dict)
    assets: Mapping[str, str] = field(default_factory=dict)
    silence: tuple[Mapping[str, Any], ...] = ()

    def file(self) -> dict[str, Any]:
        """The strategy's YAML."""
        named = {"name": self.name, "capital": float(CASH), "currency": self.config["currency"]}
        return {
            "strategy": self.strategy,
            "mode": "paper",
            "interval": "1m",
            "instruments": [*self.symbols.values()],
            "account": named,
            **self.words,
        }

    def environment(self) -> dict[str, str]:
        """The keys, as the trading process finds them."""
        return {f"TRADEWINDS_ACCOUNTS__{self.name.upper()}__{part}": value for part, value in self.keys.items()}

    def faults(self, kept_s: float) -> list[dict[str, Any]]:
        """What makes the venue take the next order and tell nobody, over neither of its ways."""
        return [dict(one, amount=kept_s) if one["kind"] == "slow_answer" else dict(one) for one in self.silence]


def accounts_at(urls: Mapping[str, str]) -> tuple[DemoAccount, ...]:
    """The accounts at these local venues."""
    return _binance(urls), _oanda(urls), _ibkr(urls)


def balances() -> dict[str, dict[str, str]]:
    """What the account at the local Binance begins with."""
    return {"main": {"USDT": CASH}}


def _binance(urls: Mapping[str, str]) -> DemoAccount:
    rest = urls["binance_rest"]
    coins = ("BTC", "ETH", "BNB")
    return DemoAccount(
        "binance_paper", "binance_spot", "main",
        {f"{coin}USDT": f"{coin}USDT.BINANCE" for coin in coins},
        {
            "broker": "binance", "environment": "test", "currency": "USDT", "url": rest,
            "options": {"stream_url": rest.replace("http", "ws", 1) + "/ws-api/v3"},
        },
        "rebound.py",
        {"parameters": {"part": 0.2}},
        {"KEY": "sandbox-trading-key", "SECRET": "sandbox-trading-secret"},
        {f"{coin}USDT": coin for coin in coins},
        (
            {"kind": "event_lost", "venue": "binance_rest", "path": "*ws-api*", "method": "WS"},
            {"kind": "slow_answer", "venue": "binance_rest", "path": "*/api/v3/order", "method": "POST", "times": 1},
        ),
    )  # fmt: skip


def _oanda(urls: Mapping[str, str]) -> DemoAccount:
    account = "101-004-0000001-001"
    pairs = ("EUR_USD", "GBP_USD")
    return DemoAccount(
        "oanda_paper", "oanda", account,
        {pair: f"{pair}.OANDA" for pair in pairs},
        {"broker": "oanda", "environment": "test", "currency": "USD", "url": urls["oanda"], "options": {"account": account}},
        "follow.py",
        {"parameters": {"part": 0.4}},
        {"SECRET": "sandbox-oanda-token"},
    )  # fmt: skip


def _ibkr(urls: Mapping[str, str]) -> DemoAccount:
    pair = "EUR_USD.IDEALPRO"
    return DemoAccount(
        "ib_paper", "tws", "DU1234567",
        {pair: pair},
        {"broker": "ibkr", "environment": "test", "currency": "USD", "url": urls["tws"]},
        "swing.py",
        {"parameters": {"units": 25000}},
    )  # fmt: skip
