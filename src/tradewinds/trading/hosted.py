"""`Hosted`: one strategy as an account runs it, checked before it starts: what cannot run live is refused here, not at night."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tradewinds.calendars.sessions import Calendar
from tradewinds.core.errors import Rejected
from tradewinds.core.instant import NS_PER_SECOND
from tradewinds.core.instrument import Instrument
from tradewinds.core.market import Interval
from tradewinds.trading import state
from tradewinds.trading.elsewhere import HAND_OVER_VALID_S_MAX
from tradewinds.trading.own_book import Conversion, OwnBook
from tradewinds.trading.rhythm import rhythm
from tradewinds.trading.strategy import Params, Strategy
from tradewinds.trading.window import BAR_FIELDS

WARM_UP_LOOKBACKS = 14  # a recursive average of the lookback's length then forgets how it began to 1e-12
WARM_UP_BARS_MAX = 5000


@dataclass(frozen=True, slots=True)
class Hosted:
    """Name: of its book on the account. parameters: by name, over the defaults. instruments: its columns, in order.

    currency: the account's; its capital is what `Allot` gave its book. conversions: of the other currencies that its instruments have.
    calendar: of its sessions, needed for every rhythm but "every bar". warm_up_bars: history before the lookback that a decision sees,
    so that recursive indicators forget how they began; None: fourteen lookbacks. elsewhere: the accounts of instruments that are not
    traded where it decides.
    """

    name: str
    strategy: Strategy
    instruments: tuple[Instrument, ...]
    currency: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    conversions: Mapping[str, Conversion] = field(default_factory=dict)
    calendar: Calendar | None = None
    warm_up_bars: int | None = None
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    @property
    def params(self) -> Params:
        return self.strategy.params(self.parameters)

    @property
    def lookback_bars(self) -> int:
        return self.strategy.lookback_bars(self.params)

    @property
    def window_bars(self) -> int:
        """Bars that its window holds."""
        lookback = self.lookback_bars
        wanted = WARM_UP_LOOKBACKS * lookback if self.warm_up_bars is None else self.warm_up_bars
        return lookback + min(wanted, WARM_UP_BARS_MAX)

    @property
    def valid_ns(self) -> int:
        """How long after a decision its orders may still leave on another account: until the next bar, an hour at most."""
        longest_ns = int(HAND_OVER_VALID_S_MAX * NS_PER_SECOND)
        return min(Interval(self.strategy.interval).ns or longest_ns, longest_ns)

    def own_book(self) -> OwnBook:
        """Its part of its accounts."""
        return OwnBook(self.name, self.instruments, self.currency, self.conversions, self.elsewhere)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of what makes it decide as it does: its code, parameters, instruments and terms."""
        said = {
            "source": self.strategy.source, "name": self.strategy.name, "parameters": self.params.as_dict(),
            "instruments": [str(one) for one in self.instruments], "currency": self.currency,
            "interval": self.strategy.interval, "rhythm": self.strategy.rhythm, "window": self.window_bars,
        } | ({"elsewhere": dict(self.elsewhere)} if self.elsewhere else {})  # fmt: skip
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def check(self) -> None:
        """Raises Rejected naming what cannot run live."""
        what, strategy = f"strategy {self.name}", self.strategy
        if not self.instruments:
            raise Rejected(f"{what}: no instruments, expected at least one")
        if strategy.datasets:
            raise Rejected(f"{what}: dataset {strategy.datasets[0]!r}, expected none: live, strategies see bars alone")
        wrong = [name for name in strategy.fields if name not in BAR_FIELDS]
        if wrong:
            raise Rejected(f"{what}: field {wrong[0]!r}, expected some of {', '.join(BAR_FIELDS)}, which every feed brings")
        if not rhythm(strategy.rhythm).is_every_bar and self.calendar is None:
            raise Rejected(f"{what}: rhythm {strategy.rhythm!r} without a calendar, expected the one of its instruments")
        for one in self.instruments:
            if one.currency != self.currency and one.currency not in self.conversions:
                raise Rejected(f"{what}: {one.id} is in {one.currency}, expected {self.currency} or a conversion of it")
        if strategy.kind == "event":
            self._check_code()

    def _check_code(self) -> None:
        """That an object of it can be made, decides, and can be written down."""
        code = strategy_object(self)
        try:
            state.dump(code)
        except Rejected as error:
            raise Rejected(f"strategy {self.name}: {error}; live its state has to survive a restart") from error


def strategy_object(hosted: Hosted) -> Any:
    """A fresh object of an event strategy; raises Rejected naming the strategy where it cannot be made."""
    try:
        code = hosted.strategy.code(hosted.params)
    except Exception as error:
        raise Rejected(f"strategy {hosted.name}: raised {type(error).__name__}: {error} when it was made, expected it to be") from error
    if not callable(getattr(code, "on_bar", None)):
        raise Rejected(f"strategy {hosted.name}: {type(code).__name__} has no on_bar, expected a class with on_bar(self, view)")
    return code
