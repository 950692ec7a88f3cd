"""What was held: positions, values, gross and net exposure, time in the market, turnover.

Values are at the last close known at a sample, in account currency. An instrument that has not traded yet counts as 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tradewinds.compiled import compiled
from tradewinds.performance.returns import Samples
from tradewinds.performance.track_record import Floats, Ints, TrackRecord
from tradewinds.performance.trades import kept_units


@dataclass(frozen=True, slots=True)
class Exposure:
    """time: share of bars at whose close a position stood. gross, net: fractions of equity at samples. turnover: times the equity, a year.

    turnover = (bought + sold) / 2 / average equity, x periods a year / periods. Source: SEC Form N-1A counts the smaller side; half of both
    is the same where money neither comes nor goes, and defined where one side is empty.
    """

    time: float
    gross_average: float | None
    gross_highest: float | None
    net_average: float | None
    traded: float  # bought + sold, account currency
    turnover: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Holdings:
    """At samples: quantity (samples, instruments) in units, price likewise (last close, NaN before one), value in account currency."""

    quantity: Floats
    price: Floats
    value: Floats


def holdings(record: TrackRecord, rows: Ints) -> Holdings:
    """What was held at the close of these rows (rising)."""
    quantity = quantities(record, rows)
    price = np.full(quantity.shape, np.nan)
    log = record.fills
    _priced(record.close, np.ascontiguousarray(rows, dtype=np.int64), log.row, log.instrument, log.ratio, price)
    rates = record.rates[rows] if len(record.rates) > 1 else record.rates
    value = np.where(quantity == 0.0, 0.0, quantity * np.nan_to_num(price) * record.multiplier * rates)
    return Holdings(quantity, price, value)


def quantities(record: TrackRecord, rows: Ints) -> Floats:
    """(rows, instruments) units held at the close of these rows (rising), signed."""
    log, found = record.fills, np.zeros((len(rows), len(record.instruments)))
    _held(log.row, log.instrument, log.quantity, log.ratio, record.lot, np.ascontiguousarray(rows, dtype=np.int64), found)
    return found


def held_before(record: TrackRecord, rows: Ints, instruments: Ints) -> Floats:
    """(events,) units held of each event's instrument before the fills of its row; instruments at least 0, rows in any order."""
    order = np.argsort(rows, kind="stable")
    log, found = record.fills, np.zeros(len(rows))
    _before(
        log.row, log.instrument, log.quantity, log.ratio, record.lot, len(record.instruments), rows[order], instruments[order], order, found
    )  # fmt: skip
    return found


def sides(record: TrackRecord, rows: Ints) -> Floats:
    """(rows, 2) worth of longs and of shorts, both positive, at the close of these rows (rising); needs no array per instrument."""
    log = record.fills
    found = np.zeros((len(rows), 2))
    _sides(
        record.close, np.ascontiguousarray(rows, dtype=np.int64), log.row, log.instrument, log.quantity, log.ratio, record.lot,
        record.multiplier, record.rates, found,
    )  # fmt: skip
    return found


def exposure(record: TrackRecord, samples: Samples, periods_per_year: float) -> Exposure:
    """Of the whole record, at its samples."""
    equity = np.where(samples.values > 0, samples.values, np.nan)
    worth = sides(record, samples.rows)
    gross, net = (worth[:, 0] + worth[:, 1]) / equity, (worth[:, 0] - worth[:, 1]) / equity
    known = np.isfinite(gross)
    log = record.fills
    units = np.abs(log.quantity) * log.price
    rates = record.rates[log.row if len(record.rates) > 1 else np.zeros(len(log.row), np.int64), log.instrument]
    traded = math.fsum(np.abs(units * record.multiplier[log.instrument] * rates))
    average = float(samples.values.mean())
    years = (len(samples.values) - 1) / periods_per_year
    bars = _time_in_market(
        log.row, log.instrument, log.quantity, log.ratio, record.lot, len(record.instruments), record.first_row, record.last_row
    )
    return Exposure(
        time=bars / (record.last_row - record.first_row),
        gross_average=float(gross[known].mean()) if known.any() else None,
        gross_highest=float(gross[known].max()) if known.any() else None,
        net_average=float(net[known].mean()) if known.any() else None,
        traded=traded,
        turnover=traded / 2 / average / years if average > 0 and years > 0 else None,
    )


