"""What `tradewinds backtest` shows: a table for people, one object for programs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tradewinds.app.output import log
from tradewinds.core.instant import text

if TYPE_CHECKING:
    from tradewinds.performance.summary import Summary
    from tradewinds.simulation.result import Result

FIGURES = (
    "total_return", "cagr", "annual_return", "volatility", "sharpe", "sortino", "calmar", "max_drawdown", "final", "profit",
)  # fmt: skip
INSTRUMENTS_NAMED = 5
HAIR = 1e-9  # of a currency unit: what rounding leaves of nothing


def show(result: Result, summary: Summary, interval: str, page: Path | None) -> None:
    """Print the summary; notes and the page's place go to standard error."""
    account = result.setup.account
    ids = list(dict.fromkeys(result.market.ids))
    named = ", ".join(ids[:INSTRUMENTS_NAMED]) + (f" and {len(ids) - INSTRUMENTS_NAMED} more" if len(ids) > INSTRUMENTS_NAMED else "")
    begin, end = text(int(result.market.start_ns[result.first_row])), text(int(result.market.end_ns[result.last_row - 1]))
    click.echo(f"{result.strategy}: {named}, bars of {interval}, {begin} to {end}")
    if not result.books:
        click.echo("parameters: " + (", ".join(f"{name}={value}" for name, value in result.parameters.items()) or "none"))
    rows = _rows(result, summary, account.currency)
    names, values = max(len(name) for name, _ in rows), max(len(value) for _, value in rows)
    click.echo("\n".join(["", *(f"  {name:<{names}}  {value:>{values}}" for name, value in rows), ""]))
    if result.books:
        _show_books(result)
    click.echo(f"fingerprint {result.fingerprint.whole}")
    if page is not None:
        click.echo(f"tear sheet  {page}")
    for note in result.notes:
        log(f"note: {note}")


def as_object(result: Result, summary: Summary, interval: str, page: Path | None, stored: int | None) -> dict[str, Any]:
    """Everything `show` shows and more, as one object: a run's own facts, then its figures."""
    found = result.to_dict()
    found["interval"] = interval
    found["figures"] = {name: getattr(summary, name) for name in FIGURES}
    found["trades"] = {
        name: value for name, value in asdict(summary.trades).items() if value is None or isinstance(value, int | float | str)
    }
    found["costs"] = _costs(summary)
    found["income"] = _income(summary)
    if result.books:
        found["books"] = {name: {"profit": profit, "orders": orders} for name, profit, orders in _books(result)}
    return found | {"run": stored, "tear_sheet": None if page is None else str(page)}


def _rows(result: Result, summary: Summary, currency: str) -> list[tuple[str, str]]:
    costs = _costs(summary)
    trades = summary.trades
    return [
        ("return", _percent(summary.total_return)),
        ("a year", _percent(summary.cagr)),
        ("volatility", _percent(summary.volatility)),
        ("Sharpe", _ratio(summary.sharpe)),
        ("Sortino", _ratio(summary.sortino)),
        ("deepest drawdown", _percent(summary.max_drawdown)),
        ("capital", f"{summary.capital:,.2f} {currency}"),
        ("at the end", f"{summary.final:,.2f} {currency}"),
        ("trades", f"{trades.count:,}" + (f", {trades.open:,} still open" if trades.open else "")),
        ("winners", _percent(trades.strike_rate)),
        ("orders", f"{len(result.orders):,}"),
        *((f"{name} paid", f"{amount:,.2f} {currency}") for name, amount in costs.items()),
        *((name, f"{amount:+,.2f} {currency}") for name, amount in _income(summary).items()),
    ]


def _costs(summary: Summary) -> dict[str, float]:
    """What trading cost, in account currency."""
    return {name: 0.0 - summary.attribution.by_kind.get(name, 0.0) for name in ("commission", "slippage")}


def _income(summary: Summary) -> dict[str, float]:
    """Dividends, funding, financing and the like, in account currency: positive received, negative paid."""
    kinds = summary.attribution.by_kind
    return {name: amount for name, amount in kinds.items() if name not in ("price", "commission", "slippage") and abs(amount) > HAIR}


def _books(result: Result) -> list[tuple[str, float, int]]:
    from tradewinds.simulation.portfolio import book_profit

    last = book_profit(result)[result.last_row - 1]
    return [(name, float(last[number]), int((result.orders["book"] == number).sum())) for number, name in enumerate(result.books)]


def _show_books(result: Result) -> None:
    from tradewinds.app.output import print_table

    currency = result.setup.account.currency
    print_table(
        "", ("strategy", f"profit {currency}", "orders"), [(name, f"{profit:,.2f}", orders) for name, profit, orders in _books(result)]
    )


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:,.2f} %"


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
