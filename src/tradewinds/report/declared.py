"""What a run was told, as rows of text: parameters, account, fills, costs, instruments, and where every number comes from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tradewinds.report.number import count, decimal, moment, money, percent, significant, span
from tradewinds.simulation.books import FILLED, REASONS, STATUSES
from tradewinds.simulation.result import Result
from tradewinds.simulation.rules import (
    BasisPoints,
    Borrow,
    Cost,
    Financing,
    HalfSpread,
    PerTrade,
    PerUnit,
    Setup,
    Tiers,
    VolumeShare,
)

NAMES_SHOWN = 8
FEW_TRIPS = 30
FEW_SESSIONS = 60
BARS_ASKED = 1000

Rows = list[tuple[str, str]]


def names(every: Sequence[str]) -> str:
    """The first few, and how many more."""
    shown = ", ".join(every[:NAMES_SHOWN])
    return shown if len(every) <= NAMES_SHOWN else f"{shown} and {count(len(every) - NAMES_SHOWN)} more"


def parameter_rows(parameters: Mapping[str, Any]) -> Rows:
    """Name and value of each parameter, by name."""
    return [(name, _plain(value)) for name, value in sorted(parameters.items())]


def setup_rows(setup: Setup) -> Rows:
    """The account, how orders fill and what they cost, in words."""
    account, fills = setup.account, setup.fills
    rows = [
        ("Capital", money(account.capital, account.currency)),
        (
            "Account",
            f"{account.kind}, leverage {significant(account.leverage)}" if account.kind == "margin" else "cash: never owes, never short",
        ),
        ("Market orders fill", "at the next bar's open" if fills.at == "next_open" else "at the same close at which they are decided"),
        ("Two touches in one bar", "the worse comes first" if fills.touches == "pessimistic" else "the better comes first"),
        ("Largest share of a bar's volume", "no limit" if fills.participation is None else percent(fills.participation)),
        ("Latency", f"{fills.latency_bars} bars" if fills.latency_bars else "none beside the next open"),
        ("A target that costs more than there is", "is trimmed" if account.short_cash == "trim" else "is refused"),
    ]
    if account.maintenance:
        rows.append(("Margin call below", percent(account.maintenance)))
    if account.interest or account.debit:
        rows.append(("Interest on cash", f"{percent(account.interest)} a year received, {percent(account.debit)} paid"))
    rows += [("Cost", cost_text(cost)) for cost in setup.costs]
    return rows if setup.costs else [*rows, ("Cost", "none: trading was free, which it never is")]


def cost_text(cost: Cost) -> str:
    """One cost in words."""
    match cost:
        case PerUnit():
            said = f"{significant(cost.amount)} for each unit"
        case PerTrade():
            said = f"{significant(cost.amount)} for each fill"
        case BasisPoints():
            maker = "" if cost.maker is None else f", {significant(cost.maker)} for resting limit orders"
            said = f"{significant(cost.taker)} basis points of the amount{maker}"
        case Tiers():
            steps = "; ".join(f"from {significant(at)}: maker {significant(m)}, taker {significant(t)}" for at, m, t in cost.tiers)
            said = f"basis points by turnover over {cost.days} days ({steps})"
        case HalfSpread():
            parts = [f"{significant(cost.bps)} basis points"] * bool(cost.bps) + [f"{significant(cost.price)} in price"] * bool(cost.price)
            said = f"half the spread: {' and '.join(parts) or '0'}"
        case VolumeShare():
            said = f"impact {significant(cost.impact)} x (share of volume) ^ {significant(cost.power)}"
        case Borrow():
            said = f"{percent(cost.rate)} a year on short positions"
        case Financing():
            said = f"{percent(cost.long)} a year paid on longs, {percent(cost.short)} received on shorts"
    least = getattr(cost, "minimum", 0.0)
    return f"{said}{f', at least {significant(least)}' if least else ''}{f', for {names(cost.instruments)}' if cost.instruments else ''}"


def instrument_rows(result: Result) -> list[tuple[str, ...]]:
    """Id, kind, currency, lot and multiplier of the first instruments."""
    return [
        (
            one.id,
            one.kind,
            one.currency,
            "1" if one.lot is None else f"{one.lot:f}",
            "any" if one.tick is None else f"{one.tick:f}",
            f"{one.multiplier:f}",
        )
        for one in result.market.instruments[: 5 * NAMES_SHOWN]
    ]


def source_rows(result: Result) -> Rows:
    """Where the numbers come from: what must be equal for a run to be repeated to the byte."""
    mark = result.fingerprint
    return [
        ("Fingerprint", mark.whole),
        ("Data vintage", mark.vintage),
        ("Reading", "point in time: first known values" if result.is_point_in_time else "latest values: NOT point in time"),
        ("Strategy source", mark.source or "not recorded"),
        ("Setup", mark.setup),
        ("Orders and fills", mark.orders),
        ("Kernel", f"version {mark.kernel}"),
    ]


def order_rows(result: Result) -> list[tuple[str, ...]]:
    """How orders ended: (status, why, number), most first."""
    orders = result.orders
    pairs, numbers = np.unique(np.stack([orders["status"], orders["reason"]]), axis=1, return_counts=True)
    rows = [(STATUSES[status], REASONS[reason], int(number)) for (status, reason), number in zip(pairs.T.tolist(), numbers, strict=True)]
    return [(status, reason, count(number)) for status, reason, number in sorted(rows, key=lambda row: (-row[2], row[:2]))]


def warnings_of(result: Result, trips: int, sessions: int) -> list[str]:
    """What a careful reader wants to know before the figures."""
    said = list(result.notes)
    if not result.is_point_in_time:
        said.append("Read with the latest values, not with those known at the time: corrections made later are in the prices it traded on.")
    if result.setup.fills.at == "same_close":
        said.append("Orders fill at the close at which they were decided; nobody can trade at a price that is known only when it is gone.")
    if result.setup.fills.touches == "optimistic":
        said.append("Where a stop and a limit were touched in one bar, the better one was taken.")
    if not result.setup.costs:
        said.append("Trading was free of commission and spread.")
    if trips < FEW_TRIPS:
        said.append(f"Closed round trips: {count(trips)}. With fewer than {FEW_TRIPS} a few lucky ones decide the result.")
    if sessions < FEW_SESSIONS:
        said.append(f"Sessions: {count(sessions)}. With fewer than {FEW_SESSIONS} the figures for a year are guesses.")
    unfilled = int(np.count_nonzero((result.orders["status"] != FILLED) & (result.orders["reason"] != 0)))
    if unfilled:
        said.append(f"{count(unfilled)} orders ended without filling whole; the table of orders says why.")
    return said


def period(result: Result) -> str:
    """From the first bar to the end of the last, in UTC."""
    market = result.market
    return f"{moment(int(market.start_ns[result.first_row]))} to {moment(int(market.end_ns[result.last_row - 1]))} UTC"


def bar_length(result: Result) -> str:
    """How long most of the first bars are."""
    market = result.market
    return span(float(np.median((market.end_ns - market.start_ns)[:BARS_ASKED])))


def _plain(value: object) -> str:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return str(value)
    return (
        decimal(value, 0)
        if isinstance(value, int)
        else significant(value, 8)
        if isinstance(value, float)
        else json.dumps(value, default=str)
    )
