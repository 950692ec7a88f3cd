"""The journal's codec: entries to bytes and back, chained by hash so that tampering shows. Pure; `stores/journal.py` keeps the bytes.

1. A value becomes JSON with its class under "is"; Decimals become text, enums their value.
2. hash(n) = SHA-256(hash(n-1) + sequence + bytes(n)); the first follows 32 zero bytes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from functools import cache, lru_cache
from typing import Any, Protocol

from tradewinds.core import account, broker, order
from tradewinds.core.errors import Unreadable
from tradewinds.trading import entry as words
from tradewinds.trading.entry import Entry

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
    return json.dumps(_plain(entry), separators=(",", ":"), ensure_ascii=False).encode()


def decode(body: bytes) -> Entry:
    """The entry; raises Unreadable for what is none."""
    try:
        found = _value(json.loads(body), Entry)
    except (ValueError, KeyError, TypeError, ArithmeticError) as error:
        raise Unreadable(f"journal entry {body[:80]!r}: {type(error).__name__} {error}, expected an entry") from error
    assert isinstance(found, Entry)
    return found


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {"is": type(value).__name__} | {name: _plain(getattr(value, name)) for name in _fields(type(value))}
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in sorted(value.items())}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value


def _value(given: Any, kind: Any) -> Any:
    if isinstance(given, dict) and "is" in given:
        made = _classes()[given["is"]]
        hints = _hints(made)
        return made(**{name: _value(given[name], hints[name]) for name in _fields(made) if name in given})
    origin = typing.get_origin(kind)
    if given is None:
        return None
    if origin in (typing.Union, types.UnionType):
        return _value(given, next(one for one in typing.get_args(kind) if one is not type(None)))
    if kind is Decimal:
        return Decimal(given)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(given)
    if isinstance(given, list):
        return tuple(_value(one, typing.get_args(kind)[0]) for one in given)
    if isinstance(given, dict):
        return {key: _value(one, typing.get_args(kind)[1]) for key, one in given.items()}
    return given


@lru_cache(maxsize=1)
def _classes() -> dict[str, type]:
    rooms = (words, broker, account, order)
    return {name: one for room in rooms for name, one in vars(room).items() if isinstance(one, type) and dataclasses.is_dataclass(one)}


@cache
def _fields(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)
