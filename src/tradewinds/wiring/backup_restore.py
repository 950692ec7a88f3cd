"""Brings a backup back. Nothing of the target is touched before all of the backup was read and found sound.

1. `verify`: manifest, every file's hash, every journal's hash chain up to its head, the ledger's own check and its revision.
2. Refuse a home that somebody uses, and one that holds something unless it is to be replaced.
3. Build the home beside its place, the ledger migrated to this version, the halt epoch raised: what is restored starts halted.
4. What lives elsewhere (PostgreSQL, a lake at an address of its own) is brought there beside what stands there, then put in its place.
5. Swap the homes in one step. What was there is kept beside it, named `<home>.before-<time>`.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import secrets
import shutil
import sqlite3
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewinds.core.errors import Rejected, Transient, Unreadable
from tradewinds.core.instant import text
from tradewinds.live.epoch import SIZE, epoch_path
from tradewinds.live.guard_process import is_alive, read_beat, service_path
from tradewinds.live.guard_run import guard_beat
from tradewinds.wiring.backup import LAKE, LEDGER, RAW, lake_roots
from tradewinds.wiring.backup_database import check_sqlite, copy_ledger, head_of_file, restore_postgres_journal, row_counts
from tradewinds.wiring.backup_manifest import HOME, WORKSPACE, Manifest, check_files, paths_below, read_manifest

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

_EXCHANGE = 2  # RENAME_EXCHANGE of renameat2(2)
_AT_FDCWD = -100
_MLFLOW_PLACES = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "model_versions": ("source", "storage_location"),
    "logged_models": ("artifact_location",),
}


@dataclass(slots=True)
class Restored:
    """What came of it. before: where the old home is kept, None where there was none. lines: what a person should know."""

    manifest: Manifest
    home: Path
    before: Path | None = None
    lines: list[str] = field(default_factory=list)


def verify(folder: Path) -> Manifest:
    """Read all of a backup. Raises Missing, Unreadable or Rejected naming the first thing that is wrong; touches nothing.

    The databases are opened as they lie there; a backup on a medium that cannot be written is fine.
    """
    manifest = read_manifest(folder)
    check_files(folder, manifest)
    for journal in manifest.journals:
        sequence, digest = head_of_file(folder / journal.path)
        if (sequence, digest.hex()) != (journal.sequence, journal.hash):
            raise Unreadable(
                f"backup {folder}: {journal.path} ends with entry {sequence} {digest.hex()}, expected {journal.sequence} {journal.hash}"
            )
    if manifest.ledger is not None:
        place = folder / HOME / LEDGER
        try:
            with closing(sqlite3.connect(f"file:{place}?mode=ro&immutable=1", uri=True)) as connection:
                check_sqlite(connection, place)
        except sqlite3.DatabaseError as error:
            raise Unreadable(f"backup {folder}: {HOME}/{LEDGER}: {error}, expected a sound ledger") from error
        _check_revision(folder, manifest)
    return manifest


def restore_backup(
    house: House, folder: Path, *, is_replacing: bool = False, starts_halted: bool = True, say: Callable[[str], None] = lambda line: None
) -> Restored:
    """Bring the backup in `folder` to the home, ledger, journals and lake that the house's configuration names.

    is_replacing: where something stands there already, it is kept beside. starts_halted: no account sends an order before a person
    resumes it. Raises as `verify`; Rejected where the home is in use or taken. The house must not have opened anything yet.
    """
    home = house.home.absolute()
    say("reading the backup")
    manifest = verify(folder)
    in_use = user_of(home)
    if in_use is not None:
        raise Rejected(f"restore to {home}: {in_use} uses it, expected a home at rest; `tradewinds down` stops what runs")
    taken = home.exists() and any(home.iterdir())
    if taken and not is_replacing:
        raise Rejected(f"restore to {home}: it holds something, expected a new or an empty home; --replace keeps the old one beside it")
    if home.is_mount():
        raise Rejected(f"restore to {home}: a mount point cannot be swapped, expected a folder below it as home")
    stamp = text(house.clock.now_ns())[:19].replace("-", "").replace(":", "").lower()
    done = Restored(manifest, home)
    home.parent.mkdir(parents=True, exist_ok=True)
    building = home.parent / f".{home.name}.{secrets.token_hex(4)}.restoring"
    with ExitStack() as undo:
        undo.callback(shutil.rmtree, building, ignore_errors=True)
        say("building the home")
        _build(folder, building, home, manifest)
        puts = _elsewhere(house, folder, building, manifest, done, is_replacing=is_replacing, stamp=stamp)
        if starts_halted and any(one.kind == "trade" and one.sequence for one in manifest.journals):
            _raise_epoch(building, home)
            done.lines.append("every account starts halted: compare with its broker, then `tradewinds trade resume`")
        os.sync()
        say("putting it in its place")
        for put in puts:
            put()
        _swap(building, home)
        if taken:
            done.before = home.with_name(f"{home.name}.before-{stamp}")
            building.rename(done.before)
        os.sync()
    return done


def restore_workspace(folder: Path, target: Path) -> Path:
    """The configuration of a backup into a new or empty folder; returns its tradewinds.yaml. The backup's files are checked first."""
    manifest = read_manifest(folder)
    check_files(folder, manifest)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Rejected(f"restore to {target}: there is something already, expected a new or an empty folder for the workspace")
    if not (folder / WORKSPACE).is_dir():
        raise Rejected(f"backup {folder}: no configuration in it, expected one that was made in a workspace")
    shutil.copytree(folder / WORKSPACE, target, dirs_exist_ok=True)
    return target / "tradewinds.yaml"


