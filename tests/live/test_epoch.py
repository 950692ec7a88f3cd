"""The halt epoch and the heartbeat."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

from tradewinds.live.epoch import epoch_path, open_epoch
from tradewinds.live.guard_process import Beat, Heartbeat, is_alive, kill, process_start, read_beat, service_path


def test_a_raise_is_seen_by_everyone_who_has_the_file_open(tmp_path: Path) -> None:
    with open_epoch(tmp_path) as mine, open_epoch(tmp_path) as theirs:
        assert (mine.epoch(), mine.acknowledged()) == (0, 0)

        assert theirs.raise_epoch() == 1

        assert mine.epoch() == 1
        mine.acknowledge(1)
        assert theirs.acknowledged() == 1


def test_an_acknowledgement_never_goes_back(tmp_path: Path) -> None:
    with open_epoch(tmp_path) as epoch:
        epoch.acknowledge(5)
        epoch.acknowledge(3)

        assert epoch.acknowledged() == 5


def test_the_epoch_outlives_processes_and_is_sixteen_bytes_of_the_owner_alone(tmp_path: Path) -> None:
    with open_epoch(tmp_path) as epoch:
        epoch.raise_epoch()
        epoch.raise_epoch()
        epoch.acknowledge(1)

    found = epoch_path(tmp_path)

    assert found.read_bytes() == b"\x02" + bytes(7) + b"\x01" + bytes(7)
    assert stat.S_IMODE(found.stat().st_mode) == 0o600
    with open_epoch(tmp_path) as epoch:
        assert epoch.epoch() == 2


def test_raises_of_many_processes_are_all_counted(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tradewinds.live.epoch import open_epoch\n"
        "with open_epoch(Path(sys.argv[1])) as epoch:\n    [epoch.raise_epoch() for _ in range(50)]"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(3)]

    assert [one.wait() for one in processes] == [0, 0, 0]

    with open_epoch(tmp_path) as epoch:
        assert epoch.epoch() == 150


def test_a_heartbeat_names_the_process_and_goes_at_a_clean_stop(tmp_path: Path) -> None:
    heartbeat = Heartbeat(service_path(tmp_path))
    heartbeat.beat({"accounts": ["main"]})

    found = read_beat(service_path(tmp_path))

    assert found is not None
    assert found.pid == os.getpid()
    assert found.detail == {"accounts": ["main"]}
    assert is_alive(found)
    assert 0 <= found.age_s < 60
    heartbeat.rest()
    assert read_beat(service_path(tmp_path)) is None


def test_a_beat_of_another_boot_is_infinitely_old() -> None:
    assert Beat(1, "another-boot 17", "", 0).age_s == float("inf")


def test_a_process_of_another_container_lives_as_long_as_its_heartbeat_does(tmp_path: Path) -> None:
    path = tmp_path / "service.json"
    boot = (process_start(os.getpid()) or "").partition(" ")[0]
    now_ns = time.monotonic_ns()

    def told(started: str, beat_ns: int, written_s: float) -> Beat:
        path.write_text(json.dumps({"pid": 1, "started": started, "namespace": "pid:[1]", "beat_ns": beat_ns}))
        os.utime(path, (written_s, written_s))
        found = read_beat(path)
        assert found is not None
        return found

    assert is_alive(told(f"{boot} 7", now_ns, 0.0))
    assert not is_alive(told(f"{boot} 7", now_ns - 60 * 10**9, time.time()))
    assert is_alive(told("boot-of-another-machine 7", 0, time.time()))
    assert not is_alive(told("boot-of-another-machine 7", 0, time.time() - 60))
    assert kill(told(f"{boot} 7", now_ns, 0.0)) == "elsewhere"


def test_a_damaged_heartbeat_is_none(tmp_path: Path) -> None:
    path = tmp_path / "service.json"
    for text in ("", "{", "[]", '{"pid": "x"}'):
        path.write_text(text)
        assert read_beat(path) is None


def test_a_stopped_process_is_killed_and_one_that_took_its_pid_is_not() -> None:
    with subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]) as process:
        process.send_signal(signal.SIGSTOP)
        started = process_start(process.pid)
        assert started is not None
        namespace = os.readlink("/proc/self/ns/pid") if Path("/proc/self/ns/pid").exists() else ""

        another = Beat(process.pid, started + "0", namespace, 0)
        assert kill(another) == "gone"
        assert process.poll() is None
        assert kill(Beat(process.pid, started, "pid:[1]", 0)) == "elsewhere"
        assert process.poll() is None

        assert kill(Beat(process.pid, started, namespace, 0)) == "killed"
        assert process.wait() == -signal.SIGKILL
