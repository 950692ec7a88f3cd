"""Makes a backup of a home while everything runs: ledger, journals, lake, models, configuration without secrets.

What is copied first is never ahead of what is copied later:

1. the ledger, which tells of journals and lake; 2. the journals, by SQLite's online copy, or page by page from PostgreSQL;
3. what stands at our own venues (paper brokers), which like any venue may know more than the journal does; 4. the lake: of each partition
the newest log entry and the files it names; 5. models, published risk models, pages; 6. configuration.

Nobody is stopped and nobody waits. The backup is built beside its place and appears there whole.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tradewinds import __version__
from tradewinds.core.errors import Missing, Rejected, Transient, Unreadable
from tradewinds.wiring.backup_database import (
    copy_ledger,
    copy_postgres_journal,
    copy_sqlite,
    has_postgres_journal,
    head_of_file,
    row_counts,
)
from tradewinds.wiring.backup_manifest import (
    HOME,
    WORKSPACE,
    KeptFile,
    KeptJournal,
    Manifest,
    hash_of,
    paths_below,
    write_manifest,
)
from tradewinds.wiring.backup_secrets import known_secrets, refuse_secrets, without_secrets
from tradewinds.wiring.settings import FILE_NAME

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

LEDGER = "ledger.sqlite"
LAKE = "lake"
RAW = "raw"
JOURNALS: tuple[Literal["trade", "guard"], ...] = ("trade", "guard")
TREES = ("models", "mlflow", "published", "reports", "backtests", "sweeps", "trade/daily")  # below a home, as they are
SINGLE = ("trade/alerts.jsonl", "halt/epoch")
OF_WORKSPACE = ("strategies", "models", "vendors", "calendars")
SUFFIXES = (".yaml", ".yml", ".py", ".csv", ".md", ".toml", ".example")
TRIES_MAX = 5
_AFTERMATH = ("-wal", "-shm", "-journal")
Say = Callable[[str], None]


@dataclass(slots=True)
class _Making:
    """A backup on its way. folder: where it is built. left_out: what is not in it, in words."""

    house: House
    folder: Path
    secrets: Mapping[str, bytes]
    journals: list[KeptJournal] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def place(self, *parts: str) -> Path:
        made = self.folder.joinpath(*parts)
        made.parent.mkdir(parents=True, exist_ok=True)
        return made


def make_backup(house: House, target: Path, *, has_raw: bool = False, build: str = "", say: Say = lambda line: None) -> Manifest:
    """Back the house up into the folder `target`, which must not exist yet or be empty; returns its manifest.

    has_raw: with the vendors' bytes, from which the lake can be made again. Raises Rejected where `target` is taken or a secret would get
    in, Transient where something cannot be read now; then nothing of it is left.
    """
    target = target.absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Rejected(f"backup {target}: there is something already, expected a new or an empty folder")
    if target.is_relative_to(house.home.absolute()):
        raise Rejected(f"backup {target}: below the home {house.home}, expected a place of its own, best on another disk")
    target.parent.mkdir(parents=True, exist_ok=True)
    building = target.parent / f".{target.name}.{secrets.token_hex(4)}.partial"
    building.mkdir(mode=0o700)
    try:
        manifest = _made(_Making(house, building, _secrets_of(house)), has_raw=has_raw, build=build, say=say)
        os.sync()  # all of it is on the disk before it has its name
        if target.exists():
            target.rmdir()
        building.rename(target)
        os.sync()
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    return manifest


def _made(making: _Making, *, has_raw: bool, build: str, say: Say) -> Manifest:
    house = making.house
    made_ns = house.clock.now_ns()
    say("ledger")
    was, revision, rows = _ledger(making)
    say("journals")
    _journals(making)
    for name in SINGLE:
        if (house.home / name).is_file():
            _copied(house.home / name, making.place(HOME, name))
    say("lake")
    _lake(house.files_of_lake(), making.place(HOME, LAKE))
    if has_raw:
        say("raw bytes")
        _raw(_files_of_raw(house), making.place(HOME, RAW))
    else:
        making.left_out.append(f"raw: the vendors' bytes at {_plain(house, house.config.storage.raw, RAW)}; --raw takes them along")
    say("models, pages, configuration")
    _trees(making)
    _workspace(making)
    _tell_what_is_elsewhere(making)
    files = tuple(
        KeptFile(path, (making.folder / path).stat().st_size, hash_of(making.folder / path)) for path in paths_below(making.folder)
    )
    for one in files:
        if not one.path.startswith((f"{HOME}/{LAKE}/", f"{HOME}/{RAW}/")):
            refuse_secrets(making.folder / one.path, one.path, making.secrets)
    manifest = Manifest(
        made_ns=made_ns, version=__version__, build=build, home=str(house.home), revision=revision, was=was, ledger=rows,
        journals=tuple(making.journals), has_raw=has_raw, files=files, left_out=tuple(making.left_out), parts=_parts(files),
    )  # fmt: skip
    write_manifest(making.folder, manifest)
    return manifest


def _ledger(making: _Making) -> tuple[Literal["sqlite", "postgresql"], str | None, Mapping[str, int] | None]:
    """Copies the ledger; what it was, the revision of the copy, rows by table."""
    from tradewinds.stores.ledger_database import Database
    from tradewinds.stores.ledger_migration import revision

    url = making.house.config.storage.ledger
    source = Database(url or f"sqlite:///{making.house.home / LEDGER}")
    target = making.place(HOME, LEDGER)
    copy = Database(f"sqlite:///{target}")
    try:
        if source.is_sqlite:
            path = Path(source.url.database or "")
            if not path.is_file():
                return "sqlite", None, None
            copy_sqlite(path, target)
        else:
            copy_ledger(source, copy)
        found, rows = revision(copy), row_counts(copy)
    finally:
        source.close()
        copy.close()
    _alone(target)
    return ("sqlite" if source.is_sqlite else "postgresql"), found, rows


def _journals(making: _Making) -> None:
    """Journals of every account, then what our own paper brokers keep: whatever SQLite stands in the folders of trading."""
    house = making.house
    accounts = house.config.accounts
    for name, account in accounts.items():
        if account.journal != "sqlite" and has_postgres_journal(account.journal, name):
            target = making.place(HOME, "trade", f"{name}.sqlite")
            copy_postgres_journal(account.journal, name, target)
            _add_journal(making, name, "trade", target, "postgresql")
    others: list[Path] = []
    for kind in JOURNALS:
        for place in sorted((house.home / kind).glob("*.sqlite")):
            target = making.place(HOME, kind, place.name)
            if target.exists():
                continue  # an older one of an account that is on PostgreSQL now
            if _is_journal(place):
                copy_sqlite(place, target)
                _add_journal(making, place.stem, kind, target, "sqlite")
            else:
                others.append(place)
    for place in others:
        copy_sqlite(place, making.place(HOME, place.parent.name, place.name))


def _add_journal(
    making: _Making, account: str, kind: Literal["trade", "guard"], target: Path, was: Literal["sqlite", "postgresql"]
) -> None:
    sequence, digest = head_of_file(target)
    _alone(target)
    making.journals.append(KeptJournal(account, kind, target.relative_to(making.folder).as_posix(), was, sequence, digest.hex()))


def _is_journal(place: Path) -> bool:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(f"file:{place}?mode=ro", uri=True)) as connection:
        try:
            names = {row[1] for row in connection.execute("PRAGMA table_info(entries)")}
        except sqlite3.DatabaseError:
            return place.parent.name == "guard"  # damaged: whoever copies it says so
    return {"sequence", "time_ns", "body", "hash"} <= names


def _lake(files: Any, target: Path) -> None:
    """Of each partition the newest entry and the files it names. Repeated where retention takes a file away meanwhile."""
    for root in lake_roots(files):
        for partition in files.folders(f"{root}/_log"):
            for attempt in range(TRIES_MAX):
                try:
                    _partition(files, root, partition, target)
                    break
                except Missing as error:
                    if attempt == TRIES_MAX - 1:
                        raise Transient(
                            f"backup of {root} {partition}: its files change all the time ({error}), expected a quieter time"
                        ) from None


def lake_roots(files: Any) -> Iterator[str]:
    """The tables of a lake by their folders."""
    for layer in ("history", *(f"vendor/{name}" for name in files.folders("vendor"))):
        for name in files.folders(layer):
            if files.folders(f"{layer}/{name}/_log"):
                yield f"{layer}/{name}"


def _partition(files: Any, root: str, partition: str, target: Path) -> None:
    from tradewinds.stores import lake_log
    from tradewinds.stores.lake_parquet import content_name

    log = f"{root}/_log/{partition}"
    newest = max((name for name in files.names(log) if lake_log.entry_version(name) is not None), default=None)
    if newest is None:
        return
    entry = files.read(f"{log}/{newest}")
    for file in lake_log.decode(newest, entry).files:
        content = files.read(f"{root}/{partition}/{file.name}")
        if content_name(content) != file.name:
            raise Unreadable(
                f"backup of {root}/{partition}/{file.name}: {len(content)} bytes hash to another name, expected what was written"
            )
        _written(target / root / partition / file.name, content)
    _written(target / log / newest, entry)


def _raw(files: Any, target: Path) -> None:
    for number in range(256):
        folder = f"{number:02x}"
        for name in files.names(folder):
            _written(target / folder / name, files.read(f"{folder}/{name}"))


def _trees(making: _Making) -> None:
    home = making.house.home
    for name in TREES:
        for path in paths_below(home / name) if (home / name).is_dir() else ():
            source, target = home / name / path, making.place(HOME, name, path)
            if source.is_symlink() or source.suffix in (".lock", ".tmp", ".part") or source.name.endswith(_AFTERMATH):
                continue
            if source.suffix in (".db", ".sqlite"):
                copy_sqlite(source, target)
            else:
                _copied(source, target)


def _workspace(making: _Making) -> None:
    """tradewinds.yaml and what stands in the folders of a person's own files; nothing hidden, so no .env."""
    named = making.house.config.workspace
    if named is None:
        return
    workspace = Path(named)
    found = [place for place in sorted(workspace.glob("*")) if place.is_file() and (place.name == FILE_NAME or place.suffix == ".csv")]
    for folder in OF_WORKSPACE:
        found += [place for place in sorted((workspace / folder).rglob("*")) if place.is_file() and place.suffix in SUFFIXES]
    for place in found:
        parts = place.relative_to(workspace).parts
        if place.is_symlink() or any(part.startswith((".", "__")) and part != "__init__.py" for part in parts):
            continue
        try:
            text = place.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Rejected(f"backup: {place} cannot be read ({type(error).__name__}), expected a text file of the workspace") from None
        if place.suffix in (".yaml", ".yml"):
            kept = without_secrets(text)
            if kept != text:
                making.left_out.append(f"secrets: {'/'.join(parts)} held some, which stand there as ***; put them into the environment")
            text = kept
        making.place(WORKSPACE, *parts).write_text(text, encoding="utf-8")
    making.left_out.append("secrets: the environment, .env and files that it names; keep them where secrets are kept")


