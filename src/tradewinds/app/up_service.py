"""What `tradewinds up` keeps running beside Airflow, as data: the command of each process, where it answers, and whether it is well.

`<home>/up/services.json` tells the keeper, `status` and `doctor` of them. It holds no secret.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path

from tradewinds.core.errors import Rejected
from tradewinds.live.guard_process import is_alive, read_beat, service_path
from tradewinds.live.guard_run import guard_beat

GUESTS = ("superset", "jupyter")
CONSOLE_PORT = 8080  # where it is free; else any
ASKED_WITHIN_S = 2.0
STALE_S = 10.0
LOOK_EVERY_S = 0.1
TAIL_BYTES = 8_192  # of a log, of which the last line is shown
WORDS_CHARS_MAX = 300


@dataclass(frozen=True, slots=True)
class Service:
    """One process. environment: added to ours. url: for people, "" where there is none. health: an address that answers."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    health: str = ""


def own(name: str, *words: str, url: str = "", health: str = "") -> Service:
    """A process of ours, by a command of ours."""
    return Service(name, (sys.executable, "-m", "tradewinds", *(words or (name,))), {}, url, health)


def console_service(port: int | None, links: Mapping[str, str]) -> Service:
    """The console and the API, at the named port or one that is free. links: pages of others that it leads to, such as airflow, by name."""
    chosen = port or (CONSOLE_PORT if _is_free(CONSOLE_PORT) else free_port())
    url = f"http://127.0.0.1:{chosen}"
    pages = {f"TRADEWINDS_{name.upper()}_PAGE": address for name, address in links.items()}
    command = (sys.executable, "-m", "tradewinds", "console", "--port", str(chosen))
    return Service("console", command, pages, url, f"{url}/api/v1/health")


def alerts_service() -> Service:
    """What brings alerts to people."""
    return own("alerts", "alerts", "run")


def is_installed(name: str) -> bool:
    """Whether what a process of ours wants beyond a bare installation is there."""
    wanted = {"console": ("fastapi", "nicegui", "uvicorn"), "alerts": ("apprise",)}.get(name, ())
    return all(find_spec(module) is not None for module in wanted)


def services_path(home: Path) -> Path:
    """What the keeper of a home keeps."""
    return home / "up" / "services.json"


def write_services(home: Path, services: Iterable[Service]) -> None:
    """For the keeper, and for who asks how they are."""
    _write(services_path(home), {one.name: asdict(one) for one in services})


def read_services(home: Path) -> dict[str, Service]:
    """The services as they were started last; empty where none were."""
    with suppress(OSError, ValueError, TypeError):
        told = json.loads(services_path(home).read_text())
        return {
            name: Service(one["name"], tuple(one["command"]), one["environment"], one["url"], one["health"]) for name, one in told.items()
        }
    return {}


def answers(address: str) -> bool:
    """Whether an address of this machine answers well."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=ASKED_WITHIN_S) as answer:
            return bool(answer.status < 400)
    except (OSError, ValueError):
        return False


def health_of(home: Path, one: Service) -> str:
    """What is wrong with a service that runs, "" where it is well. It says so by its address, or by its heartbeat."""
    if one.health:
        return "" if answers(one.health) else f"{one.health} does not answer"
    place = _beats(home).get(one.name)
    beat = None if place is None else read_beat(place)
    if place is None:
        return ""
    if beat is None or not is_alive(beat):
        return "has not said yet that it lives"
    if beat.age_s > STALE_S:
        return f"its heartbeat is {min(beat.age_s, 1e6):.0f} s old"
    accounts = beat.detail.get("accounts", {})
    standing = (
        [f"account {name} is {state}" for name, state in accounts.items() if state != "trading"] if isinstance(accounts, dict) else []
    )
    return "; ".join(standing)


def unwell(home: Path, services: Sequence[Service], within_s: float) -> list[str]:
    """Wait until each of these was well, or the time is up; then what was not."""
    deadline = time.monotonic() + within_s
    left = list(services)
    while True:
        trouble = {one.name: why for one in left if (why := health_of(home, one))}
        left = [one for one in left if one.name in trouble]
        if not trouble or time.monotonic() > deadline:
            return [f"{name}: {why}; {log_command(name)}" for name, why in trouble.items()]
        time.sleep(LOOK_EVERY_S)


def last_words(home: Path, name: str) -> str:
    """The last line that a process printed, without secrets: why it crashed, in most cases. "" where it printed nothing."""
    from tradewinds.wire.log_redaction import redactor_of

    try:
        with (home / "up" / f"{name}.log").open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            lines = [line.strip() for line in file.read().decode(errors="replace").splitlines()]
    except OSError:
        return ""
    said = next((line for line in reversed(lines) if line), "")
    return redactor_of(os.environ)(said[:WORDS_CHARS_MAX])


def log_command(name: str) -> str:
    """What shows why a process is not well; those of others keep no structured log."""
    return f"tradewinds logs --raw {name}" if name in GUESTS else f"tradewinds logs --process {name}"


def _beats(home: Path) -> dict[str, Path]:
    return {"trade": service_path(home), "guard": guard_beat(home), "alerts": home / "up" / "alerts.json"}


def expect_free(option: str, port: int | None) -> None:
    """Raises Rejected where a port that somebody named is taken; None is no port."""
    if port is not None and not _is_free(port):
        raise Rejected(
            f"up {option} {port}: a program listens there already, expected a free port; without {option} one is found"
            " (`tradewinds status` says whether the program is ours)"
        )


def free_port() -> int:
    """A port of the loopback that nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _is_free(port: int) -> bool:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _write(place: Path, value: object) -> None:
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = place.with_suffix(f".{os.getpid()}.part")
    fresh.write_text(json.dumps(value))
    fresh.chmod(0o600)
    fresh.replace(place)
