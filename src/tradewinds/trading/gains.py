"""Realised gains as rows of a table: what a tax return and a person ask of every lot that was closed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext

from tradewinds.core.account import Gain, LotMethod
from tradewinds.core.instant import text as instant_text
from tradewinds.core.instrument import Instrument
from tradewinds.core.money import NUMBERS

COLUMNS = ("instrument", "quantity", "opened", "closed", "proceeds", "cost", "gain", "currency", "method", "strategy")


@dataclass(frozen=True, slots=True)
class GainRow:
    """One lot, or part of one, that was closed. quantity: signed as it was held. Money in `currency`, before commission.

    cost: what was paid to get in, proceeds: what came of it; for a short, proceeds came first and cost last. gain = proceeds - cost.
    """

    instrument: str
    quantity: Decimal
    opened_ns: int
    closed_ns: int
    proceeds: Decimal
    cost: Decimal
    gain: Decimal
    currency: str
    method: LotMethod
    strategy: str


def gain_rows(gains: Iterable[tuple[str, Gain]], method: LotMethod, instruments: Mapping[str, Instrument]) -> Iterator[GainRow]:
    """Rows of `Books.gains`, in the order in which lots were closed. instruments: for the size of a contract; 1 where not known."""
    for strategy, one in gains:
        rules = instruments.get(one.instrument)
        multiplier = Decimal(1) if rules is None else rules.multiplier
        with localcontext(NUMBERS):
            opened = abs(one.quantity) * one.opened_price * multiplier
            closed = abs(one.quantity) * one.closed_price * multiplier
        cost, proceeds = (opened, closed) if one.quantity > 0 else (closed, opened)
        yield GainRow(
            one.instrument, one.quantity, one.opened_ns, one.closed_ns, proceeds, cost, one.amount, one.currency, method, strategy
        )


def gain_table(rows: Iterable[GainRow]) -> str:
    """CSV text with a heading; instants as ISO 8601 in UTC, numbers without exponents."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in rows:
        writer.writerow(
            (
                one.instrument,
                f"{one.quantity:f}",
                instant_text(one.opened_ns),
                instant_text(one.closed_ns),
                f"{one.proceeds:f}",
                f"{one.cost:f}",
                f"{one.gain:f}",
                one.currency,
                one.method,
                one.strategy,
            )
        )
    return text.getvalue()
