"""What other currencies are worth in an account's own: read at the start and again while a service trades.

A rate reaches the core as part of `Priced`, which stands in the journal. Strategies size by the rates of the start (docs/trading.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from tradewinds.core.errors import TradewindsError
from tradewinds.core.instrument import Instrument
from tradewinds.core.money import decimal
from tradewinds.live.service import TradingService
from tradewinds.wiring.accounts import TradedAccount

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

RATES_EVERY_S = 60.0


class RateWatch:
    """Reads rates anew for accounts that trade in other currencies. What cannot be read is said once; the rates in force stay."""

    def __init__(
        self, house: House, accounts: Iterable[tuple[TradedAccount, Mapping[str, Instrument]]], say: Callable[[str], None]
    ) -> None:
        self._house = house
        self._accounts = {
            one.name: (one, known) for one, known in accounts if any(each.currency != one.currency for each in known.values())
        }
        self._say = say
        self._told: dict[str, str] = {}

    async def run(self, service: TradingService, every_s: float = RATES_EVERY_S) -> None:
        """Put other rates in force while a service trades, until cancelled; for ever idle where none is wanted."""
        while True:
            await asyncio.sleep(every_s)
            for name in self._accounts:
                await self.look(service, name)

    async def look(self, service: TradingService, name: str) -> None:
        """Read the rates of one account now. The reading is done in a thread: the files may be slow."""
        account, known = self._accounts[name]
        try:
            found = await asyncio.to_thread(rates_now, self._house, account, known.values())
        except (TradewindsError, OSError) as error:
            if self._told.get(name) != str(error):
                self._say(f"warning: account {name}: no newer rates: {error}; those in force stay")
            self._told[name] = str(error)
            return
        self._told.pop(name, None)
        changed = service.trader(name).rerate(rates_by_instrument(known, found))
        if changed:
            pairs = ", ".join(f"{currency} {rate:g}" for currency, rate in sorted(found.items()))
            self._say(f"account {name}: rates in {account.currency}: {pairs}")


def rates_now(
    house: House, account: TradedAccount, instruments: Iterable[Instrument], at_ns: int | None = None, currencies: Iterable[str] = (),
    fixed: Mapping[str, float] | None = None,
) -> dict[str, float]:  # fmt: skip
    """The account's currency per unit of every other one that is traded, as known now, or at another time.

    currencies: others that are wanted. fixed: rates that were given, which win.
    """
    foreign = [one for one in instruments if one.currency != account.currency]
    others = [one for one in currencies if one != account.currency]
    if not foreign and not others:
        return {}
    import numpy as np

    from tradewinds.wiring.market import Wanted
    from tradewinds.wiring.market_house import rates_of

    at = np.array([at_ns or house.clock.now_ns()])
    found, _ = rates_of(house, account.currency, foreign, at, Wanted(currency=account.currency, rates=fixed or {}), others)
    return {name: float(series[-1]) for name, series in found.items()}


def rates_by_instrument(known: Mapping[str, Instrument], rates: Mapping[str, float]) -> dict[str, Decimal]:
    """Base currency per unit of price times quantity, by instrument; a currency without a rate is the account's own."""
    return {
        name: one.multiplier * decimal(repr(rates.get(one.currency, 1.0)), what=f"rate of {one.currency}") for name, one in known.items()
    }
