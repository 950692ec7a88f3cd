"""Proves a stack over stand-ins, from outside, by its one published port: `tools/stack.sh prove`. Exit code 1 where anything does not hold.

1. every container is healthy; 2. the proxy's pages answer over TLS, and a person signs in; 3. the console's live line opens;
4. a night of equities ends well in Airflow's own words, its tasks on both workers; 5. an order on paper by the API is filled at the venue.
Standard library only, so that any Python 3.11 runs it.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import os
import secrets
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

SECRETS = Path(__file__).resolve().parents[1] / "secrets"
PROJECT = "label=com.docker.compose.project=tradewinds"
NIGHT = "equities_nightly_xnys"
SESSIONS = ("2024-01-29", "2024-01-30", "2024-01-31", "2024-02-01", "2024-02-02")  # what the vendors of deploy/standin/firm have
NIGHT_S_MAX, ORDER_S_MAX, LOOK_EVERY_S, ANSWER_S_MAX = 900.0, 120.0, 3.0, 60.0
ORDER = {"account": "venue", "instrument": "BTCUSDT.BINANCE", "side": "buy", "quantity": "0.01"}
PAGES = {"/airflow/": 200, "/mlflow/": 200, "/analytics/health": 200, "/jupyter/api": 200, "/api/v1/health": 200, "/metrics": 404}
ROOT = "/data/caddy/pki/authorities/local/root.crt"


class Unproven(Exception):
    """What was looked for is not so; the text says what was found."""


class Stack:
    """The stack as it is seen from outside."""

    def __init__(self, engine: str, host: str, port: int) -> None:
        self.engine, self.host, self.port = engine, host, port
        root = self.inside("proxy", "cat", ROOT)
        self._tls = ssl.create_default_context(cadata=root)
        # Caddy's own authority says of itself less than Python 3.13 wants to hear.
        self._tls.verify_flags &= ~ssl.VERIFY_X509_STRICT

    def names(self) -> dict[str, str]:
        """Every container of the stack -> how it is."""
        words = ["ps", "--all", "--filter", PROJECT, "--format", "{{.Names}}\t{{.Status}}"]
        return dict(line.split("\t", 1) for line in self._run(*words).splitlines())

    def inside(self, service: str, *words: str) -> str:
        """What a command says in the first container of a service."""
        label = f"label=com.docker.compose.service={service}"
        name = self._run("ps", "--filter", PROJECT, "--filter", label, "--format", "{{.Names}}").partition("\n")[0]
        if not name:
            raise Unproven(f"no container of {service} runs")
        return self._run("exec", name, *words)

    def _run(self, *words: str) -> str:
        done = subprocess.run([self.engine, *words], capture_output=True, text=True, check=False)  # noqa: S603 - the engine that was named
        if done.returncode != 0:
            raise Unproven(f"{self.engine} {' '.join(words[:3])}: {done.stderr.strip()[-300:]}")
        return done.stdout

    def ask(self, verb: str, path: str, body: Any = None, headers: Mapping[str, str] = {}) -> tuple[int, Any, http.client.HTTPMessage]:
        """(status, JSON or text, headers) through the proxy."""
        line = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=ANSWER_S_MAX, context=self._tls)
        line.sock = self._tls.wrap_socket(socket.create_connection(("127.0.0.1", self.port), ANSWER_S_MAX), server_hostname=self.host)
        shown = self.host if self.port == 443 else f"{self.host}:{self.port}"
        sent = {"Host": shown, "Accept": "application/json", **headers}
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            sent["Content-Type"] = "application/json"
        line.request(verb, path, data, sent)
        answer = line.getresponse()
        if answer.status == http.client.SWITCHING_PROTOCOLS:
            line.close()
            return answer.status, "", answer.headers
        text = answer.read().decode(errors="replace")
        line.close()
        try:
            return answer.status, json.loads(text), answer.headers
        except ValueError:
            return answer.status, text, answer.headers

    def told(self, verb: str, path: str, body: Any = None, headers: Mapping[str, str] = {}) -> Any:
        """The JSON of an answer; raises Unproven where it is none that was hoped for."""
        status, found, _ = self.ask(verb, path, body, headers)
        if not 200 <= status < 300:
            raise Unproven(f"{verb} {path}: {status} {str(found)[:300]}, expected 2xx")
        return found


def until(find: Callable[[], Any], what: str, within_s: float) -> Any:
    """What `find` returns as soon as it is something."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        found = find()
        if found:
            return found
        time.sleep(LOOK_EVERY_S)
    raise Unproven(f"{what}: not within {within_s:g} s")


