"""One backtest from what a person asked to its result: the strategy's file or YAML, the market, the run, its storing.

1. `asked_of` reads the place: a Python file stands for itself, a YAML file brings instruments, parameters, account, costs and fills.
   What the command says wins over the file, the file over the strategy's declaration.
2. `plan` loads the strategies and says what history they need.
3. `run` prepares the market, from the house or from plain files, and simulates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import parse
from tradewinds.core.instrument import instrument_id, split_id
from tradewinds.simulation.backtest import backtest
from tradewinds.simulation.portfolio import Book, backtest_portfolio
from tradewinds.simulation.result import Result
from tradewinds.simulation.rules import Setup
from tradewinds.trading.declared import Declared, DeclaredBook, DeclaredPortfolio, Terms, declared, declared_portfolio, is_portfolio
from tradewinds.trading.strategy import Choice, Float, Int, Strategy
from tradewinds.wiring.bars import Reading
from tradewinds.wiring.market import Prepared, Wanted, market_of_files, market_of_house
from tradewinds.wiring.market_corrections import corrections_of
from tradewinds.wiring.models import pinned
from tradewinds.wiring.setup import setup_of
from tradewinds.wiring.strategy_file import load_strategy, split_place

if TYPE_CHECKING:
    from tradewinds.performance.summary import Summary
    from tradewinds.trading.columns import Corrections
    from tradewinds.wiring.house import House

YAML = (".yaml", ".yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a command says. `terms` holds what a YAML file could say too; parameters are still text there."""

    place: str
    terms: Terms = field(default_factory=Terms)
    parameters: Mapping[str, str] = field(default_factory=dict)
    data: Path | None = None
    rates: Mapping[str, float] = field(default_factory=dict)
    lot: Decimal | None = None
    reading: Reading = field(default_factory=Reading)