def user_of(home: Path) -> str | None:
    """Who uses a home, in words; None where nobody on this machine does."""
    for what, path in (
        ("the trading service", service_path(home)),
        ("the guard", guard_beat(home)),
        ("the keeper", home / "up" / "keeper.json"),
    ):
        beat = read_beat(path)
        if beat is not None and is_alive(beat):
            return f"{what}, process {beat.pid},"
    for lock in sorted([*home.glob("trade/*.lock"), *home.glob("guard/*.lock"), *home.glob("trade/leases/*.lease")]):
        with lock.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return f"the holder of {lock.name}"
    return next((f"process {pid}, with {path} open," for pid, path in _open_below(home)), None)


def _open_below(home: Path) -> Iterator[tuple[int, str]]:
    """Processes (but this one) that have a file of a home open, as far as this user may know."""
    for process in Path("/proc").glob("[0-9]*") if home.is_dir() else ():
        if int(process.name) == os.getpid():
            continue
        try:
            places = [os.readlink(one) for one in (process / "fd").iterdir()]
        except OSError:
            continue
        for place in places:
            if place.startswith(f"{home}/"):
                yield int(process.name), place


def _check_revision(folder: Path, manifest: Manifest) -> None:
    from tradewinds.stores.ledger_schema import HEAD

    if manifest.revision is not None and manifest.revision > HEAD:
        raise Rejected(
            f"backup {folder}: its ledger is at revision {manifest.revision}, expected at most {HEAD}; use {manifest.version} or newer"
        )


def _build(folder: Path, building: Path, home: Path, manifest: Manifest) -> None:
    """The home as the backup has it, each file checked again as it is copied, the ledger brought to this version."""
    building.mkdir(mode=0o700)
    for kept in manifest.files:
        words = kept.path.split("/")
        if words[0] != HOME:
            continue
        target = building.joinpath(*words[1:])
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _copied(folder / kept.path, target, kept.sha256)
    for place in (*building.glob("trade/*.sqlite"), *building.glob("guard/*.sqlite"), *building.glob(LEDGER)):
        place.chmod(0o600)
    for name in ("trade", "guard", "halt"):
        if (building / name).is_dir():
            (building / name).chmod(0o700)
    if manifest.ledger is not None:
        _migrate(building / LEDGER)
    if (building / "mlflow" / "mlflow.db").is_file():
        _move_mlflow(building / "mlflow" / "mlflow.db", manifest.home, str(home))


def _copied(source: Path, target: Path, sha256: str) -> None:
    import hashlib

    digest = hashlib.sha256()
    try:
        with source.open("rb") as given, target.open("xb") as taken:
            while chunk := given.read(1 << 20):
                digest.update(chunk)
                taken.write(chunk)
    except OSError as error:
        raise Transient(f"restore of {source}: {error.strerror}, expected room for it at {target}") from error
    if digest.hexdigest() != sha256:
        raise Unreadable(f"restore of {source}: it hashes to {digest.hexdigest()} now, expected {sha256}; somebody changes the backup")


def _migrate(path: Path) -> None:
    from tradewinds.stores.ledger_database import Database
    from tradewinds.stores.ledger_migration import migrate

    database = Database(f"sqlite:///{path}")
    try:
        migrate(database)
    finally:
        database.close()


