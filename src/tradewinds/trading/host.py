"""`StrategyHost`: the strategies of one account, each over its own trailing window of closed bars; `engine.Host`.

1. Bars come in and enter the windows that they belong to; an instrument without one has NaN in that row. Late ones fill their cell and
   decide nothing.
2. A strategy whose interval ended and whose rhythm says so decides: a vector strategy over its window, an event strategy by its view.
3. Targets become lots by the function that the kernel calls, and orders by the kernel's rules, against the strategy's own book.
4. A strategy that raises is alone in it: it is disabled until the next start, a person is told, and exits of its brackets go on.

Pure: the same bars and books give the same decisions, to the bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tradewinds.core.broker import BrokerCapability
from tradewinds.core.errors import Rejected
from tradewinds.core.order import ORDER_KINDS, Intent, OrderKind
from tradewinds.trading.books import Books
from tradewinds.trading.entry import Alerted, BarsClosed, Decided
from tradewinds.trading.hosted import Hosted
from tradewinds.trading.runner import EventRunner, Runner, VectorRunner

Yielded = tuple[Decided | Alerted, tuple[Intent, ...]]
ALL_KINDS: frozenset[OrderKind] = frozenset(ORDER_KINDS)


@dataclass(frozen=True, slots=True)
class Need:
    """History that has to be told, as warm-up, before a run: so many bars of these instruments, the newest closed one last."""

    interval: str
    instruments: tuple[str, ...]
    bars: int


class StrategyHost:
    """account: its name, part of every client order id. capability: of its broker; what it cannot hold is watched here.
    others: of the brokers of other accounts that its strategies trade too.

    Raises Rejected naming the strategy and what it needs that live has not.
    """

    def __init__(
        self, account: str, strategies: Sequence[Hosted], capability: BrokerCapability | None = None,
        others: Mapping[str, BrokerCapability] | None = None,
    ) -> None:  # fmt: skip
        names = [one.name for one in strategies]
        if len(set(names)) < len(names) or "" in names:
            raise Rejected(f"account {account}: strategies named {names}, expected each once, by a name")
        for one in strategies:
            one.check()
        kinds = ALL_KINDS if capability is None else capability.kinds
        # An exit of one strategy may open or enlarge what the account holds as a whole: only a strategy by itself reduces there too.
        reduces = capability is not None and capability.has_reduce_only and len(strategies) == 1
        kinds_on = {name: one.kinds for name, one in (others or {}).items()}
        self.hosted = tuple(strategies)
        self._prices: dict[str, float] = {}
        self._runners: tuple[Runner, ...] = tuple(
            VectorRunner(account, one, self._prices) if one.strategy.kind == "vector"
            else EventRunner(account, one, self._prices, kinds, sends_reduce_only=reduces, kinds_on=kinds_on)
            for one in strategies
        )  # fmt: skip

    def decide(self, bars: BarsClosed, books: Books) -> Iterator[Yielded]:
        """What each strategy decides on these bars, one after the other; a strategy that failed yields an alert."""
        for one in bars.bars:
            if one.close == one.close:
                self._prices[one.instrument] = one.close
        for runner in self._runners:
            yield from runner.on_bars(bars, books)

    def react(self, now_ns: int, books: Books) -> Iterator[Yielded]:
        """What fills and endings want between bars: exits of entries that filled, mates that shrink."""
        for runner in self._runners:
            yield from runner.react(now_ns, books)

    def needs(self) -> tuple[Need, ...]:
        """What to tell as warm-up before the first bar that is decided on."""
        found: dict[str, tuple[set[str], int]] = {}
        for one in self.hosted:
            for interval in (one.strategy.interval, *one.strategy.other_intervals):
                instruments, bars = found.get(interval, (set(), 0))
                found[interval] = (instruments | {each.id for each in one.instruments}, max(bars, one.window_bars))
        return tuple(Need(interval, tuple(sorted(names)), bars) for interval, (names, bars) in sorted(found.items()))

    def fingerprints(self) -> Mapping[str, str]:
        """Strategy -> SHA-256 of what makes it decide as it does; for `Started`."""
        return {one.name: one.fingerprint for one in self.hosted}

    @property
    def disabled(self) -> Mapping[str, str]:
        """Strategy -> why it decides nothing any more."""
        return {one.hosted.name: one.failure for one in self._runners if one.failure}


def warm_up_bars(closed: Iterable[BarsClosed]) -> Iterator[BarsClosed]:
    """The same bars marked as history: they fill windows and decide nothing."""
    for one in closed:
        yield BarsClosed(one.interval, one.end_ns, one.bars, is_warm_up=True)