@dataclass(frozen=True, slots=True)
class PlannedBook:
    """A strategy that is to run, with its parameters; instruments: its own within a portfolio, empty: those of the run."""

    name: str
    strategy: Strategy
    parameters: Mapping[str, Any]
    allocation: float = 1.0
    instruments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a run needs, checked. One book is a strategy by itself, unless `is_portfolio`."""

    name: str
    books: tuple[PlannedBook, ...]
    wanted: Wanted
    setup: Setup
    data: Path | None
    is_portfolio: bool
    is_currency_named: bool


def plan(asked: Asked) -> Plan:
    """Load the strategies and put together what was asked. Raises Rejected naming what is wrong and where."""
    path = Path(asked.place).expanduser()
    found = read_declared(path) if path.suffix in YAML else Declared(asked.place)
    what = path.name if path.suffix in YAML else "command"
    terms = _over(asked.terms, found.terms)
    if terms.accounts and "capital" not in terms.account:
        currencies = ", ".join(sorted({str(one["currency"]) for one in terms.accounts}))
        raise Rejected(
            f"{what}: accounts in {currencies}, expected --capital: what a backtest, which has one account, begins with in "
            f"{terms.account['currency']}"
        )
    setup = setup_of(terms.account, terms.costs, terms.fills, what)
    if isinstance(found, DeclaredPortfolio):
        if asked.parameters:
            raise Rejected(f"--param {next(iter(asked.parameters))}: parameters of a portfolio stand with its strategies in {path.name}")
        books = tuple(_book(one, path.parent, terms) for one in found.books)
        name = found.name or path.stem
    else:
        strategy = load_strategy(place_beside(path, found.strategy) if path.suffix in YAML else found.strategy)
        given = {**found.parameters, **{key: _typed(strategy, key, value) for key, value in asked.parameters.items()}}
        books = (PlannedBook(found.name or strategy.name, strategy, pinned(strategy, given)),)
        name = books[0].name
    names = [book.name for book in books]
    if len(set(names)) < len(names):
        raise Rejected(f"{what}: strategies named {names}, expected each name once; give them a key name")
    wanted = _wanted(asked, terms, books)
    is_named = "currency" in terms.account
    return Plan(name, books, wanted, setup, asked.data, isinstance(found, DeclaredPortfolio), is_named)


def run(
    planned: Plan, open_house: Callable[[], House] | None, *, progress: Callable[[str], None] = lambda message: None
) -> tuple[Result, Prepared]:
    """Prepare the market and simulate. open_house: called only where history is read, so that plain files need none."""
    progress("reading bars")
    if planned.data is not None:
        prepared = market_of_files(planned.data, planned.wanted)
    elif open_house is not None:
        prepared = market_of_house(open_house(), planned.wanted)
    else:
        raise Rejected("backtest: neither a house nor files, expected one of them")
    times, width = prepared.market.shape
    progress(f"simulating {times:,} bars of {width} instrument{'s' if width > 1 else ''}")
    setup = replace(planned.setup, account=replace(planned.setup.account, currency=prepared.market.currencies[0]))
    if planned.is_portfolio:
        result = _portfolio(planned, prepared, setup, open_house)
    else:
        book = planned.books[0]
        strategy = within_universe(book.strategy, prepared)
        corrections = corrections_for([strategy], prepared, planned, open_house)[0]
        result = backtest(
            strategy, prepared.market, prepared.panel, book.parameters, setup, start_ns=planned.wanted.start_ns, others=prepared.others,
            decisions=prepared.decisions(strategy.rhythm), corrections=corrections,
        )  # fmt: skip
    return replace(result, notes=(*result.notes, *prepared.notes)), prepared


def store_run(house: House, result: Result, summary: Summary, interval: str, started_ns: int) -> int:
    """Keep the run, its round trips, positions and performance in the ledger; returns its id there.

    Of a portfolio each column is named by its instrument and its book, because two books may hold the same one.
    """
    from tradewinds.simulation.track import track_record
    from tradewinds.stores.ledger_backtests import BacktestRun

    market, record = result.market, track_record(result)
    if result.books:
        record = replace(record, instruments=result.columns)
    run = BacktestRun(
        fingerprint=result.fingerprint.whole,
        strategy=result.strategy,
        parameters=result.parameters,
        instruments=list(dict.fromkeys(market.ids)),
        from_ns=int(market.start_ns[result.first_row]),
        to_ns=int(market.end_ns[result.last_row - 1]),
        interval=interval,
        setup=result.setup,
        vintage=market.vintage,
        kernel=result.fingerprint.kernel,
        started_ns=started_ns,
        ended_ns=max(started_ns, house.clock.now_ns()),
        is_point_in_time=result.is_point_in_time,
    )
    return house.ledger.add_backtest(run, record, summary)


def within_universe(strategy: Strategy, prepared: Prepared) -> Strategy:
    """A vector strategy whose targets of instruments outside the universe are 0, so that leaving it closes the position.

    Prices from before and after membership stay visible: they were public. An event strategy reads the field `member` itself.
    """
    if "member" not in prepared.panel.fields or strategy.kind != "vector":
        return strategy
    import numpy as np

    member, code = prepared.panel.field("member") > 0, strategy.code

    def bounded(panel: Any, params: Any) -> Any:
        return np.where(member[: len(panel.times)], code(panel, params), 0.0)

    return replace(strategy, code=bounded)


def corrections_for(
    strategies: Sequence[Strategy], prepared: Prepared, planned: Plan, open_house: Callable[[], House] | None
) -> list[dict[str, Corrections]]:
    """What each event strategy learns later, by the interval that it declares or the name of another; nothing from plain files."""
    if planned.data is not None or open_house is None or all(one.kind != "event" for one in strategies):
        return [{} for _ in strategies]
    found = corrections_of(open_house(), prepared, planned.wanted)
    others = {name: one for name, one in found.items() if name != prepared.interval}
    driving = found.get(prepared.interval)
    return [{} if one.kind != "event" else others if driving is None else {**others, one.interval: driving} for one in strategies]


def _portfolio(planned: Plan, prepared: Prepared, setup: Setup, open_house: Callable[[], House] | None) -> Result:
    strategies = [within_universe(one.strategy, prepared) for one in planned.books]
    later = corrections_for(strategies, prepared, planned, open_house)
    books = []
    for one, strategy, corrections in zip(planned.books, strategies, later, strict=True):
        names = one.instruments or prepared.market.ids
        books.append(Book(one.name, strategy, one.parameters, one.allocation, names, prepared.decisions(strategy.rhythm), corrections))
    return backtest_portfolio(
        planned.name, books, prepared.market, prepared.panel, setup, start_ns=planned.wanted.start_ns, others=prepared.others
    )


def read_declared(path: Path) -> Declared | DeclaredPortfolio:
    import yaml

    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Rejected(f"{path}: {error.strerror}, expected a strategy's or portfolio's YAML file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Rejected(f"{path} is no YAML: {' '.join(str(error).split())}, expected keys and values") from None
    if not isinstance(values, dict):
        raise Rejected(f"{path}: a {type(values).__name__}, expected keys and values such as strategy: sma_cross.py")
    return declared_portfolio(values, path.name) if is_portfolio(values) else declared(values, path.name)


def place_beside(path: Path, place: str) -> str:
    """A place named in a YAML file, relative to that file."""
    file, name = split_place(place)
    found = file if file.is_absolute() else path.parent / file
    return f"{found}:{name}" if name else str(found)


def _book(one: DeclaredBook, folder: Path, terms: Terms) -> PlannedBook:
    parameters, instruments, name = dict(one.parameters), one.instruments, one.name
    place, base = one.place, folder / "portfolio.yaml"
    if one.is_file:
        file = folder / one.place
        inner = read_declared(file)
        if isinstance(inner, DeclaredPortfolio):
            raise Rejected(f"{file.name}: a portfolio within a portfolio, expected a strategy")
        parameters = {**inner.parameters, **parameters}
        instruments, name = instruments or inner.terms.instruments, name or inner.name
        place, base = inner.strategy, file
    strategy = load_strategy(place_beside(base, place))
    if one.universe is not None and one.universe != terms.universe:
        raise Rejected(f"portfolio: universe {one.universe!r} of {one.place}, expected the portfolio's key universe to name it for all")
    own = instruments or (() if terms.instruments or terms.universe else strategy.instruments)
    return PlannedBook(name or strategy.name, strategy, pinned(strategy, parameters), one.allocation, own)


def _over(first: Terms, then: Terms) -> Terms:
    """What the command says, over what the file says."""
    names_itself = bool(first.instruments or first.universe)
    return Terms(
        instruments=first.instruments if names_itself else then.instruments,
        universe=first.universe if names_itself else then.universe,
        interval=first.interval or then.interval,
        account={**then.account, **first.account},
        costs=first.costs or then.costs,
        fills={**then.fills, **first.fills},
        mode=then.mode,
        start=first.start or then.start,
        end=first.end or then.end,
        accounts=then.accounts,
    )


def _wanted(asked: Asked, terms: Terms, books: Sequence[PlannedBook]) -> Wanted:
    strategies = [book.strategy for book in books]
    names = list(terms.instruments)
    universe = terms.universe
    if not names and universe is None:
        declared_ones = {one.universe for one in strategies if one.universe is not None}
        names = [name for book in books for name in (book.instruments or book.strategy.instruments)]
        universe = declared_ones.pop() if declared_ones and not names else None
    else:
        names += [name for book in books for name in book.instruments] if names else []
    for name in names:
        instrument_id(*split_id(name))
    intervals = {one.interval for one in strategies}
    if terms.interval is None and len(intervals) > 1:
        raise Rejected(f"portfolio: strategies with bars of {sorted(intervals)}, expected one interval; name it for all of them")
    # A plain file says by its times how long its bars are; a strategy's own interval is a default.
    interval = terms.interval or (None if asked.data is not None else intervals.pop())
    start_ns, end_ns = _instant(terms.start, "--from"), _instant(terms.end, "--to")
    if start_ns is not None and end_ns is not None and end_ns <= start_ns:
        raise Rejected(f"--to {terms.end}, expected a time after --from {terms.start}")
    return Wanted(
        instruments=tuple(dict.fromkeys(names)),
        universe=universe,
        interval=interval,
        start_ns=start_ns,
        end_ns=end_ns,
        lookback=max(book.strategy.lookback_bars(book.strategy.params(book.parameters)) for book in books),
        fields=tuple(dict.fromkeys(name for one in strategies for name in one.fields)),
        other_intervals=tuple(dict.fromkeys(name for one in strategies for name in one.other_intervals)),
        datasets=tuple(dict.fromkeys(name for one in strategies for name in one.datasets)),
        currency=terms.account.get("currency"),
        rates=asked.rates,
        lot=asked.lot,
        reading=asked.reading,
    )


def _typed(strategy: Strategy, name: str, text: str) -> object:
    """A parameter's text as its declaration wants it; whether it fits is for the strategy to say."""
    one = strategy.parameters.get(name)
    if isinstance(one, Choice):
        return next((option for option in one.options if str(option).lower() == text.lower()), text)
    try:
        if isinstance(one, Int):
            return int(text)
        return float(text) if isinstance(one, Float) else text
    except ValueError:
        return text


def _instant(text: str | None, option: str) -> int | None:
    try:
        return None if text is None else parse(text)
    except Rejected as error:
        raise Rejected(f"{option}: {str(error).removeprefix('instant: ')}") from None
