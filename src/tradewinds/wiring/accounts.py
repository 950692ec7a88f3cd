"""The accounts of the configuration, checked: which broker, where its journal stands, what its limits are.

Broken entries raise Rejected naming account, value and what was expected; whoever runs several accounts sets the broken one aside.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tradewinds.core.errors import Rejected
from tradewinds.jobs.config import AccountConfig, Config
from tradewinds.risk.bounds import NAMES, Limits, limits_from
from tradewinds.trading.declared import Mode, known
from tradewinds.wiring.trade_hours import day_of

CURRENCIES = {"binance": "USDT", "binance_um": "USDT"}
BROKERS = ("binance", "binance_um", "oanda", "ibkr", "client_portal", "paper")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_EXCHANGE = re.compile(r"ccxt:[a-z0-9_]+")


@dataclass(frozen=True, slots=True)
class TradedAccount:
    """An account of the configuration under its name, with its limits read."""

    name: str
    config: AccountConfig
    limits: Limits

    @property
    def currency(self) -> str:
        """Base currency of its books."""
        return self.config.currency or CURRENCIES.get(self.config.broker, "USD")

    @property
    def is_live(self) -> bool:
        """Whether orders there move money."""
        return self.config.environment == "live" and self.config.broker != "paper"


def account_of(config: Config, name: str) -> TradedAccount:
    """The account of that name; raises Rejected naming those there are, or what is wrong with it."""
    given = config.accounts.get(name)
    if given is None:
        names = ", ".join(config.accounts) or "none yet; docs/accounts.md says how to write one"
        raise Rejected(f"account {name!r}, expected one of tradewinds.yaml's accounts: {names}")
    if _NAME.fullmatch(name) is None:
        raise Rejected(f"account {name!r}: expected a name of small letters, digits and _, beginning with a letter")
    if given.broker not in BROKERS and _EXCHANGE.fullmatch(given.broker) is None:
        raise Rejected(f"account {name}: broker {given.broker!r}, expected one of {', '.join(BROKERS)} or ccxt:<exchange>")
    if given.journal != "sqlite" and not given.journal.startswith("postgresql"):
        raise Rejected(f"account {name}: journal {given.journal.partition(':')[0]!r}, expected sqlite or postgresql://...")
    day_of(name, given)
    return TradedAccount(name, given, limits_of(given.limits, f"account {name}: limits"))


def check_mode(account: TradedAccount, mode: Mode, what: str) -> None:
    """Raises Rejected where a strategy's mode does not fit its account: paper never reaches a live one, live wants a live one."""
    if mode == "backtest":
        raise Rejected(f"{what}: mode backtest, expected shadow, paper or live; trading is never started by leaving a word out")
    if mode == "paper" and account.is_live:
        raise Rejected(f"{what}: mode paper on account {account.name} of environment live, expected a test account, or mode shadow or live")
    if mode == "live" and not account.is_live:
        of = "a paper broker" if account.config.broker == "paper" else f"environment {account.config.environment}"
        raise Rejected(f"{what}: mode live on account {account.name} of {of}, expected environment: live; or mode paper")


def limits_of(words: Mapping[str, Any], what: str) -> Limits:
    """Limits from the words of a YAML file. Raises Rejected naming key (with the nearest known) and value."""
    known(what, words, NAMES)
    return limits_from(words, what)


def journal_path(home: Path, account: str) -> Path:
    """Where an account's journal stands when it is on SQLite."""
    return home / "trade" / f"{account}.sqlite"
