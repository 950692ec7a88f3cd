"""What happens once in some seeds, beside the faults: a halt, and a midnight."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tradewinds.campaign.stage import Nights
from tradewinds.core.order import OrderState
from tradewinds.trading.entry import Controlled

if TYPE_CHECKING:
    from tradewinds.campaign.run import Simulation

NS = 1_000_000_000
HALTS = 0.25  # of the seeds have one
HALT_S = 14.0
HALT_GRACE_S = 9.0  # what read the epoch before the halt may arrive so late
NIGHT_AFTER = 12  # orders
EVENING_S = 120.0  # at least: a doubt is asked about every half minute by then, and two answers must say the same
AT_WORK = (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED)


async def a_halt(one: Simulation) -> None:
    """The guard raises the epoch; for a while nothing may be sent, whatever is wanted."""
    if one.random.random() >= HALTS:
        return
    await asyncio.sleep(one.random.uniform(1.0, 12.0))
    if not one.chaos.is_on:
        return
    one.is_halted, begin_ns = True, one.loop.now_ns()
    one.epoch += 1
    one.record.note("halt", "guard", str(one.epoch))
    await asyncio.sleep(HALT_S)
    one.halts.append((begin_ns + int(HALT_GRACE_S * NS), one.loop.now_ns()))
    while one.account is None or one.account.engine.books.epoch < one.epoch or one.account.engine.books.is_halted:
        if one.account is not None:
            one.account.put(Controlled("resume", "person", "it was an exercise", epoch=one.epoch))
        await asyncio.sleep(1.0)
    one.is_halted = False
    one.record.note("resume", "person")


async def a_night(one: Simulation) -> None:
    """Midnight, where the venue has one: calm before it, until all that happened is told; then the venue forgets, and faults go on.

    An order in doubt over midnight could be settled by nobody: of what was yesterday the venue answers no question.
    """
    stage = one.stage
    if not isinstance(stage, Nights) or stage.midnight_s is None:
        return
    while one.orders() < NIGHT_AFTER and one.loop.time() < stage.midnight_s - EVENING_S:
        await asyncio.sleep(0.5)
    one.chaos.is_resting, begin_ns = True, one.loop.now_ns()
    one.record.note("evening", "campaign")
    stage.restart()
    while one.chaos.is_on and (one.loop.time() < stage.midnight_s + 1.0 or not _is_told(one, begin_ns)):
        await asyncio.sleep(1.0)
    if one.chaos.is_on:
        one.record.note("midnight", "venue")
        stage.new_day()
    one.chaos.is_resting = one.is_night_ahead = False


def _is_told(one: Simulation, since_ns: int) -> bool:
    """Whether the books say all that the venue says, after a comparison since then, and no order is in doubt."""
    if one.account is None:
        return False
    books, positions = one.account.engine.books, one.stage.positions()
    is_certain = all(order.state in AT_WORK for order in books.open.values()) and not books.owing and books.link == "up"
    is_same = all(books.whole.quantity(name) == positions.get(name, 0) for name in books.instruments)
    return is_certain and is_same and books.compared_ns > since_ns