def services(stack: Stack) -> str:
    found = stack.names()
    unwell = {name: how for name, how in found.items() if "(healthy)" not in how and "Exited (0)" not in how}
    if unwell:
        raise Unproven(f"not healthy: {unwell}")
    workers = sum("airflow-worker" in name for name in found)
    if workers < 2:
        raise Unproven(f"{workers} workers, expected two")
    return f"{sum('(healthy)' in how for how in found.values())} containers healthy, {workers} of them workers"


def pages(stack: Stack) -> str:
    there = {name.replace("_", "-") for name in stack.names()}
    absent = [
        path
        for path, service in (("/analytics/health", "superset"), ("/jupyter/api", "jupyter"))
        if not any(service in one for one in there)
    ]
    wrong = {path: got for path, want in PAGES.items() if path not in absent and (got := stack.ask("GET", path)[0]) != want}
    if wrong:
        raise Unproven(f"pages: {wrong}")
    return f"over TLS: {', '.join(path for path in PAGES if path not in absent)}" + (
        f"; not started: {', '.join(absent)}" if absent else ""
    )


def signed_in(stack: Stack) -> dict[str, str]:
    """The headers of a session of the first person, who is an admin."""
    password = stack.inside("console", "cat", "/var/lib/tradewinds/home/admin.password").strip()
    status, told, headers = stack.ask("POST", "/api/v1/session", {"name": "admin", "password": password})
    if status != 200:
        raise Unproven(f"sign-in: {status} {told}, expected 200")
    cookie = headers.get("Set-Cookie", "")
    if "secure" not in cookie.lower() or "httponly" not in cookie.lower():
        raise Unproven(f"the session's cookie is {cookie.partition(';')[2]}, expected it to be Secure and HttpOnly")
    return {"Cookie": cookie.partition(";")[0], "X-CSRF-Token": told["csrf"]}


def live_line(stack: Stack, session: Mapping[str, str]) -> str:
    status, page, _ = stack.ask("GET", "/", headers={**session, "Accept": "text/html"})
    if status != 200 or "nicegui" not in str(page).lower():
        raise Unproven(f"the console's first page: {status}, expected 200 and a page with a live line")
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    shown = stack.host if stack.port == 443 else f"{stack.host}:{stack.port}"
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key,
        "Origin": f"https://{shown}",
    }
    status, said, _ = stack.ask("GET", "/_nicegui_ws/socket.io/?EIO=4&transport=websocket", headers={**session, **upgrade})
    if status != http.client.SWITCHING_PROTOCOLS:
        raise Unproven(f"the console's live line: {status} {str(said)[:200]}, expected 101")
    refused = stack.ask("GET", "/_nicegui_ws/socket.io/?EIO=4&transport=websocket", headers=upgrade)[0]
    return f"first page, live line by WebSocket (without a session: {refused})"


