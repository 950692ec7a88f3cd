"""Limits in force: what the database keeps over what the YAML files declare, read at the start and again while trading.

They reach the gate as an input of the core, which stands in the journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from tradewinds.core.errors import TradewindsError
from tradewinds.live.service import TradingService
from tradewinds.risk.bounds import NO_LIMITS, Limits, limits_text
from tradewinds.trading.entry import Limited
from tradewinds.wiring.trade import AccountPlan

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

LIMITS_EVERY_S = 5.0

InForce = tuple[Limits, dict[str, Limits], dict[str, Limits]]  # of the account, by strategy, by instrument

Put = Callable[[Limited], None]


class LimitWatch:
    """Reads the limits of accounts. A ledger that does not answer leaves those in force that were, and is said once."""

    def __init__(self, house: House, plans: Mapping[str, AccountPlan], say: Callable[[str], None]) -> None:
        self._house = house
        self._plans = plans
        self._say = say
        self._known: dict[str, InForce] = {}
        self._is_blind = False

    def put_in_force(self, account: str, put: Put) -> None:
        """Give an account what holds now. Raises where the ledger cannot be read: nothing trades under limits nobody knows."""
        self._known[account] = self.read(account)
        put(limited(*self._known[account]))

    def read(self, account: str) -> InForce:
        """What holds now."""
        from tradewinds.stores.limits import LimitBook

        plan = self._plans[account]
        kept = LimitBook(self._house.ledger.database).at(account, self._house.clock.now_ns())
        declared = {one.name: one.limits for one in (*plan.strategies, *plan.guests)}
        strategies = {name: kept.over(declared.get(name, NO_LIMITS), "strategy", name) for name in {*declared, *kept.names("strategy")}}
        instruments = {name: kept.over(NO_LIMITS, "instrument", name) for name in kept.names("instrument")}
        return (
            kept.over(plan.account.limits, "account"),
            {name: one for name, one in sorted(strategies.items()) if not one.is_empty},
            {name: one for name, one in sorted(instruments.items()) if not one.is_empty},
        )

    async def run(self, service: TradingService) -> None:
        """Put changes in force while a service trades, until cancelled."""
        while True:
            await asyncio.sleep(LIMITS_EVERY_S)
            for name, trader in service.traders.items():
                if trader.state == "trading":
                    self._look(name, trader.parts.loop.put)

    def _look(self, account: str, put: Put) -> None:
        try:
            found = self.read(account)
        except TradewindsError as error:
            if not self._is_blind:
                self._say(f"warning: limits of account {account}: {error}; those in force stay")
            self._is_blind = True
            return
        self._is_blind = False
        if found != self._known.get(account):
            self._known[account] = found
            put(limited(*found))
            self._say(f"account {account}: other limits are in force")


def limited(account: Limits, strategies: Mapping[str, Limits], instruments: Mapping[str, Limits]) -> Limited:
    """As an input of the core: journalled, so that a replay judges under the same limits."""
    found = {"account": account, **{f"strategy {name}": one for name, one in strategies.items()}}
    found |= {f"instrument {name}": one for name, one in instruments.items()}
    return Limited({scope: limits_text(one) for scope, one in found.items() if not one.is_empty}, "limits")
