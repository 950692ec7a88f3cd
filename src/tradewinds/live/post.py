"""`Post`: carries what one account's core has for another's, within one process.

1. What leaves was journalled where it comes from; it is kept here until the account that it is for has journalled it too.
2. An account that is not up gets it when it is, in order; one that was brought up anew gets again what it had not journalled. Either
   way it may come twice: cores pass over what they know, by its number.
3. So many messages are under way to one account at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tradewinds.core.errors import Transient
from tradewinds.trading.command import PassCommand
from tradewinds.trading.entry import Elsewhere, Entry, HandOver, Input

AHEAD_MAX = 256  # messages of one kind from one account to another that it has not journalled yet

Word = HandOver | Elsewhere
Way = tuple[str, str, str]  # kind, from, to


@dataclass(slots=True)
class Box:
    """Words on one way, oldest first. given: how many of them were put to the account's loop. known: number of the last that came here
    or was journalled there."""

    words: deque[Word] = field(default_factory=deque)
    given: int = 0
    known: int = 0


class Post:
    """put: gives a word to an account's loop, False while it does not trade. lost: told of what is for an account that is not here."""

    def __init__(self, put: Mapping[str, Callable[[Input], bool]], lost: Callable[[str, Word], None]) -> None:
        self._put = put
        self._lost = lost
        self._boxes: dict[Way, Box] = {}
        self._late: set[Way] = set()  # what could not be put because too much waited there

    @property
    def waiting(self) -> Mapping[str, int]:
        """Account -> words for it that it has not journalled."""
        found: dict[str, int] = {}
        for (_, _, account), box in self._boxes.items():
            found[account] = found.get(account, 0) + len(box.words)
        return found

    def take(self, command: PassCommand) -> None:
        """A word that is durable where it comes from."""
        way = _way(command.given, command.account)
        if command.account not in self._put:
            self._lost(command.account, command.given)
            return  # it leaves again when both are there
        box = self._boxes.setdefault(way, Box())
        if command.given.number > box.known:
            box.known = command.given.number
            box.words.append(command.given)
            self._give(way, box)

    def journalled(self, account: str, entry: Entry) -> None:
        """An account made a step durable: if it was one of these words, it needs it no more."""
        given = entry.input
        for way in [one for one in self._late if one[2] == account]:
            self._give(way, self._boxes[way])
        if not isinstance(given, HandOver | Elsewhere):
            return
        way = _way(given, account)
        box = self._boxes.setdefault(way, Box())
        box.known = max(box.known, given.number)
        while box.words and box.words[0].number <= given.number:
            box.words.popleft()
            box.given = max(box.given - 1, 0)
        self._give(way, box)

    def is_up(self, account: str) -> None:
        """An account began to trade, perhaps anew: it gets everything that it has not journalled."""
        for way, box in self._boxes.items():
            if way[2] == account:
                box.given = 0
                self._give(way, box)

    def _give(self, way: Way, box: Box) -> None:
        while box.given < min(len(box.words), AHEAD_MAX):
            try:
                if not self._put[way[2]](box.words[box.given]):
                    return
            except Transient:
                self._late.add(way)
                return  # it is tried again when the account has journalled something
            box.given += 1
        self._late.discard(way)


def _way(given: Word, account: str) -> Way:
    return ("orders", given.home, account) if isinstance(given, HandOver) else ("news", given.account, account)