def night(stack: Stack) -> str:
    """Nights of equities until tasks of both workers are among those that ended well."""
    password = json.loads((SECRETS / "airflow_passwords").read_text())["admin"]
    token = stack.told("POST", "/airflow/auth/token", {"username": "admin", "password": password})["access_token"]
    session = {"Authorization": f"Bearer {token}"}
    known = until(lambda: stack.ask("GET", f"/airflow/api/v2/dags/{NIGHT}", headers=session)[0] == 200, f"DAG {NIGHT}", NIGHT_S_MAX)
    assert known
    hosts: dict[str, int] = {}
    lines = []
    for partition in SESSIONS:
        begun = time.monotonic()
        body = {"conf": {"partition": partition}, "logical_date": None, "partition_key": partition}
        place = f"/airflow/api/v2/dags/{NIGHT}/dagRuns"
        number = stack.told("POST", place, body, session)["dag_run_id"]

        def ended(number: str = number) -> Any:
            run = stack.told("GET", f"{place}/{number}", headers=session)
            return run if run["state"] in ("success", "failed") else None

        run = until(ended, f"{NIGHT} {partition}", NIGHT_S_MAX)
        tasks = stack.told("GET", f"{place}/{number}/taskInstances?limit=100", headers=session)["task_instances"]
        states = {f"{one['task_id']}[{one['map_index']}]": one["state"] for one in tasks}
        if run["state"] != "success":
            raise Unproven(f"{NIGHT} {partition}: {run['state']}, {states}")
        for one in tasks:
            if one["state"] == "success" and one["hostname"]:
                hosts[one["hostname"]] = hosts.get(one["hostname"], 0) + 1
        lines.append(f"{partition} success, {sum(state == 'success' for state in states.values())} tasks, {time.monotonic() - begun:.0f} s")
        if len(hosts) > 1:
            break
    if len(hosts) < 2:
        raise Unproven(f"{NIGHT}: every task ran on {hosts}, expected two workers")
    return f"{NIGHT}: {'; '.join(lines)}; tasks by worker: {hosts}"


def order(stack: Stack, session: Mapping[str, str]) -> str:
    trading = until(lambda: [one for one in stack.told("GET", "/api/v1/status", headers=session)["accounts"] if one.get("state") == "trading"],
                    "an account that trades", ORDER_S_MAX)  # fmt: skip
    assert trading
    given = stack.told(
        "POST", "/api/v1/orders", {**ORDER, "reason": "tools/stack.sh prove"}, {**session, "Idempotency-Key": secrets.token_hex(8)}
    )
    number = given["id"]

    def filled() -> Any:
        status, found, _ = stack.ask("GET", f"/api/v1/orders/{number}", headers=session)
        return found if status == 200 and found["fills"] else None

    found = until(filled, f"a fill of {given}", ORDER_S_MAX)
    fills = ", ".join(f"{one['quantity']} at {one['price']}" for one in found["fills"])
    return f"{given['text']}: {given['verdict']}, {found['order']['state']}; fills: {fills}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Prove a stack over stand-ins.")
    parser.add_argument("--engine", default="podman")
    parser.add_argument("--host", default=os.environ.get("TRADEWINDS_HOST", "localhost"))
    parser.add_argument("--port", type=int, default=int(os.environ.get("TRADEWINDS_HTTPS_PORT", "443")))
    given = parser.parse_args()
    begun = time.monotonic()
    wrong = 0
    session: dict[str, str] = {}

    def enter() -> str:
        session.update(signed_in(stack))
        return "admin, by password, over TLS; the cookie is Secure and HttpOnly"

    try:
        stack = Stack(given.engine, given.host, given.port)
    except Unproven as error:
        print(f"NOT PROVEN  stack: {error}")
        return 1
    steps: dict[str, Callable[[], str]] = {
        "services": lambda: services(stack),
        "pages": lambda: pages(stack),
        "sign-in": enter,
        "live line": lambda: live_line(stack, session),
        "order": lambda: order(stack, session),
        "night": lambda: night(stack),
    }
    for name, step in steps.items():
        try:
            print(f"proven  {name}: {step()}", flush=True)
        except (Unproven, OSError, KeyError, http.client.HTTPException) as error:
            wrong += 1
            print(f"NOT PROVEN  {name}: {type(error).__name__}: {error}", flush=True)
    print(f"{'proven' if not wrong else f'{wrong} not proven'} after {time.monotonic() - begun:.0f} s")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
