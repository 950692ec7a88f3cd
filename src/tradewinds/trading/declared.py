"""What a strategy's or a portfolio's YAML file says: the same file runs in a backtest and, later, on paper and live.

    strategy: sma_cross.py            # or sma_cross.py:name, beside this file     strategies:
    parameters: {fast: 10, slow: 30}                                                 - {strategy: sma_cross.py, allocation: 0.6}
    instruments: [BTCUSDT.BINANCE]    # or universe: crypto_binance                  - {file: momentum.yaml, allocation: 0.4}
    interval: 1h                                                                   account: {capital: 50000, currency: USDT}
    account: {name: main, capital: 10000, currency: USDT, kind: cash}
    costs: [{bps: 10}, {half_spread: 0.5}]
    fills: {participation: 0.1}
    limits: {position_max: 2}         # for `trade`, over the account's
    mode: paper                       # shadow, paper or live for `trade`

    accounts:                         # instead of account and instruments: one strategy over several accounts, its home first
      - {name: main, capital: 10000, currency: USDT, instruments: [BTCUSDT.BINANCE]}
      - {name: fx, capital: 5000, currency: EUR, instruments: [EUR_USD.OANDA]}      # rate: 1.08 where no history has EUR in USDT

1. `declared` reads the left form, `declared_portfolio` the right one; `is_portfolio` tells them apart.
2. A key that is none is refused together with the nearest one that is. What account, costs and fills hold is read by `wiring.setup`,
   limits by `wiring.accounts`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any, Literal, cast

from tradewinds.core.errors import Rejected
from tradewinds.core.instrument import instrument_id, split_id
from tradewinds.core.market import Interval

Mode = Literal["backtest", "shadow", "paper", "live"]
MODES: tuple[Mode, ...] = ("backtest", "shadow", "paper", "live")

_RUN = ("instruments", "universe", "interval", "account", "accounts", "costs", "fills", "limits", "mode", "from", "to")
_STRATEGY = ("strategy", "name", "parameters", *_RUN)
_BOOK = ("strategy", "file", "name", "parameters", "instruments", "universe", "allocation")
_PORTFOLIO = ("name", "strategies", *_RUN)
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Terms:
    """What a run is about besides its strategies. start and end: ISO 8601; None where the file leaves them to the command.

    accounts: where several are traded; `account` is then the first as a backtest takes it, with the capital of all of them where they
    have one currency, and without where they have not.
    """

    instruments: tuple[str, ...] = ()
    universe: str | None = None
    interval: str | None = None
    account: Mapping[str, Any] = field(default_factory=dict)
    costs: tuple[Mapping[str, Any], ...] = ()
    fills: Mapping[str, Any] = field(default_factory=dict)
    mode: Mode = "backtest"
    start: str | None = None
    end: str | None = None
    limits: Mapping[str, Any] = field(default_factory=dict)
    accounts: tuple[Mapping[str, Any], ...] = ()

    @property
    def account_name(self) -> str | None:
        """The account of tradewinds.yaml that `mode` shadow, paper and live trade on; a backtest's account is the rest of `account`."""
        found = self.account.get("name")
        return None if found is None else str(found)


@dataclass(frozen=True, slots=True)
class Declared:
    """One strategy: the Python file (`file.py` or `file.py:name`, relative to the YAML) and what it is run with."""

    strategy: str
    name: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    terms: Terms = field(default_factory=Terms)


@dataclass(frozen=True, slots=True)
class DeclaredBook:
    """One strategy of a portfolio: a Python file, or a strategy's YAML (`is_file`), and its share of the equity."""

    place: str
    is_file: bool
    allocation: float
    name: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    instruments: tuple[str, ...] = ()
    universe: str | None = None

    def __post_init__(self) -> None:
        if not 0 < self.allocation <= 1:
            raise Rejected(f"portfolio: allocation {self.allocation} of {self.place}, expected a fraction above 0 and up to 1")


