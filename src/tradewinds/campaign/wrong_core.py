"""Inputs that a wrong core takes for others; `mutants` plants them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tradewinds.trading.entry import Answered, Doubt, Input

Change = Callable[[Input], Input]


def _submit_doubt(after: Doubt) -> Change:
    def change(given: Input) -> Input:
        if isinstance(given, Answered) and given.ask == "submit" and given.doubt == "unknown":
            return replace(given, doubt=after)
        return given

    return change


UNKNOWN_IS_REJECTED = _submit_doubt("rejected")
UNKNOWN_IS_NOT_SENT = _submit_doubt("transient")
