"""What routes take: parameters with their limits, examples and words, and cursors."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

from fastapi import Query

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import parse

LIMIT_MAX = 1_000
NAME_CHARACTERS_MAX = 100

Text = Annotated[str | None, Query(max_length=NAME_CHARACTERS_MAX)]
InstrumentId = Annotated[str, Query(max_length=NAME_CHARACTERS_MAX, description="SYMBOL.VENUE", examples=["BTCUSDT.BINANCE"])]
Start = Annotated[str | None, Query(max_length=40, description="First start (ISO 8601, UTC).", examples=["2024-01-31T00:00:00Z"])]
End = Annotated[str | None, Query(max_length=40, description="End of the starts, not included (ISO 8601, UTC).")]
AsOf = Annotated[str | None, Query(max_length=40, description="What was known then (ISO 8601, UTC); now when left out.")]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="At most so many.")]
Cursor = Annotated[str | None, Query(max_length=300, description="`next` of the answer before.")]


def instant(text: str | None, name: str) -> int | None:
    """Nanoseconds of a parameter; raises Rejected naming it."""
    if text is None:
        return None
    try:
        return parse(text)
    except Rejected as error:
        raise Rejected(f"{name}: {str(error).removeprefix('instant: ')}") from None


def cursor_of(*parts: object) -> str:
    """A cursor: opaque to the caller, of no use as anything else."""
    return base64.urlsafe_b64encode("\x1f".join(str(one) for one in parts).encode()).decode().rstrip("=")


def parts_of(cursor: str, count: int) -> list[str]:
    """What a cursor was made of; raises Rejected for what is none of ours."""
    try:
        found = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode().split("\x1f")
    except (binascii.Error, ValueError, UnicodeError):
        found = []
    if len(found) != count:
        raise Rejected(f"cursor {cursor[:40]!r}, expected `next` of the answer before")
    return found


def number_of(text: str) -> int:
    """A whole number within a cursor; raises Rejected."""
    if not text.lstrip("-").isascii() or not text.lstrip("-").isdigit() or len(text) > 20 or abs(int(text)) >= 2**63:
        raise Rejected(f"cursor: {text[:40]!r}, expected `next` of the answer before")
    return int(text)
