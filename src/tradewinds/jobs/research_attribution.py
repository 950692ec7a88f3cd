"""Where the last session's profit came from, on the page of a night: of accounts where any held or traded instruments of the book, else of
the target weights of the session before.

Of accounts, of every instrument of the book, in money of the book's currency, from the close of the session before to its close:

1. Quantity at a close = what is held now - what was bought after it + what was sold after it, of the ledger's positions and fills.
2. Value at the start = quantity x the close before, in units of now: a split leaves it, a dividend counts as received at the ex-session.
3. Gain = value at the end - value at the start - bought + sold. Costs = commissions, those paid in a coin of the book at its close.
   Slippage is in the price of a fill and so in the gain; what an account pays for borrowing and financing is not in the ledger.
4. Factors = value at the start x exposures before the session x factor returns; specific is the rest (`performance.profit_attribution`).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Missing
from tradewinds.history.panel import Panel
from tradewinds.jobs.book import Book
from tradewinds.jobs.context import Context
from tradewinds.jobs.research_book import carried_on, session_name
from tradewinds.jobs.research_night import ends_of
from tradewinds.jobs.research_risk import stored_model
from tradewinds.jobs.research_signals import targets_before
from tradewinds.performance.factor_attribution import factor_attribution
from tradewinds.performance.profit_attribution import profit_attribution
from tradewinds.report import night_data as page
from tradewinds.risk.published import factor_id, factor_name
from tradewinds.risk.risk_model import RiskModel

Floats = NDArray[np.float64]


def attribution_night(context: Context, book: Book, panel: Panel, moved: page.FactorNight, currency: str) -> page.Attribution:
    """moved: factor returns up to the panel's last session. Raises Missing where the session before, its model or targets are not there."""
    if len(panel.times) < 2:
        raise Missing(f"{len(panel.times)} session, expected one before to hold something over")
    if moved.times_ns[-1] != panel.event_ns[-1]:
        raise Missing(f"no factor returns of {session_name(int(panel.times[-1]))}, expected the risk model of the session")
    traded = _traded(context, book, panel, currency)
    return _of_targets(context, book, panel, moved) if traded is None else _of_accounts(context, book, panel, moved, traded)


@dataclass(frozen=True, slots=True, eq=False)
class _Traded:
    """Accounts, and by instrument (N,): units held at both closes, multiplier included, and money paid, less got, in between.

    commission: negative where paid.
    """

    accounts: tuple[str, ...]
    is_real: bool
    instruments: tuple[str, ...]
    before: Floats
    after: Floats
    paid: Floats
    commission: float


def _traded(context: Context, book: Book, panel: Panel, currency: str) -> _Traded | None:
    """Of the accounts with real money, of the others where none of those held or traded anything of the book; None where none did.

    Raises Missing for money in another currency.
    """
    start_ns, end_ns = int(panel.event_ns[-2]), int(panel.event_ns[-1])
    every_held, every_filled = context.records.trading.held_and_filled(start_ns)
    held = [row for row in every_held if row["instrument"] in book.instruments and row["quantity"]]
    filled = [row for row in every_filled if row["instrument"] in book.instruments]
    every = {row["account"] for row in (*held, *filled)}
    live = {name for name, one in context.config.accounts.items() if one.environment == "live" and one.broker != "paper"}
    chosen = every & live or every
    names = sorted({row["instrument"] for row in (*held, *filled) if row["account"] in chosen})
    size = {one.id: one.multiplier for one in context.records.instruments(ids=names)}
    before, after, paid = (dict.fromkeys(names, Decimal(0)) for _ in range(3))
    rates, commission = {currency: 1.0, **_coins(context, book, panel, currency)}, 0.0
    for row in held:
        if row["account"] in chosen:
            units = row["quantity"] * size.get(row["instrument"], 1)
            before[row["instrument"]] += units
            after[row["instrument"]] += units
    for row in filled:
        if row["account"] not in chosen:
            continue
        units = row["quantity"] * row["multiplier"] * (1 if row["side"] == "buy" else -1)
        before[row["instrument"]] -= units
        if row["event_ns"] > end_ns:
            after[row["instrument"]] -= units
            continue
        charged_in = row["commission_currency"] if row["commission"] else currency
        if row["currency"] != currency or charged_in not in rates:
            other = row["currency"] if row["currency"] != currency else charged_in
            raise Missing(f"fill {row['id']} of account {row['account']} in {other}, expected money in {currency}, or what the book holds")
        paid[row["instrument"]] += units * row["price"]
        commission += float(row["commission"]) * rates[charged_in]
    moved = [name for name in names if before[name] or after[name] or paid[name]]
    if not moved:
        return None
    first, last, money = (np.array([float(one[name]) for name in moved], np.float64) for one in (before, after, paid))
    return _Traded(tuple(sorted(chosen)), bool(chosen & live), tuple(moved), first, last, money, -commission)