def _tell_what_is_elsewhere(making: _Making) -> None:
    from tradewinds.wiring.models import SERVERS

    for name in SERVERS:
        if os.environ.get(name):
            making.left_out.append(f"models: experiments and versions at the MLflow that {name} names; back up its database and artifacts")
    if making.house.config.storage.models is not None:
        making.left_out.append("models: files of MLflow's runs at storage.models")
    making.left_out.append("marts, pack, warehouse: made again of the lake")
    making.left_out.append("airflow: its metadata; runs of jobs stand in the ledger")


def _secrets_of(house: House) -> Mapping[str, bytes]:
    texts = [
        house.config.storage.ledger or "",
        house.config.storage.warehouse or "",
        *(one.journal for one in house.config.accounts.values()),
    ]
    return known_secrets(os.environ, tuple(texts))


def _files_of_raw(house: House) -> Any:
    return house._files(house.config.storage.raw, RAW)


def _plain(house: House, named: str | None, name: str) -> str:
    return house.storage_place(named, name)


def _copied(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    except FileNotFoundError:
        target.unlink(missing_ok=True)  # gone since it was listed, as a page that was made anew
    except OSError as error:
        raise Transient(f"backup of {source}: {error.strerror}, expected a file that can be read and room for its copy") from error


def _written(target: Path, content: bytes) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    except OSError as error:
        raise Transient(f"backup to {target}: {error.strerror}, expected room") from error


def _alone(place: Path) -> None:
    """Fold a write-ahead log into its database, and remove what stands beside it."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(place)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    for ending in _AFTERMATH:
        Path(f"{place}{ending}").unlink(missing_ok=True)


def _parts(files: tuple[KeptFile, ...]) -> dict[str, int]:
    """Bytes by part: the folder or file below the backup's home, or the workspace."""
    sizes: dict[str, int] = {}
    for one in files:
        words = one.path.split("/")
        part = words[1] if words[0] == HOME else words[0]
        sizes[part] = sizes.get(part, 0) + one.size
    return sizes
