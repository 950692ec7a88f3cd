"""The journal's codec: entries to bytes and back, chained by hash so that tampering shows. Pure; `stores/journal.py` keeps the bytes.

1. An entry is JSON: [format, time_ns, [kind, fields], [[kind, fields], ...]], the input first, then its records. A kind is the name of its
   class in `entry.py`; Decimals are text, enums their value, a float that is no number is null.
2. Fields with a default may be added and are absent in older entries. Anything else needs a new format, and what reads the old one.
3. hash(n) = SHA-256(hash(n-1) + sequence + bytes(n)); the first follows 32 zero bytes.
"""

from __future__ import annotations

import hashlib
import math
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import msgspec

from tradewinds.core.account import Fill
from tradewinds.core.broker import Link, OrderReport
from tradewinds.core.errors import TradewindsError, Unreadable
from tradewinds.trading import entry as words
from tradewinds.trading.entry import Bar, BarsClosed, Elsewhere, Entry, Heard

FORMAT = 1
GENESIS = bytes(32)


@dataclass(frozen=True, slots=True)
class Chained:
    """One entry as it is kept. sequence: from 1, without gaps."""

    sequence: int
    time_ns: int
    body: bytes
    hash: bytes


class JournalStore(Protocol):
    """Where one account's entries are kept, in order, by one writer; `stores/journal.py` has one on SQLite and one on PostgreSQL."""

    def append(self, entries: Sequence[Chained]) -> None:
        """Durable when it returns, all or none. Raises Transient where the store cannot take them now (full disk, database away)."""
        ...

    def read(self, after: int = 0) -> Iterator[Chained]:
        """Entries with a later sequence, in order."""
        ...

    def last(self) -> tuple[int, bytes]:
        """(sequence, hash) of the last entry; (0, GENESIS) when empty."""
        ...

    def close(self) -> None:
        """Give up the writer's lock."""
        ...


def chained(entries: Iterable[Entry], sequence: int, last: bytes) -> list[Chained]:
    """Entries behind one with this sequence (0: none) and hash."""
    found = []
    for one in entries:
        sequence += 1
        body = encode(one)
        last = link(last, sequence, body)
        found.append(Chained(sequence, one.time_ns, body, last))
    return found


def link(before: bytes, sequence: int, body: bytes) -> bytes:
    """The hash of an entry."""
    return hashlib.sha256(before + sequence.to_bytes(8, "big") + body).digest()


def read(kept: Iterable[Chained], sequence: int = 0, last: bytes = GENESIS) -> Iterator[tuple[Chained, Entry]]:
    """Entries in order; raises Unreadable naming the sequence where one is missing, changed or cannot be read."""
    for one in kept:
        sequence += 1
        if one.sequence != sequence:
            raise Unreadable(f"journal: entry {one.sequence}, expected {sequence}")
        last = link(last, sequence, one.body)
        if last != one.hash:
            raise Unreadable(f"journal: entry {sequence} does not match its hash, expected it unchanged since it was written")
        yield one, decode(one.body)


def encode(entry: Entry) -> bytes:
    """JSON bytes, the same for equal entries."""
    given = entry.input
    return _ENCODER.encode(
        [FORMAT, entry.time_ns, [type(given).__name__, _plain(given)], [[type(one).__name__, one] for one in entry.records]]
    )


def decode(body: bytes) -> Entry:
    """The entry; raises Unreadable for what is none, and for one that a later version wrote."""
    try:
        number, time_ns, given, records = _OUTER.decode(body)
        if number != FORMAT:
            raise Unreadable(f"journal entry {body[:80]!r}: format {number}, expected {FORMAT}; a later version wrote it")
        return Entry(time_ns, _value(*given), tuple([_value(*one) for one in records]))
    except msgspec.MsgspecError as error:
        raise Unreadable(f"journal entry {body[:80]!r}: {error}, expected an entry") from error
    except Unreadable:
        raise
    except (TradewindsError, ValueError, ArithmeticError) as error:
        raise Unreadable(f"journal entry {body[:80]!r}: {type(error).__name__} {error}, expected an entry") from error


class _RawElsewhere(msgspec.Struct):
    account: str
    number: int
    told_ns: int
    records: list[tuple[str, msgspec.Raw]]


class _RawBar(msgspec.Struct, array_like=True):
    instrument: str
    open: float | None
    high: float | None
    low: float | None
    close: float | None
    volume: float | None
    known_ns: int


class _RawBars(msgspec.Struct):
    interval: str
    end_ns: int
    bars: list[_RawBar]
    is_warm_up: bool = False


def _other(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"journal: a {type(value).__name__}, expected what `entry.py` declares")


_ENCODER = msgspec.json.Encoder(enc_hook=_other, order="deterministic")
_OUTER = msgspec.json.Decoder(tuple[int, int, tuple[str, msgspec.Raw], list[tuple[str, msgspec.Raw]]])
_BARS = msgspec.json.Decoder(_RawBars)
_ELSEWHERE = msgspec.json.Decoder(_RawElsewhere)
_TOLD = msgspec.json.Decoder(tuple[str, msgspec.Raw])
_TELLS: dict[str, msgspec.json.Decoder[Any]] = {kind.__name__: msgspec.json.Decoder(kind) for kind in (OrderReport, Fill, Link)}


def _plain(given: Any) -> Any:
    """An input as it is written: what is told carries its kind, and bars are short."""
    if isinstance(given, Heard):
        return [type(given.told).__name__, given.told]
    if isinstance(given, BarsClosed):
        bars = [[*(getattr(one, name) for name in _BAR_FIELDS)] for one in given.bars]
        return {"interval": given.interval, "end_ns": given.end_ns, "bars": bars, "is_warm_up": given.is_warm_up}
    if isinstance(given, Elsewhere):
        records = [[type(one).__name__, one] for one in given.records]
        return {"account": given.account, "number": given.number, "told_ns": given.told_ns, "records": records}
    return given


def _value(kind: str, body: msgspec.Raw) -> Any:
    if kind == "Heard":
        told, inner = _TOLD.decode(body)
        if told not in _TELLS:
            raise Unreadable(f"journal: something told of the kind {told!r}, expected one of {', '.join(_TELLS)}")
        return Heard(_TELLS[told].decode(inner))
    if kind == "BarsClosed":
        found = _BARS.decode(body)
        bars = tuple(
            Bar(one.instrument, _f(one.open), _f(one.high), _f(one.low), _f(one.close), _f(one.volume), one.known_ns) for one in found.bars
        )
        return BarsClosed(found.interval, found.end_ns, bars, found.is_warm_up)
    if kind == "Elsewhere":
        raw = _ELSEWHERE.decode(body)
        return Elsewhere(raw.account, raw.number, raw.told_ns, tuple([_value(*one) for one in raw.records]))
    return _decoder(kind).decode(body)


def _f(value: float | None) -> float:
    return math.nan if value is None else value


@cache
def _decoder(kind: str) -> msgspec.json.Decoder[Any]:
    known = {one.__name__: one for one in (*typing.get_args(words.Input), *typing.get_args(words.Record))}
    if kind not in known:
        raise Unreadable(
            f"journal: an entry of the kind {kind!r}, which this version does not know; expected one of {', '.join(sorted(known))}"
        )
    return msgspec.json.Decoder(known[kind])


_BAR_FIELDS = Bar.__struct_fields__
