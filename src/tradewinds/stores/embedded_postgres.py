"""A private PostgreSQL from a Python package: no system package, no port, no password.

It listens on one unix socket, in a folder of mode 0700, and lets in the one system user that started it (peer authentication).
It outlives the process that started it until somebody calls `stop`; a second start finds it running.
`embedded_postgres_place` decides where it runs and as whom, and says why where it cannot.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tradewinds.core.errors import Rejected, Transient
from tradewinds.stores.embedded_postgres_place import (
    SOCKET,
    CannotRun,
    Place,
    choose,
    copied_from,
    copy_programs,
    copy_root,
    own_folder,
)

__all__ = ["CannotRun", "EmbeddedPostgres"]

ROLE = "tradewinds"
_WAIT_S = 60
_INITDB_S = 120
_START_ATTEMPTS = 3
_LOG_TAIL_LINES = 5
_LOG_BYTES_MAX = 100_000
_QUESTION = struct.pack("!ii", 8, 80877103)  # the protocol's SSLRequest, which every server answers with one letter
_DATABASE_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")

# A server for one machine's own use: few processes, short queries.
_SETTINGS = {
    "listen_addresses": "''",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "huge_pages": "off",
    "jit": "off",
    "io_method": "sync",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "max_parallel_workers_per_gather": "0",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "lc_messages": "'C'",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",  # statements carry values, which belong in no log
}
_IN_HASTE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """A server whose data belongs to `folder`.

    durable False skips every wait for the disk: for tests and demonstrations, whose data nobody misses after a power cut.
    As a context manager it stops the server on leaving if it started it.
    """

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder = folder
        self.durable = durable
        self._place: Place | None = None
        self._started_here = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._started_here:
            self.stop()

    @property
    def place(self) -> Place:
        """Where it stands and as whom it runs. Raises CannotRun with the reason where it cannot run at all."""
        if self._place is None:
            self._place = choose(self.folder)
        return self._place

    @property
    def is_running(self) -> bool:
        """Whether a server answers at the socket: a killed one may still take a connection for a moment, but says nothing."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(_WAIT_S)
            try:
                probe.connect(str(self.place.sockets / SOCKET))
                probe.sendall(_QUESTION)
                return probe.recv(1) != b""
            except OSError:
                return False

    def obstacle(self) -> str | None:
        """Start it; the reason where it cannot run, None once it does."""
        try:
            self.start()
        except CannotRun as reason:
            return str(reason)
        return None

    def start(self) -> None:
        """Start the server and wait until it answers; fine when it runs already. Raises CannotRun with the reason."""
        try:
            self._make_folders()
            with self._lock():
                if self.is_running:
                    return
                self._make_cluster()
                self._write_settings()
                self._start()
                self._started_here = True
        except OSError as error:
            raise CannotRun(f"embedded postgres in {self.place.home}: {error}") from None

    def stop(self) -> None:
        """Stop the server and wait until it is gone; fine when it does not run."""
        self._started_here = False
        try:
            if not self.place.home.exists():
                return
        except CannotRun:
            return  # then none of ours runs either
        with self._lock():
            if self.is_running:
                self._stop()

    def remove(self) -> None:
        """Stop the server and delete its data."""
        self.stop()
        shutil.rmtree(self.place.sockets, ignore_errors=True)
        shutil.rmtree(self.place.home, ignore_errors=True)
        self._place = None

    def url(self, database: str = "postgres", *, driver: str = "postgresql+psycopg2") -> str:
        """The address of a database for SQLAlchemy; drivers psycopg2, psycopg and asyncpg all take it. There is no password in it."""
        from sqlalchemy.engine import URL

        return URL.create(driver, username=ROLE, database=database, query={"host": str(self.place.sockets)}).render_as_string()

    def create_database(self, name: str) -> bool:
        """Make a database; False when it was there."""
        import sqlalchemy as sa

        if _DATABASE_NAME.fullmatch(name) is None:
            raise Rejected(f"database name: {name!r}, expected lower-case letters, digits and _")
        engine = sa.create_engine(self.url(), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        try:
            with engine.connect() as connection:
                if connection.scalar(sa.text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name}):
                    return False
                connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
        except (sa.exc.ProgrammingError, sa.exc.IntegrityError):
            return False  # another process was faster
        except sa.exc.OperationalError as error:
            raise Transient(f"embedded postgres in {self.place.home}, creating database {name}: {error.orig}") from None
        finally:
            engine.dispose()
        return True

    def _make_folders(self) -> None:
        place = self.place
        place.home.parent.mkdir(parents=True, exist_ok=True)
        own_folder(place.home, mode=0o700 if place.runs_as is None else 0o711, owner=os.geteuid())
        own_folder(place.sockets, mode=0o700, owner=place.owner)
        if place.home != self.folder.expanduser().resolve():
            (place.home / "belongs_to.txt").write_text(f"{self.folder}\n")

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """One process at a time starts or stops; the lock goes with its holder, however that ends."""
        with (self.place.home / "lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _make_cluster(self) -> None:
        """Make the database files beside their place, then rename: a killed attempt leaves nothing that looks whole."""
        place = self.place
        source = copied_from(place)
        if source is not None:
            copy_programs(source, copy_root(place.programs))
        if place.data.exists():
            return
        draft = place.home / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        own_folder(draft, mode=0o700, owner=place.owner)
        arguments = [
            "-D",
            str(draft),
            "-U",
            ROLE,
            "--auth=peer",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        ]
        done = self._run(
            "initdb", *arguments, "--no-locale", "--no-instructions", *([] if self.durable else ["--no-sync"]), limit_s=_INITDB_S
        )
        if done.returncode != 0:
            shutil.rmtree(draft, ignore_errors=True)
            raise CannotRun(f"embedded postgres in {place.home}: initdb failed ({_tail(done.stderr or done.stdout)})")
        draft.rename(place.data)

    def _write_settings(self) -> None:
        place = self.place
        files = {name: place.home / name for name in ("postgresql.conf", "pg_hba.conf", "pg_ident.conf")}
        settings = _SETTINGS | ({} if self.durable else _IN_HASTE)
        settings |= {"hba_file": _quoted(files["pg_hba.conf"]), "ident_file": _quoted(files["pg_ident.conf"])}
        settings |= {"unix_socket_directories": _quoted(f'"{place.sockets}"')}
        _replace(files["postgresql.conf"], "".join(f"{name} = {value}\n" for name, value in settings.items()))
        _replace(files["pg_hba.conf"], f"local all {ROLE} peer map=owner\n")
        _replace(files["pg_ident.conf"], f'owner "{place.client}" {ROLE}\n')

    def _start(self) -> None:
        """Start until it answers: after a kill, the orphans of the last server may take a moment to let go of its memory."""
        place = self.place
        log = place.data / "server.log"
        said = ""
        for _ in range(_START_ATTEMPTS):
            self._forget_dead_server()
            before = log.stat().st_size if log.exists() else 0
            done = self._run(
                *("pg_ctl", "start", "-w", "-t", str(_WAIT_S), "-s", "-D", str(place.data), "-l", str(log)),
                *("-o", f"-c config_file={_shell_quoted(place.home / 'postgresql.conf')}"),
                limit_s=_WAIT_S + 10,
            )
            if done.returncode == 0:
                return
            said = _tail(_read(log, before) or done.stderr)
            if "still in use" not in said:
                break
            time.sleep(1)
        raise CannotRun(f"embedded postgres in {place.home}: it does not start ({said})")

    def _stop(self) -> None:
        for manner in ("fast", "immediate"):
            done = self._run(
                "pg_ctl", "stop", "-w", "-t", str(_WAIT_S), "-s", "-m", manner, "-D", str(self.place.data), limit_s=_WAIT_S + 10
            )
            if done.returncode == 0 or not self.is_running:
                return
        raise Transient(f"embedded postgres in {self.place.home}: it does not stop ({_tail(done.stderr)})")

    def _forget_dead_server(self) -> None:
        """Nobody answers, yet postmaster.pid names a process: write our own number there.

        PostgreSQL would refuse to start while a process of that number exists, though it be a zombie or another program by
        now. The starter's own number it passes over, and it still refuses while the old server's memory is in use.
        """
        for name in (SOCKET, f"{SOCKET}.lock"):
            (self.place.sockets / name).unlink(missing_ok=True)
        path = self.place.data / "postmaster.pid"
        with suppress(FileNotFoundError):
            handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
            with os.fdopen(handle, "r+") as file:
                if os.fstat(handle).st_nlink != 1 or os.fstat(handle).st_uid != self.place.owner:
                    raise CannotRun(f"embedded postgres: {path} is not what its server wrote")
                lines = file.read(10_000).splitlines()
                if not lines:
                    return
                file.seek(0)
                file.write("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
                file.truncate()

    def _run(self, program: str, *arguments: str, limit_s: float) -> subprocess.CompletedProcess[str]:
        account = self.place.runs_as
        output = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [str(self.place.programs / program), *arguments]
        who = {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
        try:
            return subprocess.run(  # type: ignore[call-overload,no-any-return]  # keyword groups are beyond the checker  # noqa: S603  # our own programs, no shell
                command, cwd="/", env=environment, umask=0o077, text=True, timeout=limit_s, check=False, **output, **who
            )
        except subprocess.TimeoutExpired:
            raise CannotRun(f"embedded postgres in {self.place.home}: {program} took longer than {limit_s} s") from None


def _replace(path: Path, text: str) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(text)
    draft.chmod(0o644)  # the server's account reads it; the folder decides who else can
    draft.replace(path)


def _read(path: Path, offset: int) -> str:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return ""
    with os.fdopen(handle, errors="replace") as file:
        file.seek(offset)
        return file.read(_LOG_BYTES_MAX)


def _tail(text: str) -> str:
    return " / ".join(text.strip().splitlines()[-_LOG_TAIL_LINES:])


def _quoted(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def _shell_quoted(path: Path) -> str:
    import shlex

    return shlex.quote(str(path))
