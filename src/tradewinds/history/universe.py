"""Who belongs to a universe, decided from what was known then, and how it changes.

`select` walks down the coins by market cap, keyed by their id because symbols are not unique:

1. Coins that the rule leaves out (stable, wrapped, named) and coins without a market cap are passed over.
2. A coin's base asset at the venue is its symbol, unless the shipped list or the rule names another.
3. Of several coins with one base asset the largest counts, when it is `CLEAR_LEAD` times the next; otherwise none does, by name.
4. The first `top` coins that have a pair trading in the rule's quote are the members. Everybody passed over is listed with the reason.
"""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from tradewinds.core.errors import DataFault, Invariant, Rejected, Unreadable
from tradewinds.core.instrument import instrument_id, is_instrument_name
from tradewinds.core.money import decimal
from tradewinds.core.record import Member, Universe

CLEAR_LEAD = 5


@dataclass(frozen=True, slots=True)
class Coin:
    """A coin as a market-cap list names it; `id` is unique, `symbol` is not."""

    id: str
    symbol: str
    market_cap: Decimal | None

    def __post_init__(self) -> None:
        if not self.id or not self.symbol:
            raise Rejected(f"coin: id {self.id!r}, symbol {self.symbol!r}, expected both")
        if self.market_cap is not None and self.market_cap < 0:
            raise Rejected(f"coin {self.id}: market cap {self.market_cap}, expected a positive number or none")


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair that a venue lists."""

    symbol: str
    base: str
    quote: str
    is_trading: bool = True


@dataclass(frozen=True, slots=True)
class Exclusions:
    """The shipped list: ids of stable and wrapped coins, and base assets by venue and id where they differ from the symbol."""

    stable: frozenset[str]
    wrapped: frozenset[str]
    bases: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Rule:
    """How a universe is chosen. `bases` maps coin ids to base assets and wins over the shipped list and over ambiguity."""

    name: str
    top: int
    venue: str = "BINANCE"
    quote: str = "USDT"
    has_stable: bool = False
    has_wrapped: bool = False
    without: frozenset[str] = frozenset()
    bases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if self.top < 1:
            raise Rejected(f"universe {self.name}: top {self.top}, expected at least 1")


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A coin that did not become a member, and why: stable, wrapped, named, no market cap, ambiguous, no pair, or a name no id can hold."""

    id: str
    symbol: str
    reason: str


