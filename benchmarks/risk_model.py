"""The risk model of 3,000 instruments, 10 years and 20 factors, from the lake: all of it, its regressions alone, and one more night.

Each part is measured in a process of its own: peak memory is what the kernel says of it (resident set, maximum). Compiled code is there
already, as on every night but the first. The lake holds `risk-exposures` and daily bars, published by year, and the last session apart, as
a night publishes it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numba
import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks import market_data as market
from benchmarks.memory import _own_peak_mb
from tradewinds.core.instant import NS_PER_DAY, parse
from tradewinds.core.market import bars
from tradewinds.core.observation import Column, Dataset, Table
from tradewinds.risk.cross_section import Design, cross_sectional
from tradewinds.risk.factor_returns import FactorReturns
from tradewinds.risk.night import RiskState, no_risk_state
from tradewinds.risk.published import cube, to_frames
from tradewinds.risk.risk_model import RiskModel
from tradewinds.stores.lake import FileLake, local_lake

Floats = NDArray[np.float64]
FACTORS = tuple(f"f{k:02d}" for k in range(20))
EXPOSURES = Table(Dataset("risk-exposures", tuple(Column(name) for name in FACTORS), partitioning="year"))
BARS = Table(bars("1d"))
NOW = parse("2030-01-01")
FIRST_YEAR = 2010
SESSIONS = 252  # of a year
SEED = 8


def run(quick: bool = False) -> dict[str, object]:
    """Figures, peers and reaches. quick: 200 instruments and 2 years."""
    width, years, rounds = (200, 2, 3) if quick else (3_000, 10, 7)
    with tempfile.TemporaryDirectory(prefix="bench-risk-") as folder:
        begin = time.perf_counter()
        _fill(Path(folder), width, years)
        filled = time.perf_counter() - begin
        whole = _in_a_process("whole", folder, width, years, rounds)
        night = _in_a_process("night", folder, width, years, rounds)
    alone = _in_a_process("regressions", "-", width, years, rounds)
    figures = {**whole, **night, "regressions_s": alone["regressions_s"], "portfolio_variance_us": alone["portfolio_variance_us"]}
    peers = {name: value for name, value in alone.items() if name not in figures}
    return {
        "figures": {name: round(value, 3) for name, value in figures.items()},
        "peers": {name: round(value, 3) for name, value in peers.items()},
        "reach": {
            "whole_s": market.reach(whole["whole_s"], 10.0),
            "peak_gib": market.reach(whole["peak_mb"] / 1024, 4.0),
            "regressions_to_bare_numba": market.reach(alone["regressions_s"] / alone["bare_numba_s"], 3.0),
            "one_more_night_s": market.reach(night["night_s"], 1.0),
            "portfolio_variance_us": market.reach(alone["portfolio_variance_us"], 50.0),
        },
        "machine": market.machine(),
        "how": {
            "instruments": width,
            "sessions": years * SESSIONS,
            "factors": len(FACTORS),
            "rounds": rounds,
            "filling_s": round(filled, 1),
        },
    }


def whole(folder: str, width: int, years: int, _: int) -> dict[str, float]:
    """Lake to the model after the last session but one: factor and specific returns, covariance and specific variance of every session."""
    _compile()
    lake = local_lake(Path(folder) / "lake")
    spent = dict.fromkeys(("waiting_s", "regressing_s", "walking_s"), 0.0)
    begin, worked = time.perf_counter(), time.process_time()
    state, returns = no_risk_state(("market", *FACTORS), _names(width)), []
    before, last_close = np.full((1, width, len(FACTORS)), np.nan), np.full((1, width), np.nan)
    for times, exposures, close in _ahead(lake, width, [_times(year)[: SESSIONS - (year == years - 1)] for year in range(years)], spent):
        at = time.perf_counter()
        moved = np.concatenate([last_close, close])
        daily = moved[1:] / moved[:-1] - 1.0
        found = _fitted(daily[:1], before, times[:1], width).followed_by(_fitted(daily[1:], exposures[:-1], times[1:], width))
        spent["regressing_s"] += time.perf_counter() - at
        at = time.perf_counter()
        state, covariances, variances = state.walked(found, exposures)
        spent["walking_s"] += time.perf_counter() - at
        returns.append(found)
        before, last_close = exposures[-1:], close[-1:]
        assert covariances.shape == (len(times), 21, 21)
        assert variances.shape == (len(times), width)
    model = _model(state, exposures[-1])
    taken, worked = time.perf_counter() - begin, time.process_time() - worked
    _check(model, returns)
    np.savez(Path(folder) / "carried.npz", **state.arrays())  # type: ignore[arg-type]  # numpy types one keyword of its own as bool
    np.savez(Path(folder) / "before.npz", exposures=before, close=last_close)
    return {"whole_s": taken, "whole_processor_s": worked, **spent, "peak_mb": _own_peak_mb()}


def night(folder: str, width: int, years: int, rounds: int) -> dict[str, float]:
    """One more session: exposures and closes from the lake, regression, the state a step further, the model and its frames."""
    _compile()
    before = dict(np.load(Path(folder) / "before.npz"))
    state = no_risk_state(("market", *FACTORS), _names(width)).restored(dict(np.load(Path(folder) / "carried.npz")))
    time_of_it = _times(years - 1)[-1:]
    taken = []
    for _ in range(rounds):
        begin = time.perf_counter()
        exposures, close = _read(local_lake(Path(folder) / "lake"), time_of_it, width)
        found = _fitted(close / before["close"] - 1.0, before["exposures"], time_of_it, width)
        later = state.followed_by(found)
        own = dict(zip(found.instruments, found.specific[-1].tolist(), strict=True))
        frames = to_frames(_model(later, exposures[-1]), own, event_ns=int(time_of_it[-1]) + NS_PER_DAY)
        taken.append(time.perf_counter() - begin)
    assert frames["risk-exposures"].height == width
    return {"night_s": float(np.median(taken))}


def regressions(_: str, width: int, years: int, rounds: int) -> dict[str, float]:
    """The daily regressions with masks, residuals, R squared and t statistics, and passes that leave them out, in turns."""
    generator = np.random.default_rng(SEED)
    sessions = years * SESSIONS
    exposures = generator.standard_normal((sessions, width, len(FACTORS)))
    returns, weights = generator.standard_normal((sessions, width)), generator.uniform(0.5, 1.5, (sessions, width))
    times, names = np.arange(sessions, dtype=np.int64), _names(width)
    values = np.empty((sessions, len(FACTORS)))
    found: dict[str, FactorReturns] = {}

    def ours() -> None:
        found["ours"] = cross_sectional(returns, exposures, weights, factors=FACTORS, instruments=names, times=times)

    def loop() -> None:
        for t in range(sessions):
            weighted = exposures[t] * weights[t, :, None]
            values[t] = np.linalg.solve(weighted.T @ exposures[t], weighted.T @ returns[t])

    taken = _alternated(
        {
            "regressions_s": ours,
            "bare_numba_s": lambda: _bare(exposures, returns, weights, values),
            "numpy_a_session_s": loop,
            "stream_of_exposures_s": lambda: _stream(exposures),
        },
        rounds,
    )
    assert np.allclose(found["ours"].values, values, atol=1e-9)
    model = RiskModel(
        0, 0, "x", tuple(names), FACTORS, exposures[0], np.cov(values.T) + np.eye(len(FACTORS)) * 1e-9, np.full(width, 1e-4), 252.0
    )
    held = returns[0] / width
    calls = _alternated({"portfolio_variance": lambda: [model.variance(held) for _ in range(20)]}, 50)
    return taken | {"portfolio_variance_us": calls["portfolio_variance"] / 20 * 1e6}


@numba.njit(parallel=True, nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _bare(exposures: Floats, returns: Floats, weights: Floats, values: Floats) -> None:
    """Nothing but the normal equations, eight rows at a time, and their solution: no masks, no residuals, 20 factors exactly."""
    sessions, width, _ = exposures.shape
    for t in numba.prange(sessions):
        gram, right = np.zeros((20, 20)), np.zeros(20)
        x, y, w = exposures[t], returns[t], weights[t]
        for n in range(0, width - 7, 8):
            for i in range(20):
                a, b, c, d = w[n] * x[n, i], w[n + 1] * x[n + 1, i], w[n + 2] * x[n + 2, i], w[n + 3] * x[n + 3, i]
                e, f, g, h = w[n + 4] * x[n + 4, i], w[n + 5] * x[n + 5, i], w[n + 6] * x[n + 6, i], w[n + 7] * x[n + 7, i]
                for j in range(20):
                    gram[i, j] += (
                        a * x[n, j] + b * x[n + 1, j] + c * x[n + 2, j] + d * x[n + 3, j]
                        + e * x[n + 4, j] + f * x[n + 5, j] + g * x[n + 6, j] + h * x[n + 7, j]
                    )  # fmt: skip
                right[i] += (
                    a * y[n] + b * y[n + 1] + c * y[n + 2] + d * y[n + 3] + e * y[n + 4] + f * y[n + 5] + g * y[n + 6] + h * y[n + 7]
                )
        values[t] = np.linalg.solve(gram, right)


@numba.njit(parallel=True, nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _stream(exposures: Floats) -> float:
    """Read every exposure once: what memory alone allows."""
    total = 0.0
    for t in numba.prange(exposures.shape[0]):
        for n in range(exposures.shape[1]):
            for k in range(exposures.shape[2]):
                total += exposures[t, n, k]
    return total


def _read(lake: FileLake, times: NDArray[np.int64], width: int) -> tuple[Floats, Floats]:
    """((T, N, K) exposures, (T, N) closes) of these sessions."""
    names, start_ns, end_ns = _names(width), int(times[0]), int(times[-1]) + 1

    def read(table: Table, columns: Sequence[str]) -> Floats:
        rows = lake.read(table, as_of_ns=NOW, start_ns=start_ns, end_ns=end_ns, columns=["instrument", "start_ns", *columns])
        return cube(rows, columns, names, times)

    return read(EXPOSURES, FACTORS), read(BARS, ["close"])[:, :, 0]


def _ahead(
    lake: FileLake, width: int, years: list[NDArray[np.int64]], spent: dict[str, float]
) -> Iterator[tuple[NDArray[np.int64], Floats, Floats]]:
    """(times, exposures, closes) of each year; the next is read while one is computed. spent: seconds that the computation waited."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(_read, lake, years[0], width)
        for times, following in zip(years, [*years[1:], None], strict=True):
            at = time.perf_counter()
            exposures, close = coming.result()
            spent["waiting_s"] += time.perf_counter() - at
            if following is not None:
                coming = pool.submit(_read, lake, following, width)
            yield times, exposures, close


