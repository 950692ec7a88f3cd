"""`tradewinds console`: the API under /api/v1 and the console under /, in one process at one address."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tradewinds.app.arguments import JSON
from tradewinds.core.errors import Rejected

if TYPE_CHECKING:
    from fastapi import FastAPI

    from tradewinds.wiring.house import House

LOOPBACK = "127.0.0.1"
PORT = 8080
STOPS_WITHIN_S = 5
BACKLOG = 2_048
HOSTS = "TRADEWINDS_CONSOLE_HOSTS"
PROXIES = "TRADEWINDS_CONSOLE_PROXIES"
LINKS = {"airflow": "AIRFLOW", "mlflow": "MLFLOW", "superset": "SUPERSET", "jupyter": "JUPYTER"}


@click.command("console")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="Where it listens; 0 for any free port.")
@click.option(
    "--host", default=LOOPBACK, show_default=True, help="An address of this machine; another than the loopback wants a TLS proxy."
)
@click.option("--api-only", is_flag=True, help="Without the console's pages.")
@JSON
def console(*, port: int, host: str, api_only: bool, as_json: bool) -> None:
    """Serve the console and the API until Ctrl-C.

    Where nobody may enter yet, a person `admin` is made; the password stands in a file below the home that only you can read.
    TRADEWINDS_CONSOLE_HOSTS names (by commas) under which a proxy is reached, TRADEWINDS_CONSOLE_PROXIES the addresses of proxies
    whose X-Forwarded-For is believed.

    \b
    tradewinds console
    tradewinds console --port 9000 --api-only
    """
    from tradewinds.app.output import log, print_json
    from tradewinds.app.watched import watched
    from tradewinds.wiring.desk.sign_in import PASSWORD_FILE, first_person
    from tradewinds.wiring.house import open_house
    from tradewinds.wiring.watching import job_metrics

    house = open_house()
    made = first_person(house)
    listening = _socket(host, port)
    address = f"http://{'[' + host + ']' if ':' in host else host}:{listening.getsockname()[1]}"
    place = house.home / PASSWORD_FILE
    with watched(house.home, "console") as watching:
        app = make_app(house, metrics=watching.metrics, traces=watching.traces, has_pages=not api_only)
        watching.metrics.at_scrape(lambda: job_metrics(house))
        if as_json:
            print_json({"url": address, "api": f"{address}/api/v1", "password_file": str(place) if place.exists() else None})
        else:
            click.echo(f"console: {address}   API: {address}/api/v1")
        if made is not None:
            log(f"nobody could enter yet: admin, password in {made}")
        _announce(house.home, address)
        try:
            _serve(app, listening)
        finally:
            address_path(house.home).unlink(missing_ok=True)
            house.close()


def make_app(house: House, *, has_pages: bool = True, **given: Any) -> FastAPI:
    """API and console in one application. given: for `make_api`."""
    from tradewinds.app.api.server import make_api

    hosts = [one.strip() for one in os.environ.get(HOSTS, "").split(",") if one.strip()]
    app = make_api(house, hosts=hosts, **given)
    if has_pages:
        from tradewinds.app.console.make import make_console

        links = {name: os.environ[f"TRADEWINDS_{key}_PAGE"] for name, key in LINKS.items() if os.environ.get(f"TRADEWINDS_{key}_PAGE")}
        make_console(app, house, links=links, is_secure=bool(hosts))
    return app


def address_path(home: Path) -> Path:
    """Where the console of a home says at which address it is."""
    return home / "console" / "address"


def _announce(home: Path, address: str) -> None:
    place = address_path(home)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = place.with_suffix(f".{os.getpid()}.part")
    fresh.write_text(address + "\n")
    fresh.replace(place)


def _socket(host: str, port: int) -> Any:
    import socket

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Inherited by what is accepted. Head and body of an answer are two writes: Nagle's algorithm would hold the second back for 40 ms.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listening.bind((host, port))
        listening.listen(BACKLOG)  # who reads the address may connect at once, and waits until the server accepts
    except OSError as error:
        listening.close()
        raise Rejected(
            f"console at {host}:{port}: {error.strerror}, expected an address of this machine that is free; --port 0 finds one"
        ) from None
    return listening


def _serve(app: FastAPI, listening: Any) -> None:
    import uvicorn

    proxies = os.environ.get(PROXIES, "")
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, date_header=True, timeout_graceful_shutdown=STOPS_WITHIN_S,
        timeout_keep_alive=30, limit_concurrency=2_000, h11_max_incomplete_event_size=64 * 1024, proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies or None,
    )  # fmt: skip
    # The server ends in order at either signal and then raises it again: by then it only means that we are done.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])
