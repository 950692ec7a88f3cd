"""The sessions of a track record as `profit_attribution` wants them: what was held, what prices made of it, what it cost.

1. values: what is held at the close of a row, at its last close and rate; it is held over the session that follows.
2. gains of an instrument: change of its value - what was bought in the session + what was sold, slippage given back, since it is a cost.
3. costs: commission, slippage, and each kind of charge. What revalued cash in other currencies made belongs to no line: unexplained.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tradewinds.core.errors import Rejected
from tradewinds.performance.exposure import holdings
from tradewinds.performance.track_record import CASH, Floats, Ints, TrackRecord


@dataclass(frozen=True, slots=True, eq=False)
class SessionProfit:
    """Of the T sessions between T + 1 rows, account currency. profit: (T,). values, gains: (T, N). costs: (T,) by kind, negative paid."""

    profit: Floats
    values: Floats
    gains: Floats
    costs: Mapping[str, Floats]


def session_profit(record: TrackRecord, rows: Ints) -> SessionProfit:
    """rows: (T + 1,), rising, the closes that part the sessions; counting starts at the first. Raises Rejected where they do not fit."""
    if len(rows) < 2 or not (rows[1:] > rows[:-1]).all() or rows[0] < record.first_row or rows[-1] >= record.last_row:
        raise Rejected(f"profit by session: {len(rows)} rows, expected two or more, rising, within [{record.first_row}, {record.last_row})")
    worth = holdings(record, rows).value
    log, charges = record.fills, record.charges
    fill_session, fill_counts = _session_of(rows, log.row)
    rate = _rates(record, log.row, log.instrument)
    amount = log.quantity * log.price * record.multiplier[log.instrument] * rate
    bought = np.zeros((len(rows) - 1, len(record.instruments)))
    slippage = np.nan_to_num(log.slippage) * rate
    np.add.at(bought, (fill_session[fill_counts], log.instrument[fill_counts]), (amount - slippage)[fill_counts])
    costs = {
        "commission": _summed(rows, fill_session, fill_counts, -np.nan_to_num(log.commission) * rate),
        "slippage": _summed(rows, fill_session, fill_counts, -slippage),
    }
    charge_session, charge_counts = _session_of(rows, charges.row)
    charged = charges.amount * _rates(record, charges.row, charges.instrument)
    for code, kind in enumerate(charges.kinds):
        costs[kind] = _summed(rows, charge_session, charge_counts & (charges.kind == code), charged)
    return SessionProfit(np.diff(record.equity[rows]), worth[:-1], np.diff(worth, axis=0) - bought, costs)


def _session_of(rows: Ints, happened: Ints) -> tuple[Ints, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]:
    """Which session each row of a log lies in, and whether it lies in any: a session is (close before, its close]."""
    session = np.searchsorted(rows, happened, side="left") - 1
    return session, (session >= 0) & (session < len(rows) - 1)


def _summed(rows: Ints, session: Ints, counts: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], amounts: Floats) -> Floats:
    return np.bincount(session[counts], weights=amounts[counts], minlength=len(rows) - 1).astype(np.float64)


def _rates(record: TrackRecord, row: Ints, instrument: Ints) -> Floats:
    if not len(row):
        return np.empty(0)
    at = row if len(record.rates) > 1 else np.zeros(len(row), np.int64)
    return np.where(instrument == CASH, 1.0, record.rates[at, np.maximum(instrument, 0)])
