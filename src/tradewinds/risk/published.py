"""A risk model as the frames that are published for users, and back: one each for exposures, returns, covariance and specific risk.

Frames have instrument, start_ns, event_ns, known_ns and values; a factor is the instrument `<FACTOR>.RISK`, as `MOMENTUM.RISK`. Whoever
publishes adds when and from where.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from tradewinds.core.errors import DataFault
from tradewinds.risk.cube_compiled import laid_out
from tradewinds.risk.factor_returns import Floats, Ints
from tradewinds.risk.risk_model import RiskModel

EXPOSURES, COVARIANCE, SPECIFIC = "risk-exposures", "risk-covariance", "risk-specific"
VENUE = "RISK"


def factor_id(factor: str) -> str:
    """The instrument of a factor's rows."""
    return f"{factor.upper().replace(' ', '_')}.{VENUE}"


def factor_name(instrument: str) -> str:
    """The factor of an instrument's rows, as people read it."""
    return instrument.removesuffix(f".{VENUE}").lower().replace("_", " ")


def to_frames(
    model: RiskModel, specific: Mapping[str, float], *, event_ns: int | None = None, factors: Sequence[str] | None = None
) -> dict[str, pl.DataFrame]:
    """Exposures, covariance and specific risk of the model's session by name of the dataset.

    specific: the session's specific return by instrument. event_ns: when the session ends, its start when None. factors: the columns, those
    of the model when None; one that the model could not have is a column of nulls.
    """
    names = model.factors if factors is None else factors
    own = {
        "specific_return": np.array([specific.get(name, np.nan) for name in model.instruments]),
        "specific_variance": model.specific_variance,
    }
    ended = model.at_ns if event_ns is None else event_ns
    ids = [factor_id(name) for name in model.factors]
    return {
        EXPOSURES: _timed(model, ended, model.instruments, _by_factor(model, model.exposures, names)),
        COVARIANCE: _timed(model, ended, ids, _by_factor(model, model.factor_covariance, names)),
        SPECIFIC: _timed(model, ended, model.instruments, own),
    }


def returns_frame(factors: Sequence[str], times: Ints, event_ns: Ints, known_ns: Ints, values: Floats, t_stats: Floats) -> pl.DataFrame:
    """Returns of factors, values and t_stats (T, K), as rows of each factor's sessions; times, event_ns, known_ns: (T,)."""
    count = len(factors)
    return pl.DataFrame(
        {
            "instrument": [factor_id(name) for name in factors for _ in times],
            "start_ns": np.tile(times, count),
            "event_ns": np.tile(event_ns, count),
            "known_ns": np.tile(known_ns, count),
            "value": values.ravel(order="F"),
            "t_statistic": t_stats.ravel(order="F"),
        }
    ).with_columns(pl.col("value", "t_statistic").fill_nan(None))


def from_frames(frames: Mapping[str, pl.DataFrame], factors: Sequence[str], *, kind: str, periods_a_year: float) -> RiskModel:
    """The model of the one session that is in the frames, of those of the factors that it has. Raises DataFault where a part is missing."""
    parts = {name: frames.get(name, pl.DataFrame()) for name in (EXPOSURES, COVARIANCE, SPECIFIC)}
    empty = [name for name, frame in parts.items() if frame.is_empty()]
    if empty:
        raise DataFault(f"risk model from frames: {empty} have no rows, expected exposures, covariance and specific risk")
    starts = {start for frame in parts.values() for start in frame["start_ns"].unique()}
    if len(starts) > 1:
        raise DataFault(f"risk model from frames: sessions {sorted(starts)}, expected all of one")
    row = {name: place for place, name in enumerate(parts[COVARIANCE]["instrument"])}
    kept = [name for name in factors if factor_id(name) in row]
    own = parts[SPECIFIC].select("instrument", "specific_variance")
    joined = parts[EXPOSURES].join(own, on="instrument", how="inner", maintain_order="left")
    if joined.height != parts[EXPOSURES].height:
        raise DataFault(f"risk model from frames: {parts[EXPOSURES].height} instruments, specific risk of {joined.height}, expected of all")
    known = max(known for frame in parts.values() for known in frame["known_ns"])
    return RiskModel(
        starts.pop(), known, kind, tuple(joined["instrument"]), tuple(kept), _values(joined, kept),
        _values(parts[COVARIANCE], kept)[[row[factor_id(name)] for name in kept]], joined["specific_variance"].to_numpy().copy(),
        periods_a_year,
    )  # fmt: skip


def cube(frame: pl.DataFrame, columns: Sequence[str], instruments: Sequence[str], times: Ints) -> Floats:
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


def _by_factor(model: RiskModel, values: Floats, factors: Sequence[str]) -> dict[str, Floats]:
    place = {name: k for k, name in enumerate(model.factors)}
    nothing = np.full(len(values), np.nan)
    return {name: np.ascontiguousarray(values[:, place[name]]) if name in place else nothing for name in factors}


def _timed(model: RiskModel, event_ns: int, instruments: Sequence[str], values: Mapping[str, Floats]) -> pl.DataFrame:
    times = {"start_ns": model.at_ns, "event_ns": event_ns, "known_ns": model.known_ns}
    head = [pl.Series("instrument", list(instruments), pl.String)]
    head += [pl.Series(name, np.full(len(instruments), value, np.int64)) for name, value in times.items()]
    return pl.DataFrame(head + [pl.Series(name, column, nan_to_null=True) for name, column in values.items()])


def _values(frame: pl.DataFrame, columns: Sequence[str]) -> Floats:
    found = frame.select(pl.col(list(columns)).cast(pl.Float64).fill_null(float("nan"))).to_numpy()
    return np.ascontiguousarray(found, np.float64)
