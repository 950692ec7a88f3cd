"""`tradewinds halt`: stop all trading of this home, now. Also `python -m tradewinds.app.halt`.

1. Raise the halt epoch: the trade process reads it before every send.
2. Wait 200 ms for its acknowledgement; without one it gets SIGKILL (its pid and start time are compared, no other process is hit).
3. The guard cancels every order at every account and asks until none is open; where no guard answers, one is started for this.
4. Say what was done. Exit code 0 only where no order is open; 1 where one is or nobody can say; 99 where no account is configured.

Imports the standard library and two modules of ours that do the same: what may be broken elsewhere must not stop a halt.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import re
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tradewinds.live.epoch import ACKNOWLEDGE_WITHIN_S, HaltEpoch, open_epoch
from tradewinds.live.guard_process import Beat, is_alive, kill, read_beat, service_path

GUARD_HELLO_WITHIN_S = 1.0
GUARD_WITHIN_S = 60.0
ONCE_WITHIN_S = 90.0
ORDERS_MAY_BE_OPEN = 1
NOTHING_TO_DO = 99
_POLL_S = 0.001
_LINE_BYTES_MAX = 8 * 2**20
_HOME = re.compile(r"^home:[ \t]*(\"[^\"\n]*\"|'[^'\n]*'|[^#\n]*)", re.M)


def main(arguments: Sequence[str] | None = None) -> int:
    """Halt; the exit code."""
    asked = _parser().parse_args(arguments)
    begun = time.monotonic()
    config = None if asked.config is None else Path(asked.config)
    home = home_of(os.environ, config) if asked.home is None else Path(asked.home).expanduser().absolute()
    words = {"by": _who(), "reason": asked.reason, "flatten": asked.flatten}
    report: dict[str, Any] = {"home": str(home)}
    try:
        epoch = open_epoch(home)
    except OSError as error:
        # Without the epoch the process can still be killed and orders cancelled.
        _say(f"the epoch of {home} cannot be raised ({error.strerror}); going on without it")
        report |= {"epoch": None, "service": _stopped(None, 0, service_path(home))}
    else:
        with epoch:
            words["epoch"] = report["epoch"] = epoch.raise_epoch()
            report["raised_ns"] = time.time_ns()
            _say(f"epoch {report['epoch']} of {home} raised")
            report["service"] = _stopped(epoch, int(report["epoch"]), service_path(home))
    _say(f"trade process: {report['service']}")
    report |= _cleared(home, words, config)
    report["seconds"] = round(time.monotonic() - begun, 3)
    code = _told(report)
    if asked.json:
        sys.stdout.write(json.dumps(report) + "\n")
    return code


def home_of(environment: Mapping[str, str], config: Path | None = None) -> Path:
    """The home as the configuration names it: `home:` of the file in force, else TRADEWINDS_HOME, else the XDG data home."""
    place = _config_path(environment) if config is None else config
    if place is not None:
        try:
            found = _HOME.search(place.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            found = None
        named = found.group(1).strip().strip("'\"") if found else ""
        if named and named not in ("null", "~"):
            return Path(named).expanduser().absolute()
    if environment.get("TRADEWINDS_HOME"):
        return Path(environment["TRADEWINDS_HOME"]).expanduser().absolute()
    return Path(environment.get("XDG_DATA_HOME") or Path("~/.local/share").expanduser()) / "tradewinds"


def _config_path(environment: Mapping[str, str]) -> Path | None:
    if environment.get("TRADEWINDS_CONFIG"):
        return Path(environment["TRADEWINDS_CONFIG"]).expanduser()
    here = Path.cwd()
    return next((one / "tradewinds.yaml" for one in (here, *here.parents) if (one / "tradewinds.yaml").is_file()), None)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tradewinds halt", description="Stop all trading of this home: nothing is sent any more, every order is cancelled."
    )
    parser.add_argument("--flatten", action="store_true", help="close every position too, at the market")
    parser.add_argument("--reason", default="", help="why; it stands in the journals")
    parser.add_argument("--home", help="the home of the trade process, where it is not the configured one")
    parser.add_argument("--config", help="the configuration file, where it is not the one around this folder")
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output")
    return parser


def _stopped(epoch: HaltEpoch | None, wanted: int, path: Path) -> str:
    """See to it that the trade process sends nothing any more; how, in words."""
    beat = read_beat(path)
    if beat is None:
        return "none runs"
    begun = time.monotonic()
    while epoch is not None and time.monotonic() - begun < ACKNOWLEDGE_WITHIN_S:
        if epoch.acknowledged() >= wanted:
            return f"{beat.pid} acknowledged after {(time.monotonic() - begun) * 1000:.0f} ms"
        if kill_is_moot(beat):
            return f"{beat.pid} is gone"
        time.sleep(_POLL_S)
    found = kill(beat)
    if found == "elsewhere":
        return f"{beat.pid} runs in another container and did not acknowledge; stop that container"
    late = f"did not acknowledge within {ACKNOWLEDGE_WITHIN_S * 1000:.0f} ms"
    return {"killed": f"{beat.pid} {late} and was killed", "gone": f"{beat.pid} is gone"}.get(found, f"{beat.pid} {late} and does not die")


def kill_is_moot(beat: Beat) -> bool:
    """Whether the process is known to be gone, so that nobody has to wait for it."""
    return not is_alive(beat) and kill(beat) == "gone"


def _cleared(home: Path, words: Mapping[str, Any], config: Path | None) -> dict[str, Any]:
    """What the guard that runs did, or one that is started for this."""
    try:
        _asked(home, "ping", {}, GUARD_HELLO_WITHIN_S)
        return _asked(home, "halt", words, GUARD_WITHIN_S) | {"guard": "running"}
    except (OSError, ValueError, KeyError) as error:
        running = read_beat(home / "guard" / "process.json")
        if running is not None:
            _say(f"the guard does not answer ({type(error).__name__}: {error}); its process {running.pid}: {kill(running)}")
    _say("no guard answers; starting one for this")
    return _once(home, words, config) | {"guard": "started"}


def _asked(home: Path, act: str, words: Mapping[str, Any], within_s: float) -> dict[str, Any]:
    folder = os.open(home / "guard", os.O_RDONLY | os.O_DIRECTORY)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(within_s)
            # Through its opened folder where that is possible: a socket's address holds about 100 bytes.
            short = Path(f"/proc/self/fd/{folder}")
            line.connect(str((short if short.is_dir() else home / "guard") / "control.sock"))
            line.sendall(json.dumps({"act": act, "words": dict(words)}).encode() + b"\n")
            got = bytearray()
            while not got.endswith(b"\n"):
                piece = line.recv(65_536)
                if not piece or len(got) > _LINE_BYTES_MAX:
                    raise ConnectionError("it hung up")
                got += piece
    finally:
        os.close(folder)
    told = json.loads(got)
    if "answer" not in told:
        raise ValueError(str(told.get("message", "no answer")))
    answer: dict[str, Any] = told["answer"]
    return answer


def _once(home: Path, words: Mapping[str, Any], config: Path | None) -> dict[str, Any]:
    import subprocess  # only where it is needed: it costs a tenth of the start

    command = [sys.executable, "-m", "tradewinds", *([] if config is None else ["--config", str(config)]), "guard", "--once", "--json"]
    command += ["--reason", str(words["reason"]), "--by", str(words["by"]), "--epoch", str(words.get("epoch", 0))]
    command += ["--flatten"] if words["flatten"] else []
    environment = os.environ | {"TRADEWINDS_HOME": str(home)}
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, env=environment, timeout=ONCE_WITHIN_S, check=False)  # noqa: S603 - our own command
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (OSError, ValueError, IndexError, subprocess.TimeoutExpired) as error:
        return {"accounts": {}, "is_clear": False, "error": f"the guard gave no answer: {type(error).__name__}"}
    return answer


def _told(report: Mapping[str, Any]) -> int:
    """Say how it ended; the exit code."""
    accounts: Mapping[str, Any] = report.get("accounts", {})
    for name, one in accounts.items():
        held = f", still held {one['held']}" if one.get("held") else ""
        flat = f", flattened: {', '.join(one['flattened'])}" if one.get("flattened") else ""
        is_open = "nobody can say what is open" if one["open"] is None else f"{len(one['open'])} open"
        _say(f"account {name}: {one['cancelled']} cancelled, {is_open}{flat}{held}{': ' if one['error'] else ''}{one['error']}")
    if report.get("is_clear") and accounts:
        _say(f"no order is open, after {report['seconds']} s")
        return 0
    if report.get("is_clear"):
        _say(f"no account is configured for {report['home']}: nothing to cancel. Is this the right home and workspace?")
        return NOTHING_TO_DO
    _say(f"ORDERS MAY BE OPEN: {report.get('error') or 'see above'}. Run it again, or cancel them at the broker")
    return ORDERS_MAY_BE_OPEN


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return f"user {os.getuid()}"


def _say(line: str) -> None:
    sys.stderr.write(f"halt: {line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
