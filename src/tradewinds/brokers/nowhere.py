"""HTTP sessions whose connections end within this process: what is asked over them reaches nobody.

A rehearsal sends by such a session: the client works as it does at a venue, down to the socket, and no address exists that an order could
reach. Every request is answered with an empty JSON object.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import BaseConnector

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
KEPT_S = 1e6  # there is nobody who could close it


def session_to_nowhere() -> aiohttp.ClientSession:
    """A session of the running loop that no byte leaves."""
    return aiohttp.ClientSession(connector=_Nowhere())


class _Nowhere(BaseConnector):
    """Connects every address to a socket of its own; no names are looked up, no TLS is spoken."""

    allowed_protocol_schema_set = frozenset({"http", "https", ""})

    def __init__(self) -> None:
        super().__init__(keepalive_timeout=KEPT_S)

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> ResponseHandler:
        ours, theirs = socket.socketpair()
        for one in (ours, theirs):
            one.setblocking(False)
        await self._loop.create_connection(_Answering, sock=theirs)
        _, protocol = await self._loop.create_connection(self._handler, sock=ours)
        return protocol

    def _handler(self) -> ResponseHandler:
        return ResponseHandler(self._loop)


class _Answering(asyncio.Protocol):
    """The other end: whatever arrives at once counts as one request."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(ANSWER)
