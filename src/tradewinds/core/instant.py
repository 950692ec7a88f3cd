"""Instants are integers: nanoseconds since 1970-01-01 UTC, named `*_ns`. Text is ISO 8601 with a Z.

Local time exists only in `tradewinds.calendars`, and nobody here asks what time it is.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from tradewinds.core.errors import Rejected

NS_PER_US = 1_000
NS_PER_MS = 1_000_000
NS_PER_SECOND = 1_000_000_000
NS_PER_MINUTE = 60 * NS_PER_SECOND
NS_PER_HOUR = 60 * NS_PER_MINUTE
NS_PER_DAY = 24 * NS_PER_HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?))?\s*(Z|[+-]\d{2}:?\d{2})?", re.ASCII)


def from_datetime(moment: datetime) -> int:
    """Nanoseconds of an aware datetime; a naive one is refused, because nobody knows its zone."""
    if moment.tzinfo is None:
        raise Rejected(f"instant from datetime: {moment.isoformat()} has no time zone, expected an aware one")
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * NS_PER_SECOND + delta.microseconds * NS_PER_US


def to_datetime(instant_ns: int) -> datetime:
    """The aware UTC datetime at or just before the instant (datetimes hold microseconds)."""
    return _EPOCH + timedelta(microseconds=instant_ns // NS_PER_US)


def from_date(day: date) -> int:
    """Midnight UTC at which the day begins."""
    return (day.toordinal() - 719_163) * NS_PER_DAY


def to_date(instant_ns: int) -> date:
    """The UTC day that contains the instant."""
    return date.fromordinal(719_163 + instant_ns // NS_PER_DAY)


def parse(text: str) -> int:
    """Nanoseconds of ISO 8601 text: a date (midnight UTC), or a date and time in UTC unless an offset stands there.

    Up to nine decimals of a second are kept. Raises Rejected for anything else.
    """
    match = _TEXT.fullmatch(text.strip())
    if match is None:
        raise Rejected(f"instant: {text!r}, expected ISO 8601 such as 2024-01-31 or 2024-01-31T16:00:00Z")
    day, moment, zone = match.groups()
    clock, _, fraction = (moment or "00:00").partition(".")
    offset = "+00:00" if zone in (None, "Z") else zone
    try:
        whole = datetime.fromisoformat(f"{day}T{clock}{offset}")
    except ValueError as error:
        raise Rejected(f"instant: {text!r} is no time that exists ({error})") from None
    return from_datetime(whole) + int(fraction.ljust(9, "0"))


def text(instant_ns: int) -> str:
    """ISO 8601 in UTC with as many decimals of a second as are needed (0, 3, 6 or 9)."""
    seconds, rest = divmod(instant_ns, NS_PER_SECOND)
    stamp = to_datetime(seconds * NS_PER_SECOND).strftime("%Y-%m-%dT%H:%M:%S")
    if rest == 0:
        return stamp + "Z"
    digits = f"{rest:09d}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f"{stamp}.{digits}Z"
