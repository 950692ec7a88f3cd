"""Questions and answers over TCP: whole ones, cut ones, endless ones."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator

import pytest

from tradewinds.core.errors import Transient, Unreadable
from tradewinds.wire.conversation import Conversation, Patience


@pytest.fixture
def port() -> Iterator[int]:
    """A server that answers `cut`, `flood` and, to anything else, the question itself with the mark."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for line in self.rfile:
                if line == b"cut\n":
                    self.wfile.write(b"half an ans")
                    return
                self.wfile.write(b"x" * 5000 if line == b"flood\n" else line.strip() + b"END")

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


def test_several_questions_are_answered_on_one_connection(port: int) -> None:
    with Conversation("127.0.0.1", port, end=b"END", what="t") as line:
        assert [line.ask(b"one\n"), line.ask(b"two\n")] == [b"oneEND", b"twoEND"]


def test_a_connection_closed_within_an_answer_is_transient(port: int) -> None:
    with (
        Conversation("127.0.0.1", port, end=b"END", what="bars of A") as line,
        pytest.raises(Transient, match=r"bars of A: closed by 127.0.0.1 after 11 bytes, expected a whole answer"),
    ):
        line.ask(b"cut\n")


def test_an_answer_without_end_is_refused_at_its_largest_size(port: int) -> None:
    with (
        Conversation("127.0.0.1", port, end=b"END", what="t", patience=Patience(answer_bytes_max=1000)) as line,
        pytest.raises(Unreadable, match=r"t: over 1000 bytes"),
    ):
        line.ask(b"flood\n")