def _fitted(returns: Floats, exposures: Floats, times: NDArray[np.int64], width: int) -> FactorReturns:
    return cross_sectional(returns, exposures, factors=FACTORS, instruments=_names(width), times=times, design=Design("market"))


def _model(state: RiskState, exposures: Floats) -> RiskModel:
    return state.model(exposures, known_ns=NOW, kind="cross_sectional", periods_a_year=252.0)


def _check(model: RiskModel, returns: list[FactorReturns]) -> None:
    """That what was timed is right: the factor returns that the prices were made of come back."""
    true = np.concatenate([_true(year) for year in range(len(returns))])
    found = np.concatenate([one.values[:, 1:] for one in returns])
    known = np.isfinite(found[:, 0])
    assert known.sum() == len(found) - 1  # the first session has no close before it
    assert min(np.corrcoef(true[: len(found)][known, k], found[known, k])[0, 1] for k in range(len(FACTORS))) > (
        0.99 if len(model.instruments) > 1_000 else 0.9
    )


def _fill(folder: Path, width: int, years: int) -> None:
    """A lake of prices made of factors: year by year, the last session apart."""
    lake = local_lake(folder / "lake")
    close, before = np.full(width, 100.0), None
    for year in range(years):
        generator = np.random.default_rng([SEED, year])
        times, exposures = _times(year), generator.standard_normal((SESSIONS, width, len(FACTORS)))
        known = exposures[:-1] if before is None else np.concatenate([before[None], exposures[:-1]])
        true = _true(year)[1:] if before is None else _true(year)
        daily = np.einsum("tnk,tk->tn", known, true) + generator.normal(0.0, 0.02, known.shape[:2])
        path = close * np.cumprod(1.0 + np.clip(daily, -0.5, 0.5), axis=0)
        closes = np.concatenate([close[None], path]) if before is None else path
        close, before = closes[-1], exposures[-1]
        last = SESSIONS - 1 if year == years - 1 else SESSIONS
        for rows in (slice(0, last), slice(last, SESSIONS)):
            if rows.start < rows.stop:
                _publish(lake, year, times[rows], exposures[rows], closes[rows])


