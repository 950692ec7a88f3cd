"""From strategy files to what each account is to trade: read, checked, and put beside each other.

1. Files are those named, or every YAML of the workspace's `strategies/`. One that is broken, or fits no account, is set aside and said;
   it stops no other. A file that was named by hand and is broken stops the start instead.
2. Each strategy goes to its home account, the first that trades an instrument of it; the others have it as a guest. All strategies of
   one account have one mode; what one file holds stands or falls together.
3. Instruments' rules come from the ledger, currencies' rates as of the start; names of universes are who belongs to them now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewinds.core.errors import Rejected, TradewindsError
from tradewinds.core.instrument import Instrument
from tradewinds.core.money import decimal
from tradewinds.jobs.config import Config
from tradewinds.risk.limits import Limits
from tradewinds.simulation.rules import Setup
from tradewinds.trading.declared import Declared, DeclaredBook, DeclaredPortfolio, Mode, Terms
from tradewinds.trading.hosted import Hosted
from tradewinds.trading.own_book import Conversion
from tradewinds.trading.strategy import Strategy
from tradewinds.wiring.accounts import TradedAccount, account_of, check_mode, limits_of
from tradewinds.wiring.assumed import with_habits
from tradewinds.wiring.market_facts import calendar_of, instrument_of, with_lots
from tradewinds.wiring.models import with_models
from tradewinds.wiring.research import YAML, place_beside, read_declared
from tradewinds.wiring.setup import setup_of
from tradewinds.wiring.strategy_file import load_strategy

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

FOLDER = "strategies"
_NO_SETUP = ("name", "capital", "currency", "instruments", "rate")  # words of an account that the paper broker has no use for


@dataclass(frozen=True, slots=True)
class AccountShare:
    """What a strategy trades on one account. capital: in its currency. words: of its entry in the file, for the paper broker."""

    account: TradedAccount
    capital: Decimal
    instruments: tuple[str, ...]
    words: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TradedStrategy:
    """One strategy that is to be traded, everything checked that can be without its broker.

    account: where it decides. capital: there, in the account's currency. instruments: all of them, in its order. elsewhere: what it
    trades on other accounts.
    """

    name: str
    file: Path
    strategy: Strategy
    parameters: Mapping[str, Any]
    instruments: tuple[str, ...]
    account: TradedAccount
    mode: Mode
    capital: Decimal
    limits: Limits
    models: Mapping[str, str] = field(default_factory=dict)  # parameter -> SHA-256 of the model it names
    terms: Terms = field(default_factory=Terms)
    elsewhere: tuple[AccountShare, ...] = ()

    @property
    def shares(self) -> tuple[AccountShare, ...]:
        """What it trades on each of its accounts, its home first."""
        away = {name for one in self.elsewhere for name in one.instruments}
        words = self.terms.accounts[0] if self.terms.accounts else self.terms.account
        for row in self.terms.accounts:
            words = row if row["name"] == self.account.name else words
        return (AccountShare(self.account, self.capital, tuple(one for one in self.instruments if one not in away), words), *self.elsewhere)

    def on(self, account: str) -> AccountShare:
        """What it trades on one of its accounts."""
        return next(one for one in self.shares if one.account.name == account)


@dataclass(frozen=True, slots=True)
class AccountPlan:
    """What one account is to do. guests: strategies that decide on another account and trade here too."""

    account: TradedAccount
    mode: Mode
    strategies: tuple[TradedStrategy, ...] = ()
    guests: tuple[TradedStrategy, ...] = ()

    @property
    def shares(self) -> Mapping[str, AccountShare]:
        """What each strategy trades here, by name: those at home here first."""
        return {one.name: one.on(self.account.name) for one in (*self.strategies, *self.guests)}

    @property
    def instruments(self) -> tuple[str, ...]:
        """Every one that may be traded there, by a strategy or by hand."""
        names = [name for one in self.shares.values() for name in one.instruments]
        return tuple(dict.fromkeys([*names, *self.account.config.instruments]))

    @property
    def setup(self) -> Setup:
        """How a paper broker fills and what it charges: as the strategies' files say for backtests."""
        account: dict[str, Any] = {}
        costs: list[Mapping[str, Any]] = []
        fills: dict[str, Any] = {}
        for one in (*self.strategies, *self.guests):
            account |= {key: value for key, value in one.on(self.account.name).words.items() if key not in _NO_SETUP}
            costs += [cost for cost in one.terms.costs if cost not in costs]
            fills |= one.terms.fills
        given = float(self.account.config.options.get("capital", 0)) or float(sum(one.capital for one in self.shares.values()))
        capital = {"capital": given} if given else {}
        return setup_of({**account, **capital, "currency": self.account.currency}, costs, fills, f"account {self.account.name}")


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is to be traded, by account. troubles: what was set aside and why, by file."""

    accounts: Mapping[str, AccountPlan]
    troubles: Mapping[str, str]
    untraded: tuple[str, ...] = ()  # files of mode backtest

    @property
    def strategies(self) -> tuple[TradedStrategy, ...]:
        return tuple(one for plan in self.accounts.values() for one in plan.strategies)


def plan(config: Config, places: Sequence[Path], *, house: House | None = None, idle_accounts: Sequence[str] = ()) -> Plan:
    """What these files and folders (none: the workspace's strategies) say is to be traded.

    idle_accounts: accounts that are brought up without a strategy too, for orders by hand. Raises Rejected where a file that was named
    itself is broken.
    """
    files, named = _files(config, places)
    troubles: dict[str, str] = {}
    untraded: list[str] = []
    found: list[TradedStrategy] = []
    for file in files:
        try:
            new = _of_file(file, config, house)
            _check_names(new, found)
            _check_modes(new, found)
            for one in new:
                known = instruments_for(one.instruments, house)
                hosted_of(one, known, {each.currency: 1.0 for each in known.values()}).check()
        except TradewindsError as error:
            if file in named:
                raise
            troubles[file.name] = str(error)
            continue
        except Exception as error:  # whatever a person's file does must not take the others away
            if file in named:
                raise
            troubles[file.name] = f"{type(error).__name__}: {error}"
            continue
        found += new
        if not new:
            if file in named:
                raise Rejected(
                    f"{file.name}: mode backtest, expected mode: shadow, paper or live; trading is never started by leaving it out"
                )
            untraded.append(file.name)
    accounts = {share.account.name: AccountPlan(share.account, one.mode) for one in found for share in one.shares}
    for name in idle_accounts:
        account = account_of(config, name)
        accounts.setdefault(name, AccountPlan(account, "live" if account.is_live else "paper"))
    for name, each in accounts.items():
        guests = tuple(one for one in found if any(share.account.name == name for share in one.elsewhere))
        accounts[name] = replace(each, strategies=tuple(one for one in found if one.account.name == name), guests=guests)
    return Plan(accounts, troubles, tuple(untraded))


def instruments_for(names: Iterable[str], house: House | None) -> dict[str, Instrument]:
    """The rules of instruments: the ledger's, else what is assumed of one that nobody registered."""
    wanted = list(dict.fromkeys(names))
    known = {one.id: one for one in house.ledger.instruments(ids=wanted)} if house is not None else {}
    with_rules, _ = with_lots([known.get(name) or with_habits(instrument_of(name)) for name in wanted])
    return {one.id: one for one in with_rules}


def hosted_of(one: TradedStrategy, known: Mapping[str, Instrument], rates: Mapping[str, float]) -> Hosted:
    """A strategy as its host runs it. rates: the account's currency per unit of each other one."""
    instruments = tuple(known[name] for name in one.instruments)
    conversions = {name: Conversion(fixed=rate) for name, rate in rates.items()}
    elsewhere = {name: share.account.name for share in one.elsewhere for name in share.instruments}
    return Hosted(
        one.name, one.strategy, instruments, one.account.currency, one.parameters, conversions, calendar_of(instruments),
        elsewhere=elsewhere,
    )  # fmt: skip


def _files(config: Config, places: Sequence[Path]) -> tuple[list[Path], set[Path]]:
    """The strategy files meant, and those of them that were named themselves."""
    chosen = list(places)
    if not chosen:
        if config.workspace is None:
            raise Rejected("trade: no workspace around this folder, expected strategy files, or a workspace that `tradewinds init` makes")
        chosen = [Path(config.workspace) / FOLDER]
    files: list[Path] = []
    named: set[Path] = set()
    for place in chosen:
        if place.is_dir():
            files += sorted(one for one in place.iterdir() if one.suffix in YAML)
        elif place.suffix in YAML:
            files.append(place)
            named.add(place)
        else:
            raise Rejected(f"trade: {place}, expected the YAML of a strategy or portfolio, or a folder of them")
    return list(dict.fromkeys(files)), named


def _of_file(file: Path, config: Config, house: House | None) -> list[TradedStrategy]:
    """The strategies of one file; none where it is for backtests."""
    found = read_declared(file)
    terms = found.terms
    if terms.mode == "backtest":
        return []
    rows = terms.accounts or ({**terms.account, "name": _account_name(file, terms)},)
    given = [_share(file, terms, config, row) for row in rows]
    limits = limits_of(terms.limits, f"{file.name}: limits")
    books = found.books if isinstance(found, DeclaredPortfolio) else (_book_of(found),)
    traded = []
    for book in books:
        inner, base = _inner(file, book)
        strategy = load_strategy(place_beside(base, inner.strategy))
        interval = terms.interval or inner.terms.interval or strategy.interval
        strategy = replace(strategy, interval=interval)
        parameters, models = with_models(strategy.params({**inner.parameters, **book.parameters}).as_dict(), home=Path(config.home))
        names = _instruments(file, book, inner.terms, terms, strategy, house)
        name = book.name or inner.name or strategy.name
        allocation = decimal(repr(float(book.allocation)), what=f"{file.name}: allocation")
        home, *others = _placed(file, given, names, allocation)
        traded.append(
            TradedStrategy(
                name, file, strategy, parameters, names, home.account, terms.mode, home.capital, limits, models, terms, tuple(others)
            )
        )
    _check_all_traded(file, given, traded)
    return traded


def _share(file: Path, terms: Terms, config: Config, row: Mapping[str, Any]) -> AccountShare:
    """One account of a file with what is traded there as it stands in the file; no instruments: all of them."""
    account = account_of(config, str(row["name"]))
    check_mode(account, terms.mode, file.name)
    return AccountShare(account, _capital(file, row, account), tuple(row.get("instruments", ())), row)


def _placed(file: Path, given: Sequence[AccountShare], names: Sequence[str], allocation: Decimal) -> list[AccountShare]:
    """What a strategy trades on which account; the first is its home."""
    placed: dict[str, AccountShare] = {}
    for name in names:
        found = [one for one in given if name in one.instruments or not one.instruments]
        if not found:
            every = ", ".join(one.account.name for one in given)
            raise Rejected(f"{file.name}: {name} is on no account, expected it among the instruments of one of: {every}")
        placed[name] = found[0]
    shares = []
    for one in given:
        mine = tuple(name for name in names if placed[name] is one)
        if mine:
            shares.append(replace(one, capital=(one.capital * allocation).normalize() + 0, instruments=mine))
    return shares


def _check_all_traded(file: Path, given: Sequence[AccountShare], traded: Sequence[TradedStrategy]) -> None:
    """Raises Rejected for an instrument of an account that no strategy of the file trades."""
    every = {name for one in traded for name in one.instruments}
    for share in given:
        for name in share.instruments:
            if name not in every:
                raise Rejected(
                    f"{file.name}: {name} on account {share.account.name}, expected one of those traded: {', '.join(sorted(every))}"
                )


def _book_of(found: Declared) -> DeclaredBook:
    return DeclaredBook(found.strategy, False, 1.0, found.name, found.parameters, found.terms.instruments, found.terms.universe)


def _inner(file: Path, book: DeclaredBook) -> tuple[Declared, Path]:
    """The strategy's own declaration and the file beside which its code stands."""
    if not book.is_file:
        return Declared(book.place), file
    base = file.parent / book.place
    inner = read_declared(base)
    if isinstance(inner, DeclaredPortfolio):
        raise Rejected(f"{base.name}: a portfolio within a portfolio, expected a strategy")
    return inner, base


def _account_name(file: Path, terms: Terms) -> str:
    name = terms.account_name
    if name is None:
        raise Rejected(f"{file.name}: mode {terms.mode} without an account, expected account: {{name: ..., capital: ...}}")
    return name


def _capital(file: Path, words: Mapping[str, Any], account: TradedAccount) -> Decimal:
    given, currency = words.get("capital"), words.get("currency", account.currency)
    if given is None:
        raise Rejected(f"{file.name}: no capital, expected account: {{name: {account.name}, capital: ...}}, what it may trade with")
    if currency != account.currency:
        raise Rejected(f"{file.name}: currency {currency!r}, expected {account.currency}, which account {account.name} is kept in")
    amount = decimal(repr(given) if isinstance(given, float) else given, what=f"{file.name}: capital")
    if amount <= 0:
        raise Rejected(f"{file.name}: capital {amount}, expected a positive amount of {account.currency}")
    return amount


def _instruments(file: Path, book: DeclaredBook, inner: Terms, terms: Terms, strategy: Strategy, house: House | None) -> tuple[str, ...]:
    named = book.instruments or inner.instruments or terms.instruments
    universe = None if named else book.universe or inner.universe or terms.universe or (None if strategy.instruments else strategy.universe)
    if universe is None:
        found = named or strategy.instruments
        if not found:
            raise Rejected(f"{file.name}: no instruments, expected a list, a universe, or a strategy that declares them")
        return found
    if house is None:
        raise Rejected(f"{file.name}: universe {universe!r} without a ledger, expected a list of instruments")
    members = house.ledger.members(universe, house.clock.now_ns())
    if not members:
        raise Rejected(f"{file.name}: universe {universe!r} has nobody in it, expected one that `tradewinds job run universe` made")
    return tuple(sorted(one.instrument for one in members))


def _check_names(new: Sequence[TradedStrategy], before: Sequence[TradedStrategy]) -> None:
    """Names are unique over the service: they are part of every client order id, and of the lease."""
    taken = {one.name: one.file.name for one in before}
    for number, one in enumerate(new):
        if one.name in taken or one.name in {other.name for other in new[:number]}:
            raise Rejected(
                f"{one.file.name}: a strategy named {one.name!r} stands in {taken.get(one.name, one.file.name)} too; give it a name"
            )


def _check_modes(new: Sequence[TradedStrategy], before: Sequence[TradedStrategy]) -> None:
    for one in new:
        for other in before:
            both = {share.account.name for share in one.shares} & {share.account.name for share in other.shares}
            if both and one.mode != other.mode:
                raise Rejected(
                    f"{one.file.name}: mode {one.mode} on account {min(both)}, expected {other.mode} as in {other.file.name}; "
                    "an account has one mode, a second entry under accounts may name the same broker"
                )
