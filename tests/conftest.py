"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest

if TYPE_CHECKING:
    from tradewinds.stores.embedded_postgres import EmbeddedPostgres
    from tradewinds.stores.ledger import Ledger

Answerer = Callable[[dict[str, str], dict[str, str]], tuple[int, bytes, dict[str, str]]]

# Processes that tests start with a home of their own find the code that this user compiled before.
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tradewinds"))

_SHARED = Path(os.environ.get("TRADEWINDS_SHARED_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recorded market data beside the checkout; the test skips where it is absent."""
    if not (_SHARED / "README.md").is_file():
        pytest.skip(f"recorded data is absent: no {_SHARED.parent.name}/{_SHARED.name} beside the checkout")
    return _SHARED


class LocalVenue:
    """A real HTTP server on a free port of this machine. A path answers what it was told, in turn; the last answer repeats."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self._answers: dict[str, list[Answerer]] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = dict(parse_qsl(parts.query, keep_blank_values=True))
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.asked.append((parts.path, query, headers))
                queue = outer._answers.get(parts.path) or [lambda *_: (404, b"nothing here", {})]
                answerer = queue.pop(0) if len(queue) > 1 else queue[0]
                status, body, extra = answerer(query, headers)
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | extra).items():
                    if value:
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, path: str, body: bytes | str | Answerer, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """Answer GETs of `path` with this, after what it was told before; a function answers from (query, headers)."""
        if callable(body):
            self._answers.setdefault(path, []).append(body)
            return
        content = body.encode() if isinstance(body, str) else body
        self._answers.setdefault(path, []).append(lambda *_: (status, content, dict(headers or {})))

    def forget(self, path: str) -> None:
        self._answers.pop(path, None)

    def paths(self) -> list[str]:
        return [path for path, _, _ in self.asked]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def venue() -> Iterator[LocalVenue]:
    """A venue of one's own for a test."""
    server = LocalVenue()
    yield server
    server.close()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A private PostgreSQL for the tests of this process (mark them `postgres`); the test skips where it cannot run."""
    from tradewinds.stores.embedded_postgres import EmbeddedPostgres

    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres") / "server", durable=False)
    obstacle = server.obstacle()
    if obstacle is not None:
        pytest.skip(obstacle)
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger, once on SQLite and once on PostgreSQL."""
    import sqlalchemy as sa

    from tradewinds.stores.ledger import Ledger
    from tradewinds.stores.ledger_schema import metadata

    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    else:
        server = request.getfixturevalue("postgres")
        server.create_database("ledger")
        url = server.url("ledger")
    with Ledger(url) as made:
        made.migrate()
        with made.database.writing("emptying") as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(sa.delete(table))
        yield made
