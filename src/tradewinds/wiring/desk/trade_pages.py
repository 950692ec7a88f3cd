"""Trading as pages show it: what is held at the last price, how gains came about, and how near limits are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from tradewinds.core.instant import parse
from tradewinds.stores.ledger_schema_trading import trade_fill
from tradewinds.wiring.desk import trade
from tradewinds.wiring.desk.seen_bars import SeenBars

if TYPE_CHECKING:
    from tradewinds.wiring.house import House


@dataclass(frozen=True, slots=True)
class Holding:
    """A strategy's part of a position. price: the last that the account was told; value, gain (not realised): in `currency`, else None."""

    account: str
    strategy: str
    instrument: str
    quantity: Decimal
    average_price: Decimal | None
    price: float | None
    value: float | None
    gain: float | None
    currency: str


@dataclass(frozen=True, slots=True)
class LimitUse:
    """A limit and how much of it is used; used None where it is judged order by order and nothing is used up."""

    scope: str
    name: str
    limit: str
    value: Any
    origin: str
    used: float | None

    @property
    def share(self) -> float | None:
        """Used by the limit, 1 is full."""
        return None if self.used is None or not self.value else self.used / float(self.value)


def held(house: House, seen: SeenBars, account: str | None = None) -> tuple[Holding, ...]:
    """What every strategy holds, at the last price of its account."""
    terms = _terms_of(house)
    rows = trade.positions(house, account=account)
    prices = {name: seen.prices(name) for name in {row["account"] for row in rows}}
    found = []
    for row in rows:
        multiplier, currency = terms.get(row["instrument"], (Decimal(1), ""))
        price = prices[row["account"]].get(row["instrument"])
        units = float(row["quantity"] * multiplier)
        average = row["average_price"] or None  # 0: it was there at the first start, and what it cost is not known
        value = None if price is None else units * price
        gain = None if price is None or average is None else units * (price - float(average))
        found.append(
            Holding(row["account"], row["strategy"], row["instrument"], row["quantity"], average, price, value, gain, currency)
        )  # fmt: skip
    return tuple(found)


def gain_by_currency(holdings: Sequence[Holding]) -> Mapping[str, float]:
    """What is gained and not realised, by currency: two currencies never add up."""
    found: dict[str, float] = {}
    for one in holdings:
        if one.gain is not None:
            found[one.currency] = found.get(one.currency, 0.0) + one.gain
    return found


def realised_by_currency(gains: Sequence[Mapping[str, Any]]) -> Mapping[str, float]:
    """What closed lots gained (`trade.gains`), by currency."""
    found: dict[str, float] = {}
    for one in gains:
        found[str(one["currency"])] = found.get(str(one["currency"]), 0.0) + float(one["amount"])
    return found


def gain_curves(gains: Sequence[Mapping[str, Any]]) -> Mapping[str, Sequence[tuple[int, float]]]:
    """Realised gains (`trade.gains`) added up over time, by strategy and currency."""
    curves: dict[str, list[tuple[int, float]]] = {}
    for one in sorted(gains, key=lambda row: str(row["closed_ns"])):
        points = curves.setdefault(f"{one['strategy'] or 'by hand'} ({one['currency']})", [])
        points.append((parse(str(one["closed_ns"])), (points[-1][1] if points else 0.0) + float(one["amount"])))
    return curves


def limit_use(house: House, seen: SeenBars, account: str) -> tuple[LimitUse, ...]:
    """Every limit of an account, its strategies and instruments, with what of it is used now."""
    holdings = held(house, seen, account)
    currency = next((one.currency for one in trade.accounts(house) if one.name == account), "")
    found = []
    for row in trade.limits(house, account):
        scope, name, limit = str(row["scope"]), str(row["name"] or ""), str(row["limit"])
        chosen = [one for one in holdings if scope == "account" or name == (one.strategy if scope == "strategy" else one.instrument)]
        found.append(LimitUse(scope, name, limit, row["value"], str(row["from"]), _used(limit, chosen, currency)))
    return tuple(found)


def traded(house: House) -> tuple[tuple[str, str], ...]:
    """(account, instrument) of everything that was ever filled."""
    query = sa.select(trade_fill.c.account, trade_fill.c.instrument).distinct().order_by(trade_fill.c.account, trade_fill.c.instrument)
    with house.ledger.database.reading("listing what was traded") as connection:
        return tuple((str(account), str(name)) for account, name in connection.execute(query))


def _used(limit: str, chosen: Sequence[Holding], currency: str) -> float | None:
    """What of a limit is used by what is held; None where something held has no price in the account's currency."""
    if limit == "position_max":
        return max((abs(float(one.quantity)) for one in chosen), default=0.0)
    if limit not in ("gross_max", "net_max"):
        return None
    values = [one.value for one in chosen if one.currency == currency]
    if len(values) != len(chosen) or any(one is None for one in values):
        return None
    known = [one for one in values if one is not None]
    return sum(abs(one) for one in known) if limit == "gross_max" else abs(sum(known))


def _terms_of(house: House) -> dict[str, tuple[Decimal, str]]:
    """Multiplier and currency by instrument, as its fills have them."""
    query = sa.select(trade_fill.c.instrument, trade_fill.c.multiplier, trade_fill.c.currency).distinct()
    with house.ledger.database.reading("multipliers") as connection:
        return {str(name): (multiplier, str(currency)) for name, multiplier, currency in connection.execute(query)}