@compiled
def _before(
    row: Ints, instrument: Ints, quantity: Floats, ratio: Floats, lot: Floats, width: int, rows: Ints, instruments: Ints, order: Ints,
    out: Floats,
) -> None:  # fmt: skip
    now, largest = np.zeros(width), np.zeros(width)
    at = 0
    for event in range(len(rows)):
        while at < len(row) and row[at] < rows[event]:
            _step(at, instrument, quantity, ratio, lot, now, largest)
            at += 1
        out[order[event]] = now[instruments[event]]


@compiled
def _sides(
    close: Floats, rows: Ints, row: Ints, instrument: Ints, quantity: Floats, ratio: Floats, lot: Floats, multiplier: Floats,
    rates: Floats, out: Floats,
) -> None:  # fmt: skip
    width = close.shape[1]
    last, units, largest = np.full(width, np.nan), np.zeros(width), np.zeros(width)
    now = at = 0
    for sample in range(len(rows)):
        while now <= rows[sample]:
            while at < len(row) and row[at] <= now:
                if not np.isnan(ratio[at]):
                    last[instrument[at]] /= ratio[at]
                _step(at, instrument, quantity, ratio, lot, units, largest)
                at += 1
            for column in range(width):
                if not np.isnan(close[now, column]):
                    last[column] = close[now, column]
            now += 1
        rate = rates[rows[sample] if len(rates) > 1 else 0]
        for column in range(width):
            if units[column] != 0.0 and not np.isnan(last[column]):
                value = units[column] * last[column] * multiplier[column] * rate[column]
                out[sample, 0 if value > 0.0 else 1] += abs(value)


@compiled
def _held(row: Ints, instrument: Ints, quantity: Floats, ratio: Floats, lot: Floats, rows: Ints, out: Floats) -> None:
    now, largest = np.zeros(out.shape[1]), np.zeros(out.shape[1])
    at = 0
    for sample in range(len(rows)):
        while at < len(row) and row[at] <= rows[sample]:
            _step(at, instrument, quantity, ratio, lot, now, largest)
            at += 1
        out[sample] = now


@compiled
def _time_in_market(row: Ints, instrument: Ints, quantity: Floats, ratio: Floats, lot: Floats, width: int, first: int, last: int) -> int:
    """Bars of [first, last) at whose close something was held."""
    now, largest = np.zeros(width), np.zeros(width)
    positions, bars, since = 0, 0, first
    for at in range(len(row)):
        if row[at] > since:
            bars += min(row[at], last) - since if positions > 0 else 0
            since = row[at]
        one = instrument[at]
        before = now[one] != 0.0
        _step(at, instrument, quantity, ratio, lot, now, largest)
        positions += (now[one] != 0.0) - before
    return bars + (max(last - since, 0) if positions > 0 else 0)


@compiled
def _step(at: int, instrument: Ints, quantity: Floats, ratio: Floats, lot: Floats, now: Floats, largest: Floats) -> None:
    one = instrument[at]
    if not np.isnan(ratio[at]):
        now[one] = kept_units(now[one] * ratio[at], lot[one])
        largest[one] *= ratio[at]
        return
    now[one] += quantity[at]
    largest[one] = max(largest[one], abs(now[one]), abs(quantity[at]))
    if abs(now[one]) <= 1e-9 * largest[one]:
        now[one] = largest[one] = 0.0


@compiled
def _priced(close: Floats, rows: Ints, row: Ints, instrument: Ints, ratio: Floats, out: Floats) -> None:
    """The last close at each of `rows`, in the units of that row: a split since divides it."""
    last = np.full(out.shape[1], np.nan)
    now = at = 0
    for sample in range(len(rows)):
        while now <= rows[sample]:
            while at < len(row) and row[at] <= now:
                if not np.isnan(ratio[at]):
                    last[instrument[at]] /= ratio[at]
                at += 1
            for column in range(out.shape[1]):
                if not np.isnan(close[now, column]):
                    last[column] = close[now, column]
            now += 1
        out[sample] = last
