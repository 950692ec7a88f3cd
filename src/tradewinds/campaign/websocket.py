"""WebSocket frames at the venue's end of a link (RFC 6455): text out, text in, pings answered. No extensions."""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Iterator

TEXT, CLOSE, PING, PONG, CONTINUATION = 0x1, 0x8, 0x9, 0xA, 0x0
_FINAL, _MASKED = 0x80, 0x80
_TWO_BYTES, _EIGHT_BYTES = 126, 127
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def accepted(key: str) -> str:
    """What the server answers to the client's Sec-WebSocket-Key."""
    return base64.b64encode(hashlib.sha1((key + _GUID).encode(), usedforsecurity=False).digest()).decode()


def frame(payload: bytes, code: int = TEXT) -> bytes:
    """One unmasked frame, as servers send them."""
    size = len(payload)
    if size < _TWO_BYTES:
        return bytes((_FINAL | code, size)) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", _FINAL | code, _TWO_BYTES, size) + payload
    return struct.pack("!BBQ", _FINAL | code, _EIGHT_BYTES, size) + payload


class Frames:
    """Bytes of a client in, whole messages out."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._parts: list[bytes] = []

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """(code, payload) of every message that is complete."""
        self._bytes += data
        while True:
            found = self._next()
            if found is None:
                return
            is_final, code, payload = found
            if code in (CLOSE, PING, PONG):
                yield code, payload
                continue
            self._parts.append(payload)
            if is_final:
                yield TEXT, b"".join(self._parts)
                self._parts.clear()

    def _next(self) -> tuple[bool, int, bytes] | None:
        raw = self._bytes
        if len(raw) < 2:
            return None
        size, begin = raw[1] & 0x7F, 2
        if size == _TWO_BYTES:
            begin = 4
            size = int.from_bytes(raw[2:4], "big") if len(raw) >= begin else 0
        elif size == _EIGHT_BYTES:
            begin = 10
            size = int.from_bytes(raw[2:10], "big") if len(raw) >= begin else 0
        key = b""
        if raw[1] & _MASKED:
            key, begin = bytes(raw[begin : begin + 4]), begin + 4
        if len(raw) < begin + size:
            return None
        payload = bytes(raw[begin : begin + size])
        if key:
            mask = (key * (size // 4 + 1))[:size]
            payload = (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(size, "big")
        first = raw[0]
        del raw[: begin + size]
        return bool(first & _FINAL), first & 0x0F, payload
