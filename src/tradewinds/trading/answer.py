"""What `on_bar` of an event strategy may answer, and what it then asks of its view."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tradewinds.core.errors import Rejected
from tradewinds.trading.desk import Desk
from tradewinds.trading.intent import Asked, Bracket, Intent, OneCancelsOther
from tradewinds.trading.view import View


def take_answer(view: View, desk: Desk, answer: object) -> None:
    """A target, targets by instrument or in the order of instruments, an intent or a list of them; None asks for nothing."""
    if answer is None:
        return
    if isinstance(answer, Mapping):
        for instrument, value in answer.items():
            desk.target(view.column(instrument), value, None)
    elif isinstance(answer, np.ndarray) and answer.ndim > 0:
        if answer.shape != (len(view.instruments),):
            raise Rejected(f"targets of shape {answer.shape}, expected ({len(view.instruments)},), one an instrument")
        for column, value in enumerate(answer.tolist()):
            desk.target(column, value, None)
    elif isinstance(answer, Intent | Bracket | OneCancelsOther):
        _place(view, answer)
    elif isinstance(answer, list | tuple):
        for one in answer:
            if not isinstance(one, Intent | Bracket | OneCancelsOther):
                raise Rejected(f"an answer holds {one!r}, expected intents, brackets or one-cancels-others")
            _place(view, one)
    else:
        desk.target(view.column(None), answer, None)  # type: ignore[arg-type]  # refused there, by value, where it is no number


def _place(view: View, asked: Asked) -> None:
    if isinstance(asked, Intent):
        view.submit(asked)
    elif isinstance(asked, Bracket):
        view.submit_bracket(asked)
    else:
        view.one_cancels_other(*asked.intents)
