"""aiohttp over the network in memory: the real client with its parsers, timeouts and pools, on links instead of sockets."""

from __future__ import annotations

from typing import Any
from weakref import WeakSet

import aiohttp
from aiohttp import ClientConnectorError
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import BaseConnector, Connection

from tradewinds.campaign.loop import PROCESS

KEPT_S = 1e6  # the pool asks the computer's clock, which must decide nothing


class MemoryConnector(BaseConnector):
    """Connects by the loop's own `create_connection`; no names are looked up, no TLS is spoken."""

    allowed_protocol_schema_set = frozenset({"http", "ws", "https", "wss", ""})

    def __init__(self) -> None:
        super().__init__(keepalive_timeout=KEPT_S)
        self._given: WeakSet[Connection] = WeakSet()

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Connection:
        found = await super().connect(req, traces, timeout)
        self._given.add(found)
        return found

    def forget(self) -> None:
        """Its process is dead: nobody will give back what was taken, and nobody shall say so."""
        self._closed = True
        for one in self._given:
            one._protocol = None

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> ResponseHandler:
        try:
            _, protocol = await self._loop.create_connection(self._factory, req.url.host, req.url.port)
        except OSError as error:
            raise ClientConnectorError(req.connection_key, error) from error
        assert isinstance(protocol, ResponseHandler)
        return protocol


def memory_session() -> aiohttp.ClientSession:
    """A session of the running loop; it is forgotten without a word when its process dies."""
    connector = MemoryConnector()
    session = aiohttp.ClientSession(connector=connector)

    def forget() -> None:
        session.detach()
        connector.forget()

    process = PROCESS.get()
    if process is not None:
        process.on_death.append(forget)
    return session
