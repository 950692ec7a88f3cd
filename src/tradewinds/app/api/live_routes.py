"""Live values as server-sent events: orders, fills and positions as the ledger follows the journals.

    id: 4711                 the sequence of the account's journal; sent back as Last-Event-ID, nothing is missed
    event: changes
    data: {"account": "main", "orders": [...], "fills": [...], "positions": [...], "events": [...]}

1. One task looks for all readers at how far the ledger is, every LOOK_EVERY_S, while there is a reader.
2. A reader that does not keep up is let go of; it comes back with its last id. Whose token ended is let go of, too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response, StreamingResponse

from tradewinds.app.api.answer import plain
from tradewinds.app.api.arguments import Text
from tradewinds.app.api.problem import TOO_MANY, problem
from tradewinds.app.api.route import GuardedRoute, house_of, needs, principal_of
from tradewinds.core.errors import Rejected, TradewindsError
from tradewinds.wiring.accounts import account_of
from tradewinds.wiring.desk import trade
from tradewinds.wiring.desk.sign_in import who

if TYPE_CHECKING:
    from tradewinds.app.api.watch import Watch
    from tradewinds.wiring.house import House

router = APIRouter(route_class=GuardedRoute, tags=["trading"])

LOOK_EVERY_S = 0.25
QUIET_S = 15.0
WAITING_MAX = 100
READERS_OF_ONE_MAX = 20
READERS_MAX = 1_000
FOR_S_MAX = 86_400
_log = logging.getLogger(__name__)

_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A stream of events that does not end.",
        "content": {
            "text/event-stream": {"schema": {"type": "string"}, "example": 'id: 4711\nevent: changes\ndata: {"account": "main"}\n\n'}
        },
    }
}


class Newsroom:
    """Looks at the ledger once for all readers."""

    def __init__(self, house: House, watch: Watch, *, every_s: float = LOOK_EVERY_S) -> None:
        self._house = house
        self._watch = watch
        self._every_s = every_s
        self._readers: dict[asyncio.Queue[bytes | None], tuple[str, str | None]] = {}
        self._task: asyncio.Task[None] | None = None
        self._seen: dict[str, int] | None = None  # how far each account was at the last look

    def readers_of(self, person: str) -> int:
        """How many streams somebody reads."""
        return sum(one == person for one, _ in self._readers.values())

    @property
    def readers(self) -> int:
        return len(self._readers)

    def enter(self, person: str, account: str | None) -> asyncio.Queue[bytes | None]:
        """A queue of events; None in it is the end."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(WAITING_MAX)
        self._readers[queue] = (person, account)
        self._watch.streams.set(len(self._readers))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look())
        return queue

    def leave(self, queue: asyncio.Queue[bytes | None]) -> None:
        """Nothing more for this one."""
        self._readers.pop(queue, None)
        self._watch.streams.set(len(self._readers))

    async def _look(self) -> None:
        """While anybody reads: what changed since the last look goes to everybody who wants it."""
        self._seen = None
        while self._readers:
            try:
                marks = await asyncio.to_thread(trade.marks, self._house)
                for account, mark in marks.items():
                    before = mark if self._seen is None else self._seen.get(account, 0)
                    if mark > before:
                        self._tell(account, await asyncio.to_thread(event_of, self._house, account, before, mark))
                self._seen = marks
            except TradewindsError as error:  # the ledger is away: the next look finds what was missed
                _log.warning("live values: %s", error)
            await asyncio.sleep(self._every_s)

    def _tell(self, account: str, event: bytes) -> None:
        for queue, (_, wanted) in list(self._readers.items()):
            if wanted not in (None, account):
                continue
            if queue.full():
                self.leave(queue)
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(None)
            else:
                queue.put_nowait(event)


def event_of(house: House, account: str, after: int, mark: int) -> bytes:
    """What changed on an account since a mark, as one event."""
    data = orjson.dumps(plain({"account": account, **trade.changes(house, account, after)}))
    return b"id: %d\nevent: changes\ndata: %s\n\n" % (mark, data)


@router.get("/live", openapi_extra=needs("read:trade"), responses=_ANSWERS)
async def live(
    request: Request,
    account: Text = None,
    last_event_id: Annotated[str | None, Header(max_length=40)] = None,
    for_s: Annotated[int, Query(ge=1, le=FOR_S_MAX, description="The stream ends after so many seconds.")] = FOR_S_MAX,
) -> Response:
    """Orders, fills and positions as they change, as server-sent events; with Last-Event-ID and an account, from there on."""
    house, principal = house_of(request), principal_of(request)
    newsroom: Newsroom = request.app.state.newsroom
    if account is not None:
        account_of(house.config, account)
    since = _since(last_event_id)
    if newsroom.readers_of(principal.person) >= READERS_OF_ONE_MAX or newsroom.readers >= READERS_MAX:
        why = f"live: {principal.person} reads {READERS_OF_ONE_MAX} streams already, or all together too many"
        return problem(TOO_MANY, why, request.scope["state"]["request_id"], wait_s=5.0)
    queue = newsroom.enter(principal.person, account)
    stream = _stream(house, newsroom, queue, (account, since), request.scope["state"]["secret"], for_s)
    return StreamingResponse(stream, 200, {"X-Accel-Buffering": "no"}, "text/event-stream")


async def _stream(
    house: House, newsroom: Newsroom, queue: asyncio.Queue[bytes | None], begin: tuple[str | None, int | None], secret: str, for_s: int
) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    ends = loop.time() + for_s
    try:
        yield b"retry: 2000\n\n"
        account, since = begin
        if account is not None and since is not None:
            mark = (await asyncio.to_thread(trade.marks, house)).get(account, 0)
            if mark > since:
                yield await asyncio.to_thread(event_of, house, account, since, mark)
        checked = loop.time()
        while (left := ends - loop.time()) > 0:
            if loop.time() - checked >= QUIET_S:
                checked = loop.time()
                await asyncio.to_thread(who, house, secret)  # raises where it ended meanwhile
            try:
                event = await asyncio.wait_for(queue.get(), min(QUIET_S, left))
            except TimeoutError:
                yield b": still here\n\n"
                continue
            if event is None:
                return
            yield event
    except Rejected:
        return
    finally:
        newsroom.leave(queue)


def _since(last: str | None) -> int | None:
    if last is None or not last:
        return None
    if not last.isascii() or not last.isdigit() or len(last) > 18:
        raise Rejected(f"Last-Event-ID: {last[:40]!r}, expected the id of an event")
    return int(last)
