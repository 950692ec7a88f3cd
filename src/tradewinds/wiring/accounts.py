"""The accounts of the configuration, checked: which broker, where its journal stands, what its limits are.

Broken entries raise Rejected naming account, value and what was expected; whoever runs several accounts sets the broken one aside.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args, get_type_hints

from tradewinds.core.errors import Rejected
from tradewinds.core.money import decimal
from tradewinds.jobs.config import AccountConfig, Config
from tradewinds.risk.limits import Limits
from tradewinds.trading.declared import Mode, known

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
    """Limits from the words of a YAML file; each is a field of `risk.limits.Limits`. Raises Rejected naming key and value."""
    hints = get_type_hints(Limits)
    known(what, words, tuple(one.name for one in fields(Limits)))
    return Limits(**{name: _limit(f"{what}: {name}", value, hints[name]) for name, value in words.items()})


def journal_path(home: Path, account: str) -> Path:
    """Where an account's journal stands when it is on SQLite."""
    return home / "trade" / f"{account}.sqlite"


def _limit(what: str, value: object, hint: Any) -> Any:
    kinds = get_args(hint) or (hint,)
    if value is None and type(None) in kinds:
        return None
    if Decimal in kinds and isinstance(value, int | float | str) and not isinstance(value, bool):
        return decimal(repr(value) if isinstance(value, float) else value, what=what)
    if bool in kinds and isinstance(value, bool):
        return value
    if int in kinds and isinstance(value, int) and not isinstance(value, bool):
        return value
    if float in kinds and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if str in kinds and isinstance(value, str):
        return value
    if isinstance(value, list) and any(getattr(one, "__origin__", one) in (tuple, frozenset) for one in (hint, *kinds)):
        made = tuple if "tuple" in str(hint) else frozenset
        return made(str(one) for one in value)
    raise Rejected(f"{what} {value!r}, expected {str(hint).replace('decimal.', '').replace(' | None', '')}")
