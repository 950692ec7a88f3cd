"""A night's walk of the risk model: one more session of what the night before kept, or every session where that does not hold any more.

Kept after each night, by book and definition: the walk, and what it was made of. A night takes the last one and checks that it is still
what a walk over everything would have come to:

1. Same definition: instruments, sectors, styles, settings, version of the code. Another definition is another folder.
2. Bars of the window, to which the next session's exposures reach back, are read anew; each of its sessions has its digest. The partition
   that is still being filled lies in the window from its start.
3. The partitions before that one have not been committed to, and before the window hold no version that became known since.
4. Corporate actions of the sessions before, and facts known before the window, are the same.

Where one of them does not hold, or nothing that can be read is kept, all sessions are walked.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradewinds import __version__
from tradewinds.core.errors import DataFault, Missing, Unreadable
from tradewinds.core.instant import parse
from tradewinds.core.instrument import CorporateAction
from tradewinds.history.adjust import applicable
from tradewinds.jobs.book import Book, factors_of, sectors_of, styles_of
from tradewinds.jobs.context import Context
from tradewinds.jobs.research_book import (
    BAR_FIELDS,
    Level,
    Seen,
    bars_table,
    day_ns,
    decisions_of,
    fact_rows,
    seen_at,
    session_name,
    stored_bars,
)
from tradewinds.jobs.research_walk import Walk, followed, reach, restored, walked

Ints = NDArray[np.int64]

FORMAT = 1  # of what is kept; another one is not read
KEPT_MAX = 3  # nights of a book
DIGEST_BYTES, SEAL_BYTES = 16, 32
NEVER_NS = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True)
class NightWalk:
    """A walk after the night's session, what could not be had of its exposures, and how many bars were read."""

    walk: Walk
    gaps: tuple[str, ...]
    bars: int


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """What a walk was made of. sessions: starts of all of the panel; digests: (sessions of the window, 16).

    window_ns: where the window starts; level: of its first session; versions: commits of the partitions before that of the last session;
    late_ns: when the next version of a bar before the window becomes known, NEVER_NS for none; actions, facts: digests.
    """

    as_of_ns: int
    sessions: Ints
    digests: NDArray[np.uint8]
    window_ns: int
    level: Level
    versions: Mapping[str, int]
    late_ns: int
    actions: str
    facts: str

    @property
    def first(self) -> int:
        """The row of the window's first session."""
        return int(np.searchsorted(self.sessions, self.window_ns))


def night_walk(context: Context, book: Book, partition: str) -> NightWalk:
    """The walk after the last session by the partition's day, and keep it for the next night."""
    if context.states is None or book.config.risk.kind == "cascade":
        return _whole(context, book, partition)
    try:
        return _one_more(context, book, partition)
    except (DataFault, Unreadable) as why:
        context.progress(f"risk_model: every session is walked: {why}")
    return _whole(context, book, partition)


def _whole(context: Context, book: Book, partition: str) -> NightWalk:
    commits = _commits(context, book)
    stored = stored_bars(context, book, partition)
    as_of_ns = _as_of(context, book, partition, stored)
    seen = seen_at(context, book, stored, as_of_ns)
    walk, exposed = walked(book, seen.panel)
    if context.states is not None and walk.codes is not None:
        _keep(context, book, walk, _basis(context, book, seen, stored, as_of_ns, commits, seen.panel.times, None))
    return NightWalk(walk, exposed.gaps, int(np.isfinite(seen.panel.close).sum()))


def _one_more(context: Context, book: Book, partition: str) -> NightWalk:
    """Raises DataFault where what is kept does not hold, Unreadable where it cannot be read."""
    before, basis = _kept(context, book, partition)
    commits = _commits(context, book)
    stored = stored_bars(context, book, partition, since_ns=basis.window_ns)
    as_of_ns = _as_of(context, book, partition, stored)
    seen = seen_at(context, book, stored, as_of_ns, basis.level)
    sessions = _checked(context, book, basis, seen, as_of_ns, commits)
    walk, exposed = followed(book, before, seen.panel)
    if len(sessions) > len(basis.sessions):
        _keep(context, book, walk, _basis(context, book, seen, stored, as_of_ns, commits, sessions, basis))
    return NightWalk(walk, exposed.gaps, int(np.isfinite(seen.panel.close).sum()))


