"""The real HTTP and WebSocket client over links in memory, with and without faults."""

from __future__ import annotations

from collections.abc import Callable

import aiohttp
import pytest

from tradewinds.campaign.chaos import KINDS, Chaos
from tradewinds.campaign.loop import VirtualLoop, run_virtually
from tradewinds.campaign.network import Network
from tradewinds.campaign.record import Record
from tradewinds.campaign.sessions import memory_session
from tradewinds.campaign.web import Front
from tradewinds.sandbox.conversation import Answer, Question


class Echo:
    """A venue that says what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def answer(self, question: Question) -> Answer:
        self.asked.append(question.path)
        return Answer(200, f"{question.method} {question.path}?{question.query} {question.body.decode()}".encode())

    def talk(self, question: Question, send: Callable[[bytes], None], close: Callable[[], None]) -> EchoTalk:
        return EchoTalk(send)


class EchoTalk:
    def __init__(self, send: Callable[[bytes], None]) -> None:
        self.send = send

    def received(self, data: bytes) -> None:
        self.send(b"heard " + data)

    def closed(self) -> None:
        """Nothing to let go of."""


def _front(loop: VirtualLoop, kind: str | None = None) -> tuple[Echo, Chaos]:
    chaos = Chaos(1, Record(loop.now_ns))
    chaos.chances = {one: 1.0 if one == kind else 0.0 for one in KINDS}
    echo = Echo()
    Network(loop, chaos, "venue", Front(echo, loop, chaos, "/api").connection)
    return echo, chaos


def test_a_request_and_its_answer_travel_and_take_time() -> None:
    async def main(loop: VirtualLoop) -> tuple[int, str, float]:
        _front(loop)
        async with memory_session() as session, session.post("http://venue/api/orders?a=1", data=b"hello") as answer:
            return answer.status, await answer.text(), loop.time()

    status, text, seconds = run_virtually(main, VirtualLoop())

    assert (status, text) == (200, "POST /orders?a=1 hello")
    assert 0.004 < seconds < 0.2


def test_messages_of_a_websocket_travel_both_ways() -> None:
    async def main(loop: VirtualLoop) -> str:
        _front(loop)
        async with memory_session() as session, session.ws_connect("ws://venue/api/stream") as talk:
            await talk.send_str("x" * 70_000)
            return str((await talk.receive()).data)

    assert run_virtually(main, VirtualLoop()) == "heard " + "x" * 70_000


@pytest.mark.parametrize(
    ("kind", "was_done"), [("timeout_accepted", True), ("timeout_not_accepted", False), ("partial_answer", True), ("throttled", False)]
)
def test_a_fault_strikes_the_answer_and_is_counted(kind: str, was_done: bool) -> None:
    async def main(loop: VirtualLoop) -> tuple[list[str], int]:
        echo, chaos = _front(loop, kind)
        timeout = aiohttp.ClientTimeout(total=5)
        async with memory_session() as session:
            try:
                async with session.get("http://venue/api/time", timeout=timeout) as answer:
                    body = await answer.text()
                    assert answer.status == 429 or body != "GET /time? "
            except (TimeoutError, aiohttp.ClientError):
                pass
        return echo.asked, chaos.record.faults[kind]

    asked, struck = run_virtually(main, VirtualLoop())

    # aiohttp asks once more where a connection ended before anything was answered
    assert set(asked) == ({"/time"} if was_done else set())
    assert struck == max(1, len(asked))
