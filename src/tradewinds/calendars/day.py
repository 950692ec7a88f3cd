"""Trading days of a desk: when the day that contains an instant began and will end, in a stated zone."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import NS_PER_DAY, from_datetime, to_datetime


def day_around(at_ns: int, zone: str = "UTC", starts: time = time(0)) -> tuple[int, int]:
    """[start_ns, end_ns) of the day that contains `at_ns`: it begins when clocks of `zone` show `starts`, and lasts until they do again.

    A day on which clocks change is 23 or 25 hours long. Raises Rejected for a zone that the machine does not know.
    """
    if zone == "UTC" and starts == time(0):
        start = at_ns // NS_PER_DAY * NS_PER_DAY
        return start, start + NS_PER_DAY
    local = to_datetime(at_ns).astimezone(_zone(zone))
    begin = datetime.combine(local.date(), starts, _zone(zone))
    if from_datetime(begin) > at_ns:
        begin -= timedelta(days=1)
    return from_datetime(begin), from_datetime(begin + timedelta(days=1))


@lru_cache(maxsize=16)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Rejected(f"trading day: zone {name!r}, expected a name such as UTC or America/New_York") from None
