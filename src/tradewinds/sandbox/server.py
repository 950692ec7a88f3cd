"""Starting and stopping the local venues: in a thread of this process, or in a process of their own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from types import TracebackType
from typing import Any, cast

from tradewinds.core.errors import Invariant, Transient
from tradewinds.sandbox.application import application, environment_of, make_world, urls_of
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.tws import Book, TwsListener, gateway_of
from tradewinds.sandbox.world import World

START_S_MAX = 30.0
STOP_S_MAX = 10.0
_BACKLOG = 512
PING_S, PONG_S = 20.0, 60.0


class Sandbox:
    """The local venues in a thread. `with Sandbox(config) as venues: venues.urls["binance_rest"]`."""

    def __init__(self, config: SandboxConfig | None = None, *, world: World | None = None) -> None:
        self.config = config or SandboxConfig()
        self._given = world
        self._world: World | None = None
        self._server: Any = None
        self._thread: threading.Thread | None = None
        self._socket: socket.socket | None = None
        self._tws: TwsListener | None = None
        self.urls: dict[str, str] = {}

    @property
    def world(self) -> World:
        """Clock, faults and counters of the running venues."""
        if self._world is None:
            raise Invariant("sandbox: not started, expected start() before its world is used")
        return self._world

    @property
    def tws(self) -> TwsListener:
        """The local TWS; `call` does something to its gateway."""
        if self._tws is None:
            raise Invariant("sandbox: not started, expected start() before its TWS is used")
        return self._tws

    @property
    def environment(self) -> dict[str, str]:
        """The settings that point Tradewinds at these venues."""
        return environment_of(self.urls)

    def start(self) -> Sandbox:
        """Bind, serve, and return once requests are answered."""
        self._prepare()
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, name="sandbox", daemon=True)
        self._thread.start()
        waited = threading.Event()
        for _ in range(int(START_S_MAX / 0.01)):
            if self._server.started:
                return self
            if not self._thread.is_alive():
                break
            waited.wait(0.01)
        self.stop()
        raise Transient(f"sandbox on {self.config.host}: did not answer within {START_S_MAX} s")

    def serve(self) -> None:
        """Serve in this thread until a signal or `stop`."""
        if self._server is None:
            self._prepare()
        self._server.run(sockets=[self._socket])
        self._close()

    def bind(self) -> Sandbox:
        """Take the port and know the addresses, without serving yet."""
        self._prepare()
        return self

    def request_stop(self) -> None:
        """Ask the server to end soon; for another thread than the one that serves."""
        if self._server is not None:
            self._server.should_exit = True

    def stop(self) -> None:
        """End every connection and the thread; stopping twice is no error."""
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(STOP_S_MAX)
            if self._thread.is_alive():
                self._server.force_exit = True
                self._thread.join(STOP_S_MAX)
            self._thread = None
        self._close()

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _prepare(self) -> None:
        import uvicorn

        if self._socket is not None:
            raise Invariant("sandbox: already started, expected one start")
        try:
            self._socket = _listening(self.config.host, self.config.port)
        except OSError as error:
            raise Transient(
                f"sandbox: cannot listen on {self.config.host}:{self.config.port} ({error.strerror}), expected a free port"
            ) from None
        host, port = self._socket.getsockname()[:2]
        self.urls = urls_of(f"http://{host}:{port}")
        self._world = self._given or make_world(self.config)
        self._tws = TwsListener(gateway_of(self._world), self.config.host).start()
        self.urls["tws"] = self._tws.address
        self._world.trading["tws"] = cast(Any, Book(self._tws))
        settings = uvicorn.Config(
            application(self._world, self.urls),
            log_level="critical",
            access_log=False,
            lifespan="off",
            ws="websockets-sansio",
            ws_ping_interval=PING_S,
            ws_ping_timeout=PONG_S,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(settings)

    def _close(self) -> None:
        if self._tws is not None:
            self._tws.stop()
            self._tws = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._server = None


class SandboxProcess:
    """The local venues in a process of their own; they end with it, or when this process's end of their input closes."""

    def __init__(self, config: SandboxConfig | None = None) -> None:
        self.config = config or SandboxConfig()
        self._process: subprocess.Popen[str] | None = None
        self.urls: dict[str, str] = {}

    @property
    def environment(self) -> dict[str, str]:
        """The settings that point Tradewinds at these venues."""
        return environment_of(self.urls)

    @property
    def pid(self) -> int | None:
        """The process, None while it does not run."""
        return self._process.pid if self._process else None

    def start(self) -> SandboxProcess:
        """Start the process and return once it says where it listens."""
        command = [sys.executable, "-m", "tradewinds.sandbox", "--config", "-", "--json"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ))  # noqa: S603 - our own module
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(self.config.to_json() + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self.stop()
            raise Transient("sandbox process: ended before it listened, expected its addresses")
        self.urls = json.loads(line)["urls"]
        return self

    def stop(self) -> None:
        """Close its input, which ends it; kill it if it does not."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_S_MAX)
        process.stdout.close()

    def __enter__(self) -> SandboxProcess:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening
