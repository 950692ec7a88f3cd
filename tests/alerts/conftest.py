"""A house whose clock a test moves, and receivers of messages: real HTTP servers on the loopback, some of them flaky."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tradewinds.core.instant import parse
from tradewinds.wiring.alerting import AlertDesk, alert_desk
from tradewinds.wiring.house import House
from tradewinds.wiring.settings import load_config

NOW = "2026-11-20T12:00:00Z"


@dataclass
class MovedClock:
    """Stands until it is moved."""

    at_ns: int

    def now_ns(self) -> int:
        return self.at_ns

    def move(self, seconds: float) -> None:
        self.at_ns += int(seconds * 1e9)

    def set(self, text: str) -> None:
        self.at_ns = parse(text)


class Receiver:
    """A webhook. `answers`: what the next POSTs are answered, a status, `hang up`, which takes the message and gives no
    answer, or `hold`, which does so and waits; then 200.

    accepted: the messages that were answered with 200, or taken without an answer. tries: every POST.
    """

    def __init__(self) -> None:
        self.answers: list[int | str] = []
        self.accepted: list[dict[str, Any]] = []
        self.tries: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.released = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.tries.append(told)
                outer.paths.append(self.path)
                answer = outer.answers.pop(0) if outer.answers else 200
                if answer in (200, "hang up", "hold"):
                    outer.accepted.append(told)
                if answer == "hold":
                    outer.released.wait(60)
                if answer in ("hang up", "hold"):
                    self.close_connection = True
                    return
                assert isinstance(answer, int)
                self.send_response(answer)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """As Apprise names it; its path is what must not be seen anywhere."""
        return f"json://127.0.0.1:{self._server.server_port}/canary-secret-path"

    @property
    def titles(self) -> list[str]:
        return [one["title"] for one in self.accepted]

    @property
    def texts(self) -> list[str]:
        return [one["message"] for one in self.accepted]

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock(parse(NOW))


@pytest.fixture
def make_receiver() -> Iterator[Callable[[], Receiver]]:
    """As many receivers as a test wants."""
    made: list[Receiver] = []

    def make() -> Receiver:
        made.append(Receiver())
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def receiver(make_receiver: Callable[[], Receiver]) -> Receiver:
    return make_receiver()


@pytest.fixture
def make_house(tmp_path: Path, clock: MovedClock) -> Iterator[Callable[..., House]]:
    """A house of this configuration; its home is below the test's folder and its clock the moved one."""
    made: list[House] = []

    def make(config: str = "{}") -> House:
        place = tmp_path / "tradewinds.yaml"
        place.write_text(f"home: {tmp_path / 'home'}\n{config}")
        made.append(House(load_config(place, {}), clock=clock))
        made[-1].ledger.migrate()
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def make_desk() -> Iterator[Callable[..., tuple[AlertDesk, list[str]]]]:
    """The desk of a house with these receivers as routes, and what it says."""
    made: list[AlertDesk] = []

    def make(house: House, *, scans: bool = False, **receivers: Receiver) -> tuple[AlertDesk, list[str]]:
        said: list[str] = []
        environment = {f"TRADEWINDS_ALERTS__ROUTES__{name.upper()}__URL": one.address for name, one in receivers.items()}
        made.append(alert_desk(house, say=said.append, environment=environment, scans=scans))
        return made[-1], said

    yield make
    for one in made:
        one.close()


@pytest.fixture
def run(clock: MovedClock) -> Callable[..., None]:
    """Let a desk work for so many seconds of the moved clock, a step each second, and let what is sent arrive."""

    def go(desk: AlertDesk, seconds: int = 1) -> None:
        for _ in range(seconds):
            desk.step()
            desk.rest()
            clock.move(1)

    return go


@pytest.fixture
def make_sender() -> Callable[[str], object]:
    """The sender of route `hook` at an address."""
    from tradewinds.wiring.alerting import sender_of

    return lambda address: sender_of("hook", {"TRADEWINDS_ALERTS__ROUTES__HOOK__URL": address})
