"""The broker's own statement of a day, asked for afresh: every fill it remembers, what works, what became of our orders, what is held."""

from __future__ import annotations

from collections.abc import Iterable

from tradewinds.core.broker import Broker, OrderRef, OrderReport
from tradewinds.trading.evening import Statement

PAGES_MAX = 10_000  # of fills; a broker that always has another page is broken


async def statement(
    broker: Broker, account: str, start_ns: int, end_ns: int, known: Iterable[OrderRef], *, is_over: bool = False, cursor: str = ""
) -> Statement:
    """What the broker says of [start_ns, end_ns). known: our orders of that day, each asked for by name.

    is_over: the day has ended before now, so that present holdings say nothing about its end. cursor: where the fills of the day begin,
    as the journal noted it before; "" asks for all that the broker remembers. Raises what the broker's methods raise.
    """
    fills = []
    for _ in range(PAGES_MAX):
        page = await broker.fills(cursor)
        fills += [one for one in page.fills if start_ns <= one.event_ns < end_ns]
        if page.cursor == cursor or not page.fills:
            break
        cursor = page.cursor
    working = await broker.open_orders()
    reports: dict[str, OrderReport] = {one.venue_order_id: one for one in working}
    for order in known:
        found = await broker.find(order)
        if found is not None:
            reports[found.venue_order_id] = found
    holdings = None if is_over else await broker.holdings()
    return Statement(account, start_ns, end_ns, tuple(reports.values()), tuple(fills), holdings)