def _publish(lake: FileLake, year: int, times: NDArray[np.int64], exposures: Floats, closes: Floats) -> None:
    width = closes.shape[1]
    starts = np.tile(times, width)
    head = pl.DataFrame({"instrument": np.repeat(np.array(_names(width)), len(times)), "start_ns": starts}).with_columns(
        (pl.col("start_ns") + NS_PER_DAY).alias("event_ns"), (pl.col("start_ns") + NS_PER_DAY).alias("known_ns"),
        (pl.col("start_ns") + NS_PER_DAY).alias("captured_ns"), pl.lit("0" * 64).alias("source"),
    )  # fmt: skip
    turned = exposures.transpose(1, 0, 2).reshape(-1, len(FACTORS))
    lake.publish(EXPOSURES, str(FIRST_YEAR + year), head.hstack(pl.DataFrame(turned, schema=list(FACTORS))))
    price = pl.Series("close", closes.T.reshape(-1))
    prices = head.with_columns(price, *(price.alias(name) for name in ("open", "high", "low")), pl.lit(1e6).alias("volume"))
    lake.publish(BARS, str(FIRST_YEAR + year), prices)


def _true(year: int) -> Floats:
    return np.random.default_rng([SEED, year, 1]).normal(0.0, 0.004, (SESSIONS, len(FACTORS)))


