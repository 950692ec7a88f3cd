"""A house with a book of research, made from a seed: bars in the lake, one more session in a vendor's drop, two models in charge.

Returns are those of a market, of 11 sectors and of each instrument's own, so that the risk model has something to find.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tradewinds.calendars.sessions import calendar
from tradewinds.core.instant import NS_PER_HOUR, text
from tradewinds.core.market import bars
from tradewinds.core.observation import Table

BOOK, MARKET = "us", "XNYS"
SEED = 20_260_102
LAST = date(2025, 12, 30)  # the night is that of this session; everything before it is in the lake
MODELS = ("slope", "trees")
SECTORS = 11
YAML = """\
equities:
  XNYS: {{calendar: XNYS, instruments: [{names}], vendors: [made], since: {last}}}
vendors:
  made: {{use: drops, options: {{path: drops/made}}}}
research:
  us:
    market: XNYS
    calendar: XNYS
    since: {since}
    features:
{features}
    risk: {{sectors: sectors.csv}}
    portfolio: {{weight_max: 0.02, capital: 10000000, turnover_max: 0.2}}
schedules: {{}}
"""
LEARNERS = {"slope": "{kind: ridge}", "trees": "{kind: lightgbm, params: {rounds: 100, num_threads: 1}}"}
MODEL = """\
research: us
label: {{kind: forward_return, horizon: 5}}
learner: {learner}
train_sessions: {train}
test_sessions: {test}
folds_max: 2
schedule: "0 6 1 1 *"
"""


@dataclass(frozen=True, slots=True)
class Size:
    """instruments, and years of daily bars before the night."""

    instruments: int
    years: int
    train_sessions: int
    test_sessions: int


def expressions() -> dict[str, str]:
    """30 features: windows of each instrument, half of them compared across instruments."""
    found: dict[str, str] = {}
    for n in (5, 10, 21, 63, 126):
        found[f"return_{n}"] = f"zscore(winsorise(returns(close, {n})))"
        found[f"volatility_{n}"] = f"rank(volatility({max(n, 10)}))"
        found[f"distance_{n}"] = f"close / mean(close, {n}) - 1"
        found[f"rsi_{n}"] = f"rsi({n})"
        found[f"volume_{n}"] = f"rank(volume / mean(volume, {n}))"
    return found | {
        "momentum": "zscore(winsorise(momentum(252, 21)))",
        "size": "zscore(log(mean(value_traded, 63)))",
        "illiquidity": "rank(amihud(63))",
        "beta": "winsorise(beta(252))",
        "high": "close / highest(close, 252)",
    }


def names_of(size: Size) -> list[str]:
    """The instruments, in order."""
    return [f"M{number:04d}.XNAS" for number in range(size.instruments)]


def make(workspace: Path, size: Size, *, features: dict[str, str] | None = None) -> None:
    """Write the workspace: configuration, sectors, models, and the drop of the night."""
    names = names_of(size)
    (workspace / "models").mkdir(parents=True)
    written = "\n".join(f"      {name}: {expression!r}" for name, expression in (features or expressions()).items())
    since = LAST.replace(year=LAST.year - size.years)
    config = YAML.format(names=", ".join(names), last=LAST, since=since, features=written)
    (workspace / "tradewinds.yaml").write_text(config, encoding="utf-8")
    lines = ["instrument,sector", *(f"{name},sector {number % SECTORS:02d}" for number, name in enumerate(names))]
    (workspace / "sectors.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name, learner in LEARNERS.items():
        told = MODEL.format(learner=learner, train=size.train_sessions, test=size.test_sessions)
        (workspace / "models" / f"{name}.yaml").write_text(told, encoding="utf-8")
    _write_drop(workspace / "drops" / "made" / f"{LAST}.csv", bars_of(size)[-1], names)


def fill(lake: Any, size: Size) -> int:
    """Publish every session before the night's; the number of rows."""
    days, table = sessions_of(size)[:-1], Table(bars("1d"))
    market, names = calendar(MARKET), names_of(size)
    values = bars_of(size)
    rows = 0
    for year in sorted({day.year for day in days}):
        chosen = [place for place, day in enumerate(days) if day.year == year]
        starts = np.array([market.open_ns(days[place]) for place in chosen])
        ends = np.array([market.close_ns(days[place]) for place in chosen])
        frame = frame_of(names, starts, ends, values[chosen])
        lake.publish(table, str(year), frame)
        rows += frame.height
    return rows


def sessions_of(size: Size) -> tuple[date, ...]:
    """The sessions, the night's last."""
    return tuple(calendar(MARKET).sessions(LAST.replace(year=LAST.year - size.years), LAST))


def bars_of(size: Size) -> Any:
    """(sessions, instruments, 5): open, high, low, close, volume."""
    draw, days, width = np.random.default_rng(SEED), len(sessions_of(size)), size.instruments
    own = draw.normal(0.0, 1.0, (days, width)) * draw.uniform(0.008, 0.025, width)
    sectors = draw.normal(0.0, 0.006, (days, SECTORS))[:, np.arange(width) % SECTORS]
    shared = draw.normal(0.0003, 0.009, (days, 1)) * draw.uniform(0.5, 1.5, width)
    close = draw.uniform(15, 400, width) * np.exp(np.cumsum(own + sectors + shared, axis=0))
    opened = np.concatenate([close[:1], close[:-1]]) * np.exp(draw.normal(0, 0.003, (days, width)))
    wick = np.abs(draw.normal(0, 0.004, (2, days, width)))
    high, low = np.maximum(opened, close) * (1 + wick[0]), np.minimum(opened, close) * (1 - wick[1])
    volume = np.round(draw.lognormal(0, 0.4, (days, width)) * draw.uniform(1e5, 5e6, width))
    return np.stack([*(np.round(one, 4) for one in (opened, high, low, close)), volume], axis=2)


def frame_of(names: Sequence[str], starts: Any, ends: Any, values: Any) -> pl.DataFrame:
    """Long by instrument and session, as a vendor's rows are published."""
    count, width = len(starts), len(names)
    flat = np.swapaxes(values, 0, 1).reshape(width * count, 5)
    frame = pl.DataFrame(
        {
            "instrument": np.repeat(np.array(names, dtype=object), count).tolist(),
            "start_ns": np.tile(starts, width),
            "event_ns": np.tile(ends, width),
            "known_ns": np.tile(ends + NS_PER_HOUR, width),
            "captured_ns": np.tile(ends + NS_PER_HOUR, width),
            **{name: flat[:, place] for place, name in enumerate(("open", "high", "low", "close", "volume"))},
        }
    )
    empty = {"quote_volume": pl.Float64, "trades": pl.Int64, "taker_base": pl.Float64, "taker_quote": pl.Float64}
    words = {"source": "made", "vendor": "made", "status": "ok", "reason": "made"}
    return frame.with_columns(
        *(pl.lit(None, kind).alias(name) for name, kind in empty.items()), *(pl.lit(value).alias(name) for name, value in words.items())
    )


def _write_drop(path: Path, session: Any, names: Sequence[str]) -> None:
    path.parent.mkdir(parents=True)
    at = text(calendar(MARKET).close_ns(LAST) + NS_PER_HOUR)
    lines = ["symbol,session,open,high,low,close,volume,received_at"]
    for name, (opened, high, low, close, volume) in zip(names, session.tolist(), strict=True):
        lines.append(f"{name.partition('.')[0]},{LAST},{opened},{high},{low},{close},{volume:.0f},{at}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