def _checked(context: Context, book: Book, basis: Basis, seen: Seen, as_of_ns: int, commits: Mapping[str, int]) -> Ints:
    """The sessions so far, where what is kept is what would have been made of them. Raises DataFault saying what is not."""
    first = basis.first
    own, times = basis.sessions[first:], seen.panel.times
    sessions = np.concatenate([basis.sessions, times[len(own) :]])
    reasons = {
        "time": not basis.as_of_ns <= as_of_ns < basis.late_ns,
        "bars of years before": any(commits.get(part) != version for part, version in basis.versions.items())
        or not _before(book, commits, basis.window_ns).keys() <= basis.versions.keys(),
        "sessions": not np.array_equal(times[: len(own)], own),
        "bars": not np.array_equal(_digests(book, seen, 0, len(own)), basis.digests),
        "corporate actions": _actions(context, book, as_of_ns, int(basis.sessions[-1])) != basis.actions,
        "facts": _facts(context, book, basis.window_ns) != basis.facts,
        "reach of the exposures": reach(book, sessions, len(basis.sessions) - 1) < first,
    }
    changed = [what for what, is_other in reasons.items() if is_other]
    if changed:
        raise DataFault(f"walk kept of {session_name(int(basis.sessions[-1]))}: {', '.join(changed)} changed, expected the same")
    return sessions


def _basis(
    context: Context,
    book: Book,
    seen: Seen,
    stored: pl.DataFrame,
    as_of_ns: int,
    commits: Mapping[str, int],
    sessions: Ints,
    before: Basis | None,
) -> Basis:
    """commits: of partitions as they were before the bars were read. before: of the longer panel of which `seen` is the end."""
    read_from = 0 if before is None else before.first
    begin = max(reach(book, sessions, len(sessions) - 1), read_from)
    part = bars_table(book).dataset.partition_of(int(sessions[-1]))
    filling_ns = parse(f"{part}{'-01-01'[len(part) - 10 :]}T00:00:00Z")
    window_ns = max(min(int(sessions[begin]), filling_ns), day_ns(book.config.since.isoformat()))
    row = int(np.searchsorted(sessions, window_ns)) - read_from
    late = stored.filter((pl.col("start_ns") < window_ns) & (pl.col("known_ns") > as_of_ns))["known_ns"].to_list()
    return Basis(
        as_of_ns,
        sessions,
        _digests(book, seen, row, len(seen.panel.times)),
        window_ns,
        seen.level(row),
        _before(book, commits, int(sessions[-1])),
        min([*late, NEVER_NS if before is None else before.late_ns]),
        _actions(context, book, as_of_ns, int(sessions[-1])),
        _facts(context, book, window_ns),
    )


def _as_of(context: Context, book: Book, partition: str, stored: pl.DataFrame) -> int:
    """The decision of the last session, or now. Raises Missing where there is none."""
    now_ns = context.clock.now_ns()
    known = stored.filter(pl.col("known_ns") <= now_ns)
    if known.is_empty():
        raise Missing(f"research {book.name}: {bars_table(book).name} holds no bar of its instruments by {partition}, expected some")
    return min(int(decisions_of(book, known)[1][-1]), now_ns)


def _commits(context: Context, book: Book) -> dict[str, int]:
    table = bars_table(book)
    return {part: context.lake.version(table, part) for part in context.lake.partitions(table)}


def _before(book: Book, commits: Mapping[str, int], start_ns: int) -> dict[str, int]:
    """Of the partitions before the one of an instant."""
    part = bars_table(book).dataset.partition_of(start_ns)
    return {name: version for name, version in commits.items() if name < part}


def _digests(book: Book, seen: Seen, first: int, last: int) -> NDArray[np.uint8]:
    """(sessions, 16) of bars as traded, of facts, and of when they were known."""
    rows = [*(seen.raw.fields[name] for name in BAR_FIELDS), *(seen.panel.fields[name] for name in book.config.facts), seen.panel.known_ns]
    found = np.zeros((max(last - first, 0), DIGEST_BYTES), np.uint8)
    for place, session in enumerate(range(first, min(last, len(seen.raw.times)))):
        digest = hashlib.blake2b(seen.raw.event_ns[session].tobytes(), digest_size=DIGEST_BYTES)
        for one in rows:
            digest.update(one[session].tobytes())
        found[place] = np.frombuffer(digest.digest(), np.uint8)
    return found