@dataclass(frozen=True, slots=True)
class DeclaredPortfolio:
    """Several strategies on one account; their allocations add up to 1 at most, what is left stays cash."""

    books: tuple[DeclaredBook, ...]
    name: str | None = None
    terms: Terms = field(default_factory=Terms)

    def __post_init__(self) -> None:
        total = sum(book.allocation for book in self.books)
        if total > 1 + 1e-9:
            raise Rejected(f"portfolio: allocations add up to {total:g}, expected at most 1")


def is_portfolio(values: Mapping[str, Any]) -> bool:
    """Whether the file names several strategies."""
    return "strategies" in values


def declared(values: Mapping[str, Any], what: str) -> Declared:
    """A strategy's file; `what` names it in errors. Raises Rejected naming key, value and what was expected."""
    known(what, values, _STRATEGY)
    if "strategy" not in values:
        raise Rejected(f"{what}: no strategy, expected a key strategy such as strategy: sma_cross.py")
    parameters = _mapping(what, "parameters", values.get("parameters"))
    return Declared(_text(what, "strategy", values["strategy"]), _name(what, values), parameters, _terms(what, values))


def declared_portfolio(values: Mapping[str, Any], what: str) -> DeclaredPortfolio:
    """A portfolio's file; strategies that name no allocation share equally what the others leave."""
    known(what, values, _PORTFOLIO)
    rows = _list(what, "strategies", values["strategies"])
    if not rows:
        raise Rejected(f"{what}: strategies is empty, expected at least one")
    named = [_allocation(what, row["allocation"]) for row in rows if isinstance(row, Mapping) and "allocation" in row]
    rest = max(0.0, 1.0 - sum(named)) / max(1, len(rows) - len(named))
    books = tuple(_book(f"{what}: strategies[{index}]", row, rest) for index, row in enumerate(rows))
    names = [book.name for book in books if book.name is not None]
    if len(set(names)) < len(names):
        raise Rejected(f"{what}: names of strategies {names}, expected each once")
    return DeclaredPortfolio(books, _name(what, values), _terms(what, values))


def known(what: str, given: Iterable[object], allowed: Sequence[str]) -> None:
    """Raises Rejected for the first key that is not allowed, with the nearest one that is."""
    for key in given:
        if key not in allowed:
            near = difflib.get_close_matches(str(key), allowed, n=1)
            hint = f"{near[0]}?" if near else f"one of {', '.join(allowed)}"
            raise Rejected(f"{what}: key {key!r}, expected {hint}")


def _terms(what: str, values: Mapping[str, Any]) -> Terms:
    instruments, universe = _instruments(what, values)
    interval = values.get("interval")
    if interval is not None:
        Interval(_text(what, "interval", interval))
    mode = values.get("mode", "backtest")
    if mode not in MODES:
        raise Rejected(f"{what}: mode {mode!r}, expected one of {', '.join(MODES)}")
    accounts = _accounts(what, values)
    if accounts and not instruments and universe is None:
        instruments = tuple(name for one in accounts for name in one["instruments"])
    costs = values.get("costs")
    rows = _list(what, "costs", [costs] if isinstance(costs, Mapping) else costs)
    return Terms(
        instruments,
        universe,
        interval,
        _simulated(accounts) if accounts else _mapping(what, "account", values.get("account")),
        tuple(_mapping(what, f"costs[{index}]", row) for index, row in enumerate(rows)),
        _mapping(what, "fills", values.get("fills")),
        cast(Mode, mode),
        _moment(what, "from", values.get("from")),
        _moment(what, "to", values.get("to")),
        _mapping(what, "limits", values.get("limits")),
        accounts,
    )


