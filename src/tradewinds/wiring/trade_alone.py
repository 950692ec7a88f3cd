"""One act of a person without a running service: the account is brought up, recovers, does it, settles, and is let go of.

No strategy decides and no feed runs. Locks are taken as by the service, so that never two processes trade one account.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tradewinds.core.errors import Transient
from tradewinds.core.order import OrderState
from tradewinds.wiring.accounts import account_of, journal_path
from tradewinds.wiring.projection import instruments_of
from tradewinds.wiring.trade import AccountPlan, Plan
from tradewinds.wiring.trade_service import Assembled, assemble

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

UP_WITHIN_S = 60.0
SETTLE_WITHIN_S = 30.0
_UNDER_WAY = (OrderState.INTENT, OrderState.SENT, OrderState.UNKNOWN, OrderState.CANCEL_SENT, OrderState.REPLACE_SENT)


def alone(house: House, account: str, act: str, words: Mapping[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    """The answer of an act, as a service's that trades this account alone.

    Raises Rejected where another process holds the account, Transient where it could not be brought up in time.
    """
    traded = account_of(house.config, account)
    names = [*traded.config.instruments, *([str(words["instrument"])] if words.get("instrument") else [])]
    if traded.config.journal != "sqlite" or journal_path(house.home, account).is_file():
        names += instruments_of(traded, house.home, house)
    config = replace(traded.config, instruments=tuple(dict.fromkeys(names)))
    planned = AccountPlan(replace(traded, config=config), "live" if traded.is_live else "paper")
    if traded.is_live:
        say(f"*** LIVE *** account {account} at {config.broker}: this moves real money")
    made = assemble(house, Plan({account: planned}, {}), say=say, has_feed=False)
    try:
        made.lock()
        return dict(asyncio.run(_once(made, account, act, words)))
    finally:
        made.close()


async def _once(made: Assembled, account: str, act: str, words: Mapping[str, Any]) -> Mapping[str, Any]:
    running = asyncio.create_task(made.run())
    try:
        ready = asyncio.create_task(made.service.ready())
        await asyncio.wait({running, ready}, timeout=UP_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            ready.cancel()
            raise Transient(f"account {account}: not up within {UP_WITHIN_S:g} s, expected its broker to answer")
        books = made.service.trader(account).parts.loop.engine.books
        told = await made.acts(act, words)
        await made.service.until(
            lambda: made.service.is_idle() and not any(one.state in _UNDER_WAY for one in books.open.values()), SETTLE_WITHIN_S
        )
        return told
    finally:
        made.service.stop()
        await asyncio.wait({running})
        if not running.cancelled():
            running.exception()  # an account that failed has been said, and the act has raised
