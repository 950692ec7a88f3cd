"""The messages of baostock's own protocol, as its public client (0.9.4) writes and reads them.

    question   header, body, \\1, CRC-32 of header and body in decimal, newline
    answer     header, body (zlib for bars), <![CDATA[]]>, newline
    header     client version (7 characters), \\1, message type (2), \\1, length of the body (10 digits)
    body       fields parted by \\1; an answer begins with an error code ("0" is success) and its text

The answer to a query has method, user, page, page size, {"record": [[...]]}, ..., column names in its fields.
The public client is not used: it holds one global connection, prints, never gives the bytes, and loops for ever when the server hangs up.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from tradewinds.core.errors import Missing, Rejected, TradewindsError, Transient, Unreadable

VERSION = "00.9.40"
PART = "\1"
END = b"<![CDATA[]]>\n"
HEADER_BYTES = 21
LOGIN, LOGOUT, BARS, DIVIDENDS = "00", "02", "95", "13"
COMPRESSED = ("96",)
SUCCESS = "0"
INFLATED_BYTES_MAX = 256 << 20
# Where the answer keeps its column names: behind code (bars), or behind code, year and kind of year (dividends).
FIELDS_AT = {"96": 8, "14": 10}
RECORDS_AT = 6
_PASSING = ("10001005", "10002", "10004001", "10004002", "10005")
_ABSENT = ("10004011", "10004013", "10004015")
_OUTDATED = "10001004"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer taken apart: its type and the fields of its body."""

    kind: str
    parts: Sequence[str]


def question(kind: str, parts: Sequence[str], version: str = VERSION) -> bytes:
    """The bytes of a question."""
    body = PART.join(parts)
    text = f"{version}{PART}{kind}{PART}{len(body):010d}{body}"
    return f"{text}{PART}{zlib.crc32(text.encode())}\n".encode()


def answer(content: bytes, what: str) -> Answer:
    """The parts of an answer's bytes; raises Unreadable where they are none, whatever error they carry."""
    header = content[:HEADER_BYTES].decode("ascii", "replace").split(PART)
    if not content.endswith(END) or len(header) != 3 or not header[2].isdigit():
        raise Unreadable(f"{what}: {len(content)} bytes beginning {content[:HEADER_BYTES]!r}, expected an answer of the protocol")
    kind, length = header[1], int(header[2])
    body = content[HEADER_BYTES : -len(END)]
    if kind in COMPRESSED:
        body = _inflated(body[:length], what)
    try:
        return Answer(kind, body.decode().split(PART))
    except UnicodeDecodeError as error:
        raise Unreadable(f"{what}: {error}, expected text") from None


def refusal(found: Answer, what: str) -> TradewindsError | None:
    """The error that an answer carries, None for success."""
    code = found.parts[0]
    if code == SUCCESS:
        return None
    said = f"{what}: error {code} {' '.join(found.parts[1:2])}"
    if code.startswith(_PASSING):
        return Transient(f"{said}, expected success")
    if code.startswith(_ABSENT):
        return Missing(f"{said}, expected it to exist")
    if code == _OUTDATED:
        return Rejected(f"{said}, expected the client version that the server wants in the option client_version")
    return Rejected(f"{said}, expected success")


def table(found: Answer, what: str) -> tuple[list[str], list[list[str]]]:
    """(column names, rows) of the answer to a query."""
    at = FIELDS_AT.get(found.kind)
    if at is None or len(found.parts) <= at:
        raise Unreadable(f"{what}: an answer of type {found.kind!r} with {len(found.parts)} fields, expected rows")
    names = [name.strip() for name in found.parts[at].split(",")]
    told = found.parts[RECORDS_AT].strip()
    try:
        rows = json.loads(told)["record"] if told else []
    except (ValueError, KeyError, TypeError):
        raise Unreadable(f"{what}: records {told[:80]!r}, expected JSON with a list under record") from None
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, list) or len(row) != len(names) or not all(isinstance(cell, str) for cell in row):
            raise Unreadable(f"{what} row {number}: {str(row)[:120]}, expected {len(names)} cells of text")
    return names, rows


def _inflated(body: bytes, what: str) -> bytes:
    inflate = zlib.decompressobj()
    try:
        plain = inflate.decompress(body, INFLATED_BYTES_MAX)
    except zlib.error as error:
        raise Unreadable(f"{what}: body of {len(body)} bytes ({error}), expected zlib") from None
    if not inflate.eof:
        raise Unreadable(f"{what}: body of {len(body)} bytes ends early or is over {INFLATED_BYTES_MAX}, expected a whole one")
    return plain