def _actions(context: Context, book: Book, as_of_ns: int, until_ns: int) -> str:
    """Of the actions that count in the sessions up to the one that starts then."""
    by_name: dict[str, list[CorporateAction]] = {}
    for action in context.records.actions(as_of_ns=as_of_ns, instruments=book.instruments):
        by_name.setdefault(action.instrument, []).append(action)
    counted = [one for name in sorted(by_name) for one in applicable(by_name[name], name, as_of_ns) if one.effective_ns <= until_ns]
    return hashlib.sha256(repr(counted).encode()).hexdigest()


def _facts(context: Context, book: Book, until_ns: int) -> str:
    """Of the facts known before an instant."""
    digest = hashlib.sha256()
    for name, fact in sorted(book.config.facts.items()):
        rows = fact_rows(context, book, fact).filter(pl.col("known_ns") < until_ns)
        chosen = rows.select("instrument", "start_ns", "known_ns", pl.col(fact.column).cast(pl.String))
        digest.update(f"{name} {chosen.height} ".encode())
        digest.update(chosen.hash_rows().to_numpy().tobytes())
    return digest.hexdigest()


def _folder(book: Book) -> str:
    """Where walks of the book as it is defined now are kept."""
    config = book.config
    facts = {name: asdict(fact) for name, fact in config.facts.items()}
    told = [FORMAT, __version__, book.instruments, sectors_of(book), dict(styles_of(book)), asdict(config.risk), config.calendar]
    text = json.dumps([*told, config.since.isoformat(), config.bars, facts, config.decision_hours], sort_keys=True)
    return f"{book.name}/{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _keep(context: Context, book: Book, walk: Walk, basis: Basis) -> None:
    assert context.states is not None
    plain = {"as_of_ns": basis.as_of_ns, "window_ns": basis.window_ns, "late_ns": basis.late_ns}
    told = json.dumps({**plain, "versions": dict(basis.versions), "actions": basis.actions, "facts": basis.facts}).encode()
    arrays = {
        "sessions": basis.sessions,
        "digests": basis.digests,
        "level": np.stack([basis.level.price, basis.level.volume, basis.level.close]),
        "told": np.frombuffer(told, np.uint8),
    }
    content = io.BytesIO()
    np.savez(content, **{f"basis_{name}": one for name, one in arrays.items()}, **walk.arrays())  # type: ignore[arg-type]  # it types a keyword as bool
    sealed = hashlib.sha256(content.getvalue()).digest() + content.getvalue()
    try:
        context.states.write(_folder(book), session_name(int(basis.sessions[-1])), sealed, keep=KEPT_MAX)
    except OSError as error:  # a full disk costs the next night its step, and not this one its model
        context.progress(f"risk_model: the walk is not kept: {error}")


def _kept(context: Context, book: Book, partition: str) -> tuple[Walk, Basis]:
    """The last walk of a session by the partition's day. Raises Missing where there is none, Unreadable for one that was changed."""
    assert context.states is not None
    folder, day = _folder(book), session_name(day_ns(partition))
    names = [name for name in context.states.names(folder) if name <= day]
    if not names:
        raise Missing(f"walk kept of {book.name}: none of a session by {day}, expected one of the night before")
    sealed = context.states.read(folder, max(names))
    content = sealed[SEAL_BYTES:]
    if hashlib.sha256(content).digest() != sealed[:SEAL_BYTES]:
        raise Unreadable(
            f"walk kept of {book.name} {max(names)}: {len(sealed)} bytes with another SHA-256, expected those that were written"
        )
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    told = json.loads(arrays["basis_told"].tobytes())
    level = Level(*arrays["basis_level"])
    basis = Basis(sessions=arrays["basis_sessions"], digests=arrays["basis_digests"], level=level, **told)
    return restored(book, factors_of(book), arrays), basis
