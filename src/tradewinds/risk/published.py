"""A risk model as the frames that are published for users, and back: one dataset each for exposures, returns, covariance and specific risk.

Frames have instrument, start_ns, event_ns, known_ns and values; a factor is the instrument `<FACTOR>.RISK`, as `MOMENTUM.RISK`. Whoever
publishes adds when and from where. `datasets` declares them to the lake.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.observation import RESERVED, Column, Dataset
from tradewinds.risk.cube_compiled import laid_out
from tradewinds.risk.factor_returns import FactorReturns, Floats
from tradewinds.risk.risk_model import RiskModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

EXPOSURES, RETURNS, COVARIANCE, SPECIFIC = "risk-exposures", "risk-returns", "risk-covariance", "risk-specific"
VENUE = "RISK"
_FACTOR = re.compile(r"[a-z][a-z0-9_]{0,47}")


def datasets(factors: Sequence[str], suffix: str = "") -> dict[str, Dataset]:
    """The declarations by plain name (`risk-exposures`); suffix is put to their names, for a lake with several models."""
    columns = tuple(Column(_checked(factor)) for factor in factors)
    return {
        name: Dataset(name + suffix, kept, partitioning="year", description=about)
        for name, kept, about in (
            (EXPOSURES, columns, "exposure of each instrument to each factor, known after the session"),
            (RETURNS, (Column("value", unit="fraction"),), "return of each factor over the session"),
            (COVARIANCE, columns, "covariance of factor returns, of one session"),
            (
                SPECIFIC,
                (Column("specific_variance"), Column("specific_return", unit="fraction")),
                "variance of one session, and return of it, that no factor explains",
            ),
        )
    }


def to_frames(model: RiskModel, returns: FactorReturns | None = None, *, event_ns: int | None = None) -> dict[str, pl.DataFrame]:
    """The model's frames by dataset; with the session's factor and specific returns where `returns` holds that session.

    event_ns: when the session ends, its start when None.
    """
    ids = [_id(factor) for factor in model.factors]
    ended = model.at_ns if event_ns is None else event_ns
    specific = pl.DataFrame({"specific_variance": model.specific_variance})
    frames = {
        EXPOSURES: _timed(model, ended, model.instruments, pl.DataFrame(model.exposures, schema=list(model.factors))),
        COVARIANCE: _timed(model, ended, ids, pl.DataFrame(model.factor_covariance, schema=list(model.factors))),
    }
    row = None if returns is None else _row_of(returns, model.at_ns)
    if returns is not None and row is not None:
        frames[RETURNS] = _timed(
            model, ended, [_id(name) for name in returns.factors], pl.DataFrame({"value": returns.values[row]}, nan_to_null=True)
        )
        place = {name: n for n, name in enumerate(returns.instruments)}
        own = np.array([returns.specific[row, place[name]] if name in place else np.nan for name in model.instruments])
        specific = specific.with_columns(pl.Series("specific_return", own, nan_to_null=True))
    else:
        specific = specific.with_columns(pl.lit(None, pl.Float64).alias("specific_return"))
    return frames | {SPECIFIC: _timed(model, ended, model.instruments, specific)}


def from_frames(frames: Mapping[str, pl.DataFrame], *, kind: str, periods_a_year: float, at_ns: int | None = None) -> RiskModel:
    """The model of one session, the last that has a covariance when at_ns is None. Raises DataFault where a part is missing."""
    lacking = sorted({EXPOSURES, COVARIANCE, SPECIFIC} - set(frames))
    if lacking:
        raise DataFault(f"risk model from frames: {lacking} are missing, expected exposures, covariance and specific risk")
    starts = frames[COVARIANCE]["start_ns"]
    if at_ns is None and starts.is_empty():
        raise DataFault("risk model from frames: an empty covariance, expected at least one session")
    at = int(starts.max()) if at_ns is None else at_ns  # type: ignore[arg-type]  # start_ns is Int64; polars types max() for any column
    chosen = {name: frames[name].filter(pl.col("start_ns") == at) for name in (EXPOSURES, COVARIANCE, SPECIFIC)}
    empty = [name for name, frame in chosen.items() if frame.is_empty()]
    if empty:
        raise DataFault(f"risk model from frames: {empty} have no row of session {at}, expected it in all")
    factors = [name.removesuffix(f".{VENUE}").lower() for name in chosen[COVARIANCE]["instrument"]]
    own = chosen[SPECIFIC].select("instrument", "specific_variance")
    joined = chosen[EXPOSURES].join(own, on="instrument", how="inner").sort("instrument")
    if joined.height != chosen[EXPOSURES].height:
        raise DataFault(
            f"risk model from frames: {chosen[EXPOSURES].height} instruments, specific risk of {joined.height}, expected of all"
        )
    known = max(int(frame["known_ns"].max()) for frame in chosen.values())  # type: ignore[arg-type]  # as above
    return RiskModel(
        at, known, kind, tuple(joined["instrument"]), tuple(factors), _values(joined, factors), _values(chosen[COVARIANCE], factors),
        joined["specific_variance"].to_numpy().copy(), periods_a_year,
    )  # fmt: skip


def returns_from_frames(returns: pl.DataFrame, specific: pl.DataFrame, factors: Sequence[str] | None = None) -> FactorReturns:
    """Published `risk-returns` and `risk-specific` of many sessions, for a `RiskState` or a stress; t statistics are not kept.

    factors: which, and their order; all in order of appearance when None. Raises DataFault for one that was not published.
    """
    wide = returns.pivot(on="instrument", index="start_ns", values="value").sort("start_ns")
    own = specific.pivot(on="instrument", index="start_ns", values="specific_return").sort("start_ns")
    own = wide.select("start_ns").join(own, on="start_ns", how="left", maintain_order="left")
    ids, names = wide.columns[1:] if factors is None else [_id(factor) for factor in factors], own.columns[1:]
    lacking = sorted(set(ids) - set(wide.columns))
    if lacking:
        raise DataFault(f"factor returns from frames: {lacking} are missing, expected them among {wide.columns[1:]}")
    times = wide["start_ns"].to_numpy().astype(np.int64)
    values, left = _values(wide, ids), _values(own, names)
    return FactorReturns(
        tuple(name.removesuffix(f".{VENUE}").lower() for name in ids), tuple(names), times, values, left,
        np.full(len(times), np.nan), np.full(values.shape, np.nan),
    )  # fmt: skip


def cube(frame: pl.DataFrame, columns: Sequence[str], instruments: Sequence[str], times: NDArray[np.int64]) -> Floats:
    """(T, N, K) of rows with instrument and start_ns in any order; NaN where there is no row or no value, rows of others are left out.

    times: (T,) rising. Rows in order of instrument and time are laid out fastest.
    """
    found = np.full((len(times), len(instruments), len(columns)), np.nan)
    if not len(times) or not len(instruments) or frame.is_empty():
        return found
    runs = frame["instrument"].rle().struct.unnest()
    place = {name: n for n, name in enumerate(instruments)}
    column = np.repeat(np.array([place.get(name, -1) for name in runs["value"]], np.int64), runs["len"].to_numpy())
    starts = frame["start_ns"].to_numpy()
    row = np.minimum(np.searchsorted(times, starts), len(times) - 1)
    column[times[row] != starts] = -1
    laid_out(frame.select(pl.col(list(columns)).cast(pl.Float64)).to_numpy(order="fortran").T, row, column, found)
    return found


def _timed(model: RiskModel, event_ns: int, instruments: Sequence[str], values: pl.DataFrame) -> pl.DataFrame:
    times = {"start_ns": model.at_ns, "event_ns": event_ns, "known_ns": max(model.known_ns, event_ns)}
    head = [pl.Series("instrument", list(instruments), pl.String)]
    head += [pl.Series(name, np.full(len(instruments), value, np.int64)) for name, value in times.items()]
    return pl.DataFrame(head).hstack(values)


def _values(frame: pl.DataFrame, columns: Sequence[str]) -> Floats:
    found = frame.select(pl.col(list(columns)).cast(pl.Float64).fill_null(float("nan"))).to_numpy()
    return np.ascontiguousarray(found, np.float64)


def _row_of(returns: FactorReturns, at_ns: int) -> int | None:
    found = np.flatnonzero(returns.times == at_ns)
    return int(found[0]) if len(found) else None


def _id(factor: str) -> str:
    return f"{_checked(factor).upper()}.{VENUE}"


def _checked(factor: str) -> str:
    if _FACTOR.fullmatch(factor) is None or factor in RESERVED:
        raise Rejected(f"risk factor {factor!r}, expected lower-case letters, digits and _, beginning with a letter, and no reserved name")
    return factor