def _accounts(what: str, values: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Accounts with the instruments of each; every instrument on one of them."""
    rows = _list(what, "accounts", values.get("accounts"))
    if not rows:
        return ()
    if values.get("account") is not None:
        raise Rejected(f"{what}: account and accounts, expected one of the two: account for one, accounts for several")
    found: list[Mapping[str, Any]] = []
    placed: dict[str, str] = {}
    for index, row in enumerate(rows):
        place = f"{what}: accounts[{index}]"
        given = _mapping(place, "entry", row)
        for key in ("name", "currency"):
            _text(place, key, given.get(key))
        if not _is_amount(given.get("rate", 1)) or given.get("rate", 1) <= 0:
            words = f"of the first account's currency per {given['currency']}"
            raise Rejected(f"{place}: rate {given['rate']!r}, expected a positive number: {words}")
        if any(one["name"] == given["name"] for one in found):
            raise Rejected(f"{place}: account {given['name']} a second time, expected each once")
        names, _ = _instruments(place, {"instruments": given.get("instruments")})
        if not names:
            raise Rejected(f"{place}: account {given['name']} without instruments, expected those that are traded there")
        for name in names:
            if name in placed:
                raise Rejected(f"{place}: {name} on account {given['name']}, expected it on one account; {placed[name]} has it")
            placed[name] = str(given["name"])
        found.append(MappingProxyType({**given, "instruments": names}))
    return tuple(found)


def _simulated(accounts: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """One account as a backtest has it: the kernel knows no walls between accounts."""
    given = {key: value for key, value in accounts[0].items() if key not in ("instruments", "capital", "rate")}
    if len({one["currency"] for one in accounts}) == 1 and all(_is_amount(one.get("capital")) for one in accounts):
        given["capital"] = sum(one["capital"] for one in accounts)
    return MappingProxyType(given)


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _book(what: str, row: object, rest: float) -> DeclaredBook:
    values = _mapping(what, "entry", row)
    known(what, values, _BOOK)
    if ("strategy" in values) == ("file" in values):
        raise Rejected(f"{what}: {sorted(values)}, expected either strategy: FILE.py or file: FILE.yaml")
    place = _text(what, "strategy or file", values.get("strategy", values.get("file")))
    instruments, universe = _instruments(what, values)
    allocation = _allocation(what, values.get("allocation", rest))
    parameters = _mapping(what, "parameters", values.get("parameters"))
    return DeclaredBook(place, "file" in values, allocation, _name(what, values), parameters, instruments, universe)


def _instruments(what: str, values: Mapping[str, Any]) -> tuple[tuple[str, ...], str | None]:
    given = values.get("instruments")
    names = tuple(_text(what, "instruments", one) for one in _list(what, "instruments", [given] if isinstance(given, str) else given))
    for name in names:
        instrument_id(*split_id(name))
    universe = values.get("universe")
    if names and universe is not None:
        raise Rejected(f"{what}: instruments and universe {universe!r}, expected one of the two")
    return names, None if universe is None else _text(what, "universe", universe)


def _allocation(what: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Rejected(f"{what}: allocation {value!r}, expected a fraction such as 0.5")
    return float(value)


def _name(what: str, values: Mapping[str, Any]) -> str | None:
    return None if values.get("name") is None else _text(what, "name", values["name"])


def _moment(what: str, key: str, value: object) -> str | None:
    # YAML turns 2024-01-31 into a date and 2024-01-31T16:00:00Z into a datetime, which is a date too.
    return None if value is None else value.isoformat() if isinstance(value, date) else _text(what, key, value)


def _text(what: str, key: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise Rejected(f"{what}: {key} {value!r}, expected text")
    return value


def _mapping(what: str, key: str, value: object) -> Mapping[str, Any]:
    if value is None:
        return _NOTHING
    if not isinstance(value, Mapping):
        raise Rejected(f"{what}: {key} {value!r}, expected keys and values")
    return MappingProxyType(dict(value))


def _list(what: str, key: str, value: object) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise Rejected(f"{what}: {key} {value!r}, expected a list")
    return list(value)
