"""The API under load: reads of 1,000 bars with authentication, limits, metrics and traces on, beside a bare FastAPI of the same run.

1. stub: FastAPI on uvicorn that gives the same bytes from memory to whoever asks, the floor of everything built on them.
2. cached: our API where the same answers were made before; computed: where each is cut from columns in memory and encoded anew.
3. Each server and the load are processes of their own; rounds take turns, medians count. A sink takes the traces.
4. users: 200 connections that ask twice a second, with 20 live streams that something happens on four times a second.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from benchmarks.api_server import PATH

COMPUTED_MIN = 0.15
CACHED_MIN = 0.4
CONNECTIONS = 16
USERS = 200
STREAMS = 20
STARTS = [f"2024-01-{day:02d}T{hour:02d}:00:00Z" for day in range(2, 26) for hour in (0, 8, 16)]


def run(quick: bool = False) -> dict[str, object]:
    """Figures, peers and reaches. quick: one round of a second each."""
    rounds, seconds = (1, 1.0) if quick else (5, 3.0)
    paths = [PATH + start for start in STARTS]
    with tempfile.TemporaryDirectory(prefix="bench-api-") as folder, ExitStack() as stack:
        collector = stack.enter_context(sink())
        first = stack.enter_context(_server("cached", folder, collector))
        (Path(folder) / "body.json").write_bytes(_body(first, paths[0]))
        servers = {"cached": first, "computed": stack.enter_context(_server("computed", folder, collector))}
        servers["stub"] = stack.enter_context(_server("stub", folder, collector))
        found: dict[str, list[dict[str, float]]] = {name: [] for name in servers}
        for _ in range(rounds):
            for name, server in servers.items():
                found[name].append(_load(server, paths, connections=CONNECTIONS, seconds=seconds))
        users = _load(first, paths, connections=USERS, seconds=seconds * 2, streams=STREAMS, pace_s=0.5)
        hammered = _load(first, paths, connections=USERS, seconds=seconds, streams=STREAMS)
        size = len((Path(folder) / "body.json").read_bytes())
    return _figures({name: median(one["per_s"] for one in rows) for name, rows in found.items()}, users, hammered, size)


def _figures(per_s: dict[str, float], users: dict[str, float], hammered: dict[str, float], size: int) -> dict[str, object]:
    computed, cached = per_s["computed"] / per_s["stub"], per_s["cached"] / per_s["stub"]
    return {
        "figures": {
            "cached_per_s": per_s["cached"], "computed_per_s": per_s["computed"], "cached_of_stub": cached, "computed_of_stub": computed,
            "body_bytes": size, "users": USERS, "users_per_s": users["per_s"], "users_p50_ms": users["p50_ms"],
            "users_p99_ms": users["p99_ms"], "streams": STREAMS, "events_heard": users["events"],
            "closed_loop_200_per_s": hammered["per_s"], "closed_loop_200_p99_ms": hammered["p99_ms"],
        },
        "peers": {"stub_per_s": per_s["stub"]},
        "reach": {
            "computed": {"ratio": computed, "min": COMPUTED_MIN, "met": computed >= COMPUTED_MIN},
            "cached": {"ratio": cached, "min": CACHED_MIN, "met": cached >= CACHED_MIN},
        },
    }  # fmt: skip


@contextmanager
def _server(mode: str, folder: str, collector: str) -> Iterator[dict[str, Any]]:
    environment = os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": collector}
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.api_server", mode, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.stdin.close()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def sink() -> Iterator[str]:
    """Takes traces and forgets them."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def _body(server: dict[str, Any], path: str) -> bytes:
    answer = httpx.get(
        f"http://127.0.0.1:{server['port']}{path}", headers={"Authorization": f"Bearer {server['token']}"}, timeout=30, trust_env=False
    )
    answer.raise_for_status()
    return answer.content


def _load(server: dict[str, Any], paths: list[str], **given: Any) -> dict[str, float]:
    asked = json.dumps({**server, "paths": paths, **given})
    done = subprocess.run([sys.executable, "-m", "benchmarks.api_load", asked], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    if "failed" in found:
        raise RuntimeError(f"load: {found['failed']}")
    return found
