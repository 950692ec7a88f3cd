"""Which bars a klines question means: from its start on, up to its end, or the latest."""

from __future__ import annotations

from tradewinds.sandbox.bars import DAY_MS, Bars, bucket_start, next_bucket
from tradewinds.sandbox.binance_questions import Question, Refused
from tradewinds.sandbox.listings import Listing
from tradewinds.sandbox.market import EPOCH_DAY

_EARLIEST_MS = EPOCH_DAY * DAY_MS


def asked_bars(question: Question, venue: str, usual: int, most: int) -> Bars:
    """The bars of a klines question, faults included."""
    world = question.world
    pair, interval, limit = question.listing(), question.interval(), question.limit(usual, most)
    if question.params.get("timeZone", "0") not in ("0", "00:00", "+00:00", "UTC"):
        raise Refused(-1130, "Data sent for parameter 'timeZone' is not valid.")
    first, stop, is_latest = asked_span(question, pair, interval, limit)
    if stop <= first:
        return world.bars(venue, pair.symbol, "1m", 0, 0, question.kind)
    if is_latest:
        return world.bars(venue, pair.symbol, interval, first, stop, question.kind).take(slice(-limit, None))
    stretch = limit
    while True:  # doubles over stretches without bars, and ends where time does
        until = min(stop, bars_end(interval, first, stretch))
        found = world.bars(venue, pair.symbol, interval, first, until, question.kind)
        if len(found) >= limit or until == stop:
            return found.take(slice(0, limit))
        stretch *= 2


def asked_span(question: Question, pair: Listing, interval: str, limit: int) -> tuple[int, int, bool]:
    """(start, stop, whether the latest bars are meant) of a question; the span is cut to where the pair exists."""
    start, end, now = question.instant_ms("startTime"), question.instant_ms("endTime"), question.world.clock.now_ms()
    last = now if end is None else min(now, end)
    if pair.end is not None:
        last = min(last, (pair.end.toordinal() - 719_162) * DAY_MS - 1)
    born = bucket_start(interval, max(_EARLIEST_MS, (pair.start.toordinal() - 719_163) * DAY_MS))
    if start is not None:
        return max(born, start), last + 1, False
    return max(born, _back(interval, last, limit)), last + 1, True


def _back(interval: str, last_ms: int, count: int) -> int:
    if interval == "1mo":
        return max(_EARLIEST_MS, bucket_start(interval, last_ms - count * 30 * DAY_MS))
    start = bucket_start(interval, last_ms)
    return start - (count - 1) * (next_bucket(interval, start) - start)


def bars_end(interval: str, first_ms: int, count: int) -> int:
    """An instant by which more than `count` bars have begun since the first."""
    start = bucket_start(interval, first_ms)
    step = next_bucket(interval, start) - start if interval != "1mo" else 31 * DAY_MS
    return start + (count + 1) * step
