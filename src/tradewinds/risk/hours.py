"""When instruments may be traded: sessions as arrays, asked by instant."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence

from tradewinds.core.errors import Rejected


class Hours:
    """Sessions by instrument; `is_open` answers for one instant."""

    def __init__(self, sessions: Mapping[str, Iterable[Sequence[int]]]) -> None:
        """sessions: by instrument, rising, each (open_ns, close_ns) or (open, break start, break end, close) as calendars have them.

        The edges of one calendar may be given for many instruments: they are kept once.
        """
        kept: dict[int, list[int]] = {}
        self._edges = {name: kept.setdefault(id(rows), _edges(name, rows)) for name, rows in sessions.items()}

    def is_open(self, instrument: str, at_ns: int) -> bool | None:
        """Whether a session is under way then; None for an instrument whose sessions are not known."""
        edges = self._edges.get(instrument)
        # Edges alternate between opening and closing: after an odd number of them it is open.
        return None if edges is None else bisect_right(edges, at_ns) % 2 == 1


def _edges(name: str, rows: Iterable[Sequence[int]]) -> list[int]:
    edges: list[int] = []
    for row in rows:
        stretch = [int(edge) for edge in row]
        if len(stretch) not in (2, 4) or stretch != sorted(stretch) or (edges and stretch[0] < edges[-1]):
            raise Rejected(f"sessions of {name}: {stretch}, expected two or four rising instants after the session before")
        if len(stretch) == 4 and stretch[1] == stretch[2]:
            stretch = [stretch[0], stretch[3]]
        if edges and stretch[0] == edges[-1]:
            edges.pop()
            stretch = stretch[1:]
        edges += stretch
    return edges