def _times(year: int) -> NDArray[np.int64]:
    return parse(f"{FIRST_YEAR + year}-01-01") + np.arange(SESSIONS, dtype=np.int64) * NS_PER_DAY


def _names(width: int) -> list[str]:
    return [f"S{n:04d}.XNYS" for n in range(width)]


def _compile() -> None:
    """Load what has been compiled, with a handful of rows."""
    generator = np.random.default_rng(1)
    _fitted(generator.normal(size=(2, 40)), generator.normal(size=(2, 40, len(FACTORS))), np.arange(2, dtype=np.int64), 40)
    cube(pl.DataFrame({"instrument": ["A.X"], "start_ns": [0], "f": [1.0]}), ["f"], ["A.X"], np.zeros(1, np.int64))


def _alternated(actions: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    def turned(action: Callable[[], object]) -> Callable[[int], object]:
        return lambda _: action()

    taken = market.alternated_ms({name: turned(action) for name, action in actions.items()}, rounds=rounds)
    return {name: value / 1e3 for name, value in taken.items()}


def _in_a_process(part: str, folder: str, width: int, years: int, rounds: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.risk_model", part, folder, str(width), str(years), str(rounds)]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=1_200).stdout
    found: dict[str, float] = json.loads(printed.splitlines()[-1])
    return found


PARTS = {"whole": whole, "night": night, "regressions": regressions}

if __name__ == "__main__":
    print(json.dumps(PARTS[sys.argv[1]](sys.argv[2], *map(int, sys.argv[3:6])) if len(sys.argv) > 1 else run()))