@dataclass(frozen=True, slots=True)
class Selection:
    """A universe, the coin behind each member, and who was passed over on the way."""

    universe: Universe
    coins: Mapping[str, str]
    passed_over: tuple[PassedOver, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What differs between two universes, each sorted by instrument."""

    joined: tuple[str, ...]
    left: tuple[str, ...]
    stayed: tuple[str, ...]


def select(
    rule: Rule, coins: Iterable[Coin], pairs: Iterable[Pair], day: date, known_ns: int, exclusions: Exclusions | None = None
) -> Selection:
    """The universe that the rule gives of these coins and pairs; members are ranked from 1 by market cap."""
    listed = shipped_exclusions() if exclusions is None else exclusions
    ranked = _ranked(rule, coins)
    bases = {coin.id: _base(coin, rule, listed) for coin in ranked}
    candidates = [coin for coin in ranked if _reason(coin, rule, listed) is None]
    owners = _owners(candidates, bases, rule)
    tradable = {pair.base: pair.symbol for pair in pairs if pair.quote == rule.quote and pair.is_trading}
    members: list[Member] = []
    behind: dict[str, str] = {}
    passed: list[PassedOver] = []
    for coin in ranked:
        base = bases[coin.id]
        reason = _reason(coin, rule, listed)
        if reason is None and owners.get(base) != coin.id:
            reason = "ambiguous"
        if reason is None and base not in tradable:
            reason = "no pair"
        if reason is None and not is_instrument_name(tradable[base], rule.venue):
            reason = "name that no instrument id can hold"
        if reason is not None:
            passed.append(PassedOver(coin.id, coin.symbol, reason))
            continue
        instrument = instrument_id(tradable[base], rule.venue)
        members.append(Member(instrument, len(members) + 1, coin.market_cap))
        behind[instrument] = coin.id
        if len(members) == rule.top:
            break
    return Selection(Universe(rule.name, day, known_ns, tuple(members)), MappingProxyType(behind), tuple(passed))


def members_on(snapshots: Iterable[Universe], day: date, as_of_ns: int) -> Universe | None:
    """The last snapshot of a day up to `day` that was known at `as_of_ns`; None when there was none yet."""
    names: set[str] = set()
    best: Universe | None = None
    for snapshot in snapshots:
        names.add(snapshot.name)
        if snapshot.day > day or snapshot.known_ns > as_of_ns:
            continue
        if best is None or (best.day, best.known_ns) < (snapshot.day, snapshot.known_ns):
            best = snapshot
    if len(names) > 1:
        raise Rejected(f"members on {day}: snapshots of {sorted(names)}, expected those of one universe")
    return best


def difference(before: Universe | None, after: Universe) -> Change:
    """Newcomers and leavers; everybody is a newcomer of the first snapshot."""
    old = set() if before is None else {member.instrument for member in before.members}
    new = {member.instrument for member in after.members}
    return Change(tuple(sorted(new - old)), tuple(sorted(old - new)), tuple(sorted(new & old)))


def coins_of_markets(rows: Sequence[Mapping[str, Any]]) -> list[Coin]:
    """Coins of CoinGecko `/coins/markets` rows."""
    found = []
    for index, row in enumerate(rows):
        if not isinstance(row.get("id"), str) or not isinstance(row.get("symbol"), str):
            raise Unreadable(
                f"coins of a market list: row {index} has id {row.get('id')!r} and symbol {row.get('symbol')!r}, expected text"
            )
        cap = row.get("market_cap")
        found.append(Coin(row["id"], row["symbol"].upper(), None if cap is None else decimal(str(cap), what=f"market cap of {row['id']}")))
    return found


def pairs_of_exchange_info(body: Mapping[str, Any]) -> list[Pair]:
    """Pairs of a Binance exchangeInfo body; a pair trades when its status is TRADING and spot trading is not denied."""
    rows = body.get("symbols")
    if not isinstance(rows, list):
        raise Unreadable(f"pairs of exchange information: symbols is {type(rows).__name__}, expected a list")
    found = []
    for row in rows:
        try:
            is_trading = row["status"] == "TRADING" and row.get("isSpotTradingAllowed", True) is True
            found.append(Pair(row["symbol"], row["baseAsset"], row["quoteAsset"], is_trading))
        except (KeyError, TypeError, AttributeError) as error:
            raise Unreadable(f"pairs of exchange information: {error!r} in {str(row)[:80]}, expected symbol, status and assets") from None
    return found


@lru_cache(maxsize=1)
def shipped_exclusions() -> Exclusions:
    """The list that the package carries (`history/data/coins.json`)."""
    raw = pkgutil.get_data(__package__, "data/coins.json")
    if raw is None:
        raise Invariant("shipped exclusions: data/coins.json is not in the package")
    facts = json.loads(raw)
    return Exclusions(frozenset(facts["stable"]), frozenset(facts["wrapped"]), MappingProxyType(facts["bases"]))


def _ranked(rule: Rule, coins: Iterable[Coin]) -> list[Coin]:
    ranked = sorted(coins, key=lambda coin: (-(coin.market_cap or Decimal(0)), coin.id))
    seen: set[str] = set()
    for coin in ranked:
        if coin.id in seen:
            raise DataFault(f"universe {rule.name}: coin {coin.id} stands there twice, expected each id once")
        seen.add(coin.id)
    return ranked


def _base(coin: Coin, rule: Rule, listed: Exclusions) -> str:
    return rule.bases.get(coin.id) or listed.bases.get(rule.venue, {}).get(coin.id) or coin.symbol.upper()


def _reason(coin: Coin, rule: Rule, listed: Exclusions) -> str | None:
    if coin.id in rule.without:
        return "named"
    if coin.id in listed.stable and not rule.has_stable:
        return "stable"
    if coin.id in listed.wrapped and not rule.has_wrapped:
        return "wrapped"
    return None if coin.market_cap else "no market cap"


def _owners(candidates: Sequence[Coin], bases: Mapping[str, str], rule: Rule) -> dict[str, str]:
    """The coin that a base asset means; absent where nobody can tell. `candidates` are ranked."""
    rivals: dict[str, list[Coin]] = {}
    for coin in candidates:
        rivals.setdefault(bases[coin.id], []).append(coin)
    owners: dict[str, str] = {}
    for base, found in rivals.items():
        named = [coin for coin in found if rule.bases.get(coin.id) == base]
        if len(named) > 1:
            raise Rejected(f"universe {rule.name}: {base} is named for {[coin.id for coin in named]}, expected one coin")
        if named:
            owners[base] = named[0].id
        elif len(found) == 1 or (found[0].market_cap or 0) >= CLEAR_LEAD * (found[1].market_cap or Decimal(0)):
            owners[base] = found[0].id
    return owners
