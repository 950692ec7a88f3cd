"""What the strategies of a simulation want: orders of several kinds and sizes, cancels, and what a person does at the venue's screen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from random import Random

from tradewinds.campaign.stage import Market, Stage, Traded
from tradewinds.core.order import Intent, OrderKind, OrderTerms, Side
from tradewinds.core.ports import Clock
from tradewinds.trading.books import Books, Order
from tradewinds.trading.entry import CancelWanted, Input, ReplaceWanted, Wanted

STRATEGIES = ("trend", "carry", "reversal")
LOTS_MOST = 30
TICKS_AWAY = 25
CANCELS = 0.25
REPLACES = 0.1


class Work:
    """Wants of one seed."""

    def __init__(self, account: str, market: Market, random: Random, clock: Clock) -> None:
        self._account = account
        self._market = market
        self._random = random
        self._clock = clock
        self._legs = 0

    def next(self, books: Books) -> Iterator[Input]:
        """What is wanted now."""
        random = self._random
        if books.open and random.random() < CANCELS:
            yield CancelWanted("work", "changed its mind", client_order_id=random.choice(list(books.open)))
        if books.open and random.random() < REPLACES:
            replaced = self._replaced(random.choice(list(books.open.values())))
            if replaced is not None:
                yield replaced
        if random.random() < 0.7:
            yield Wanted(tuple(self._intent() for _ in range(random.choice((1, 1, 1, 2, 4)))), "work")

    def order_by_hand(self, stage: Stage) -> None:
        """A person trades the same account at the venue's own screen."""
        random, one = self._random, self._traded()
        side: Side = random.choice(("buy", "sell"))
        limit = None if random.random() < 0.5 else self._limit(one, side)
        stage.order_by_hand(one, side, one.lot, limit)

    def _replaced(self, order: Order) -> ReplaceWanted | None:
        """Another size and limit for a limit order."""
        terms = order.approved.terms
        one = next(each for each in self._market.traded.values() if each.id == terms.instrument)
        if terms.kind != "limit" or terms.time_in_force != "gtc":
            return None
        lots = self._random.randint(1, LOTS_MOST)
        new = replace(terms, quantity=order.filled + one.lot * lots, limit=self._limit(one, terms.side))
        return ReplaceWanted(order.client_order_id, new, "work", "a better price")

    def _intent(self) -> Intent:
        random, one = self._random, self._traded()
        side: Side = random.choice(("buy", "sell"))
        kind: OrderKind = random.choice(("market", "limit", "limit"))
        lots = random.choice((1, 2, 3, 5, random.randint(1, LOTS_MOST)))
        limit = self._limit(one, side) if kind == "limit" else None
        terms = OrderTerms(
            one.id, side, one.lot * lots, kind, limit, time_in_force="ioc" if kind == "limit" and random.random() < 0.1 else "gtc"
        )
        self._legs += 1
        return Intent(self._account, random.choice(STRATEGIES), self._clock.now_ns(), terms, leg=self._legs)

    def _limit(self, one: Traded, side: Side) -> Decimal:
        away = self._random.randint(-TICKS_AWAY, TICKS_AWAY // 3) * one.tick
        return max(one.tick, one.price + away if side == "buy" else one.price - away)

    def _traded(self) -> Traded:
        return self._random.choice(list(self._market.traded.values()))
