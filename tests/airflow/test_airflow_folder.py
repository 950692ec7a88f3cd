"""What a killed Airflow leaves behind is cleared, and nothing else is touched."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tradewinds.app.airflow_folder import State, clear, find, keys, read_state, settings, stop
from tradewinds.core.errors import Rejected

WAIT = "import sys; print('up', flush=True); sys.stdin.read()"


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """A process that leads a session of its own and waits."""
    started = subprocess.Popen([sys.executable, "-c", WAIT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    assert started.stdout is not None
    started.stdout.readline()
    yield started
    started.kill()
    started.communicate()


def _gone() -> int:
    """The number of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def test_what_a_killed_launcher_left_is_ended(tmp_path: Path, process: subprocess.Popen[bytes]) -> None:
    state = State(_gone(), 8080)
    state.add(process.pid)
    state.write(tmp_path)
    assert state.processes() == [process.pid]

    clear(tmp_path)

    assert process.wait() == -9
    assert read_state(tmp_path) is None


def test_a_process_that_only_bears_a_recorded_number_is_left_alone(tmp_path: Path, process: subprocess.Popen[bytes]) -> None:
    state = State(_gone(), 8080)
    state.add(process.pid)
    state.leaders[str(process.pid)] -= 60.0
    state.write(tmp_path)

    clear(tmp_path)

    assert process.poll() is None


def test_while_one_runs_nothing_is_cleared(tmp_path: Path, process: subprocess.Popen[bytes]) -> None:
    state = State(process.pid, 8080)
    state.add(process.pid)
    state.write(tmp_path)

    with pytest.raises(Rejected, match=f"already runs as process {process.pid}"):
        clear(tmp_path)

    assert process.poll() is None


def test_another_process_can_end_it(tmp_path: Path, process: subprocess.Popen[bytes]) -> None:
    state = State(process.pid, 8080)
    state.add(process.pid)
    state.write(tmp_path)

    assert stop(tmp_path)

    assert not psutil.pid_exists(process.pid)
    assert not stop(tmp_path)


def test_where_none_runs_none_is_found(tmp_path: Path) -> None:
    assert find(tmp_path) is None
    assert not stop(tmp_path)
    clear(tmp_path)


def test_a_state_file_that_cannot_be_read_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "airflow.json").write_text('{"launcher": 1, "colour": "red"}')

    assert read_state(tmp_path) is None


def test_secrets_are_made_once_and_are_their_owners_alone(tmp_path: Path) -> None:
    first = keys(tmp_path)

    assert keys(tmp_path) == first
    assert {len(value) > 30 for value in first.values()} == {True}
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_airflow_is_told_to_listen_on_the_loopback_and_to_bring_no_examples(tmp_path: Path) -> None:
    told = settings(tmp_path, 8080, 8081, (tmp_path,), 4)

    assert told["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert told["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:8081/execution/"
    assert told["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"
    assert told["AIRFLOW__CORE__PARALLELISM"] == "4"