def _coins(context: Context, book: Book, panel: Panel, currency: str) -> dict[str, float]:
    """What a unit of each coin was worth at the close, of those that the book trades against its currency."""
    last = dict(zip(panel.instruments, panel.fields["price"][-1].tolist(), strict=True))
    spot = [one for one in context.records.instruments(ids=list(book.instruments)) if one.kind == "spot" and one.currency == currency]
    return {one.base: last[one.id] for one in spot if one.base is not None and np.isfinite(last[one.id])}


def _of_accounts(context: Context, book: Book, panel: Panel, moved: page.FactorNight, traded: _Traded) -> page.Attribution:
    before = _model_before(context, book, panel)
    place = [panel.instruments.index(name) for name in traded.instruments]
    price = np.column_stack([carried_on(panel.fields["price"][:, column]) for column in place])[-1]
    close = np.column_stack([carried_on(panel.close[:, column]) for column in place])[-2:]
    unknown = [name for name, one in zip(traded.instruments, close[0], strict=True) if not np.isfinite(one)]
    if unknown:
        raise Missing(f"no price of {', '.join(unknown)} before {session_name(int(panel.times[-1]))}, expected one of what accounts hold")
    values = traded.before * price * (close[0] / close[1])
    gains = traded.after * price - values - traded.paid
    costs = {"commission": np.array([traded.commission])}
    row = {name: n for n, name in enumerate(before.instruments)}
    nothing = np.full(len(before.factors), np.nan)
    exposures = np.array([before.exposures[row[name]] if name in row else nothing for name in traded.instruments])
    profit, returns = np.array([gains.sum() + traded.commission]), _factor_returns(before, moved)
    split = profit_attribution(
        profit, values[None], gains[None], exposures[None], returns[None], costs, factors=before.factors, instruments=traded.instruments
    ).totals()
    whose = f"account{'s' if len(traded.accounts) > 1 else ''} {', '.join(traded.accounts)}{'' if traded.is_real else ' (no real money)'}"
    return page.Attribution(
        period=f"session {session_name(int(panel.times[-1]))}, realised by {whose}",
        total=split.profit,
        factors=before.factors,
        by_factor=np.array(list(split.by_factor.values())),
        specific=split.specific,
        costs=traded.commission,
        instruments=(*traded.instruments, "costs"),
        by_instrument=np.append(gains, traded.commission),
    )


def _of_targets(context: Context, book: Book, panel: Panel, moved: page.FactorNight) -> page.Attribution:
    before = _model_before(context, book, panel)
    rows = targets_before(context, book, int(panel.times[-1]))
    held = dict(zip(rows["instrument"], rows["weight"], strict=True))
    day = session_name(int(rows["start_ns"][0]))
    if before.at_ns != int(rows["start_ns"][0]):
        raise Missing(f"no risk model of {day}, expected one of the session before")
    weights = np.array([held.get(name) or 0.0 for name in before.instruments])
    place = [panel.instruments.index(name) for name in before.instruments]
    earned = np.nan_to_num(panel.returns()[-1, place]) * weights
    split = factor_attribution(earned.sum(keepdims=True), weights[None], before.exposures[None], _factor_returns(before, moved)[None])
    capital = book.config.portfolio.capital
    costs = -float(ends_of(context, book, day, ["signals"]).get("signals", ("", [], {}))[2].get("cost", 0.0))
    by_instrument, by_factor = earned * capital, split.common[0] * capital
    total = float(by_instrument.sum()) + costs
    return page.Attribution(
        period=f"session {session_name(int(panel.times[-1]))}, of targets: no account held or traded its instruments",
        total=total,
        factors=before.factors,
        by_factor=by_factor,
        specific=total - costs - float(by_factor.sum()),
        costs=costs,
        instruments=(*before.instruments, "costs"),
        by_instrument=np.append(by_instrument, costs),
    )


def _model_before(context: Context, book: Book, panel: Panel) -> RiskModel:
    """The model after the session before the last. Raises Missing where there is none."""
    day = session_name(int(panel.times[-2]))
    found = stored_model(context, book, day)
    if found.at_ns != int(panel.times[-2]):
        raise Missing(f"no risk model of {day}, expected one of the session before")
    return found


def _factor_returns(model: RiskModel, moved: page.FactorNight) -> Floats:
    """(K,) of the model's factors in the last session; 0 where one had none."""
    found = dict(zip(moved.factors, moved.values[-1], strict=True))
    return np.nan_to_num(np.array([found.get(factor_name(factor_id(name)), 0.0) for name in model.factors], np.float64))
