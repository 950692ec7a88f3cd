"""What sources of the feed that poll have in common: when a bar has ended, and one question over HTTP that is answered with JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from tradewinds.core.errors import Rejected, Transient, Unreadable
from tradewinds.core.market import Interval

TIMEOUT_S = 10.0


def length_ns(interval: str) -> int:
    """How long a bar is; raises Rejected where that depends on the calendar."""
    found = Interval(interval).ns
    if found is None:
        raise Rejected(f"feed: interval {interval}, expected one of a fixed length")
    return found


def next_end_ns(interval: str, now_ns: int) -> int:
    """When the bar ends that is open at an instant: ends are multiples of the length."""
    length = length_ns(interval)
    return (now_ns // length + 1) * length


async def ask(session: aiohttp.ClientSession, url: str, params: Mapping[str, str], headers: Mapping[str, str], what: str) -> dict[str, Any]:
    """The object that is answered. Raises Transient where the venue cannot now, Rejected where it will not, Unreadable for no JSON."""
    try:
        limit = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with session.get(url, params=params, headers=headers, timeout=limit) as answer:
            body, status, wait = await answer.read(), answer.status, answer.headers.get("Retry-After", "")
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise Transient(f"{what}: {type(error).__name__} {error}, expected an answer") from error
    if status == 429 or status >= 500:
        raise Transient(f"{what}: HTTP {status}, expected 200", retry_after_s=float(wait) if wait.isdigit() else None)
    if status != 200:
        raise Rejected(f"{what}: HTTP {status} {body[:120]!r}, expected 200")
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise Unreadable(f"{what}: {body[:80]!r} ({error}), expected an object") from error
