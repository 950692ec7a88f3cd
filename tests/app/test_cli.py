"""How commands end: exit codes, one line for an error, pipes, interruption, help."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import httpx
import pytest

from tradewinds.app.cli import COMMANDS, cli, run

TRADEWINDS = (sys.executable, "-c", "from tradewinds.app.cli import main; main()")


def _commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    found = []
    for name in group.list_commands(context):
        one = group.get_command(context, name)
        assert one is not None
        found.append(((*path, name), one))
        if isinstance(one, click.Group):
            found += _commands(one, (*path, name))
    return found


def _job(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Makes `job list` raise."""

    def fail(*_: object) -> Any:
        raise error

    monkeypatch.setattr("tradewinds.jobs.catalog.plans", fail)


def test_every_command_and_sub_command_has_a_help(command: Any) -> None:
    for path, _ in _commands(cli):
        if path == ("sandbox",):
            continue  # its help comes from the venues' own parser; a test below runs it
        ended = command(*path, "--help")
        assert (path, ended.code) == (path, 0)
        assert ended.out.startswith("Usage: "), path


def test_every_sub_command_that_reports_has_json() -> None:
    told = {path for path, one in _commands(cli) if any("--json" in option.opts for option in one.params)}

    silent = {" ".join(path) for path, one in _commands(cli) if path not in told and not isinstance(one, click.Group)}
    assert silent == {"sandbox", "alerts run"}  # both go on until they are told to stop


def test_the_commands_of_the_plan_are_there() -> None:
    names = {" ".join(path) for path, _ in _commands(cli)}

    data = {f"data {name}" for name in ("list", "fetch", "import", "export", "show", "findings", "lineage", "release")}
    assert data <= names
    assert {"init", "job list", "job run", "job show", "instrument find", "sql", "reconcile", "doctor", "sandbox", "up", "down"} <= names
    assert set(COMMANDS) <= names


def test_an_unknown_command_or_option_is_wrong_usage(command: Any) -> None:
    assert command("nonsense").code == 2
    assert command("job", "list", "--nonsense").code == 2
    assert command("data", "show").code == 2


def test_a_bug_is_one_line_and_70(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _job(monkeypatch, ZeroDivisionError("division\nby zero"))

    ended = command("job", "list")

    assert ended.code == 70
    assert ended.err == "tradewinds: a bug of ours: ZeroDivisionError: division\\nby zero; TRADEWINDS_TRACEBACK=1 shows where\n"


def test_a_bug_shows_where_when_asked(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _job(monkeypatch, ZeroDivisionError("division by zero"))
    monkeypatch.setenv("TRADEWINDS_TRACEBACK", "1")

    with pytest.raises(ZeroDivisionError):
        command("job", "list")


def test_an_interruption_is_130(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _job(monkeypatch, KeyboardInterrupt())

    ended = command("job", "list")

    assert ended.code == 130
    assert ended.err.strip().endswith("tradewinds: interrupted")


def test_a_full_disk_may_pass_and_a_wrong_place_does_not(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _job(monkeypatch, OSError(28, "No space left on device", "/data/lake"))
    full = command("job", "list")
    _job(monkeypatch, PermissionError(13, "Permission denied", "/data/lake"))
    forbidden = command("job", "list")

    assert (full.code, forbidden.code) == (75, 2)
    assert "/data/lake: No space left on device" in full.err
    assert "/data/lake: Permission denied" in forbidden.err


def test_a_home_below_a_file_is_wrong_usage_and_names_it(command: Any, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace / "taken").write_text("")
    monkeypatch.setenv("TRADEWINDS_HOME", str(workspace / "taken" / "home"))

    ended = command("job", "show")

    assert ended.code == 2
    assert "taken" in ended.err


def test_a_reader_that_goes_away_ends_it_quietly(workspace: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)

    process = subprocess.run([*TRADEWINDS, "job", "list"], stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)

    assert (process.returncode, process.stderr) == (0, "")


def test_the_version_is_one_line(command: Any) -> None:
    ended = command("--version")

    assert ended.code == 0
    assert ended.out.strip().count(".") >= 1


def test_the_local_venues_start_as_a_command_and_end_when_interrupted(workspace: Path) -> None:
    with subprocess.Popen([*TRADEWINDS, "sandbox", "--json", "--symbols", "BTCUSDT"], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            answer = httpx.get(told["environment"]["TRADEWINDS_BINANCE_URL"] + "/api/v3/ping", trust_env=False)
        finally:
            process.send_signal(signal.SIGINT)
        rest = process.stdout.read()

    assert (answer.status_code, answer.json()) == (200, {})
    assert (process.returncode, rest) == (0, "")


def test_the_local_venues_help_lists_their_options(capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["sandbox", "--help"])

    assert code == 0
    assert "--fault" in capsys.readouterr().out
