"""Which candle a moment belongs to, the way OANDA aligns them: days end at 17:00 New York unless asked otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from tradewinds.sandbox.bars import Ints

SECOND_MS, MINUTE_MS, HOUR_MS = 1_000, 60_000, 3_600_000
GRANULARITIES = {
    **{f"S{count}": count * SECOND_MS for count in (5, 10, 15, 30)},
    **{f"M{count}": count * MINUTE_MS for count in (1, 2, 4, 5, 10, 15, 30)},
    **{f"H{count}": count * HOUR_MS for count in (1, 2, 3, 4, 6, 8, 12)},
    "D": 24 * HOUR_MS,
    "W": 7 * 24 * HOUR_MS,
    "M": 30 * 24 * HOUR_MS,
}
_NEW_YORK = ZoneInfo("America/New_York")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class Alignment:
    """How candles longer than an hour are cut."""

    granularity: str
    hour: int = 17
    zone: ZoneInfo = _NEW_YORK
    weekday: int = 4

    @property
    def length_ms(self) -> int:
        """The usual length; days of clock changes and months differ."""
        return GRANULARITIES[self.granularity]

    def start(self, at_ms: int) -> int:
        """Where the candle of an instant begins."""
        if self.length_ms <= HOUR_MS:
            return at_ms // self.length_ms * self.length_ms
        day = self._day(at_ms)
        if self.granularity == "W":
            return self._at(day - timedelta(days=(day.weekday() - self.weekday) % 7))
        if self.granularity == "M":
            return self._at(day.replace(day=1))
        begin = self._at(day)
        return begin if self.granularity == "D" else begin + (at_ms - begin) // self.length_ms * self.length_ms

    def end(self, start_ms: int) -> int:
        """Where the candle that begins at `start_ms` ends."""
        if self.length_ms <= HOUR_MS:
            return start_ms + self.length_ms
        day = self._day(start_ms)
        if self.granularity == "D":
            return self._at(day + timedelta(days=1))
        if self.granularity == "W":
            return self._at(day + timedelta(days=7))
        if self.granularity == "M":
            return self._at((day.replace(day=1) + timedelta(days=32)).replace(day=1))
        return min(start_ms + self.length_ms, self._at(day + timedelta(days=1)))

    def starts(self, at_ms: Ints) -> Ints:
        """`start` of many instants in order."""
        if self.length_ms <= HOUR_MS:
            return at_ms // self.length_ms * self.length_ms
        found = np.empty_like(at_ms)
        begin = end = -1
        for row, at in enumerate(at_ms.tolist()):
            if not begin <= at < end:
                begin = self.start(at)
                end = self.end(begin)
            found[row] = begin
        return found

    def _day(self, at_ms: int) -> date:
        local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(self.zone)
        return local.date() if local.hour >= self.hour else local.date() - timedelta(days=1)

    def _at(self, day: date) -> int:
        return int(datetime.combine(day, time(self.hour), self.zone).timestamp()) * 1000