def _move_mlflow(path: Path, old: str, new: str) -> None:
    """MLflow remembers where its files are by their whole paths; those below the old home are below the new one now."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for table, columns in _MLFLOW_PLACES.items():
            there = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
            for column in there.intersection(columns):
                for head in (old, f"file://{old}"):
                    connection.execute(
                        f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE {column} LIKE ? || '/%'",  # noqa: S608 - names of ours
                        (head.replace(old, new), len(head) + 1, head),
                    )


def _elsewhere(
    house: House, folder: Path, building: Path, manifest: Manifest, done: Restored, *, is_replacing: bool, stamp: str
) -> list[Callable[[], None]]:
    """Bring what does not live below the home to its place; what is returned makes the last step of each."""
    puts: list[Callable[[], None]] = []
    storage = house.config.storage
    for journal in manifest.journals:
        account = house.config.accounts.get(journal.account)
        if journal.kind == "trade" and account is not None and account.journal != "sqlite":
            puts.append(
                restore_postgres_journal(folder / journal.path, account.journal, journal.account, is_replacing=is_replacing, stamp=stamp)
            )
            (building / "trade" / f"{journal.account}.sqlite").unlink()
            done.lines.append(f"journal of {journal.account}: brought to PostgreSQL")
        elif journal.was == "postgresql":
            done.lines.append(f"journal of {journal.account}: was on PostgreSQL, stands on SQLite now, as the configuration says")
    for named, name, files in ((storage.lake, LAKE, house.files_of_lake), (storage.raw, RAW, lambda: house._files(storage.raw, RAW))):
        if named is not None and (building / name).is_dir():
            _to_store(files(), building / name, name, is_replacing=is_replacing)
            shutil.rmtree(building / name)
            done.lines.append(f"{name}: brought to {house.storage_place(named, name)}")
    if storage.ledger is not None and manifest.ledger is not None:
        puts.append(_put_ledger(storage.ledger, building / LEDGER, is_replacing=is_replacing))
        done.lines.append("ledger: brought to the address of storage.ledger")
    return puts


def _to_store(files: Any, source: Path, name: str, *, is_replacing: bool) -> None:
    """Files into a store of their own, the entries of the lake's logs last; what is there already is the same or is left alone."""
    if name == LAKE and not is_replacing and next(lake_roots(files), None) is not None:
        raise Rejected("restore of the lake: tables stand at storage.lake, expected none; --replace adds the backup's versions to them")
    paths = sorted(paths_below(source), key=lambda path: "/_log/" in path)
    for path in paths:
        files.create(path, (source / path).read_bytes())


def _put_ledger(url: str, source: Path, *, is_replacing: bool) -> Callable[[], None]:
    from tradewinds.stores.ledger_database import Database

    target, given = Database(url), Database(f"sqlite:///{source}")
    try:
        if not is_replacing and any(row_counts(target).values()):
            raise Rejected(f"restore to ledger {target.place}: it holds rows, expected an empty one; --replace removes them")
    finally:
        target.close()

    def put() -> None:
        try:
            copy_ledger(given, target, is_replacing=is_replacing)
        finally:
            target.close()
            given.close()
        for ending in ("", "-wal", "-shm"):
            Path(f"{source}{ending}").unlink(missing_ok=True)

    return put


def _raise_epoch(building: Path, home: Path) -> None:
    """One above both the backup's epoch and that of the home it replaces."""
    found = [struct.unpack("<2Q", place.read_bytes()[:SIZE])[0] for place in (epoch_path(building), epoch_path(home)) if place.is_file()]
    place = epoch_path(building)
    place.parent.mkdir(mode=0o700, exist_ok=True)
    place.write_bytes(struct.pack("<2Q", max(found, default=0) + 1, 0))
    place.chmod(0o600)


def _swap(building: Path, home: Path) -> None:
    """Put the new home in its place; where there was one, it stands where the new one was built. One step where the system has it."""
    try:
        if not home.exists() or not any(home.iterdir()):
            building.rename(home)  # an empty folder gives way
            return
        if sys.platform == "linux" and _exchanged(building, home):
            return
        aside = home.with_name(f".{home.name}.{secrets.token_hex(4)}.aside")
        home.rename(aside)
        building.rename(home)
        aside.rename(building)
    except OSError as error:
        raise Transient(
            f"restore to {home}: {error.strerror} while putting it in its place; what was built stands at {building}"
        ) from error


def _exchanged(one: Path, other: Path) -> bool:
    """Swap two names in one step; False where the system or the file system cannot."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        return False
    if call(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _EXCHANGE) == 0:
        return True
    failed = ctypes.get_errno()
    if failed in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
        return False
    raise OSError(failed, os.strerror(failed))
