"""What a strategy is checked on: a market, what is seen of it, and the same with its future cut off, altered or forgotten.

Every variant holds arrays of its own: no slice of the whole history lies behind them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.history.panel import UNKNOWN_NS, Panel
from tradewinds.simulation.market import Market

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
How = Literal["scaled", "shuffled", "missing"]
HOW: tuple[How, ...] = ("scaled", "shuffled", "missing")

_PRICED = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A market and the panel on its rows; others by name; decisions: rows at which the strategy decides, None: all."""

    market: Market
    panel: Panel
    others: Mapping[str, Panel] = field(default_factory=dict)
    decisions: Ints | None = None

    @property
    def times(self) -> int:
        return self.market.shape[0]


def cut(scene: Scene, row: int) -> Scene:
    """The scene as it stood at the end of bar `row`: later bars and facts known later are gone."""
    return between(scene, 0, row + 1)


def between(scene: Scene, first: int, last: int) -> Scene:
    """Bars [first, last) and what was known of the others by the end of them."""
    market, now_ns = scene.market, int(scene.market.end_ns[last - 1])
    events = market.events[(market.events["row"] >= first) & (market.events["row"] < last)].copy()
    events["row"] -= first
    arrays: dict[str, Any] = {name: getattr(market, name)[first:last].copy() for name in ("start_ns", "end_ns", "session", *_PRICED)}
    rates = market.rates if len(market.rates) == 1 else market.rates[first:last].copy()
    panel = scene.panel
    seen = Panel(
        panel.instruments, arrays["start_ns"], panel.event_ns[first:last].copy(), panel.known_ns[first:last].copy(),
        {name: values[first:last].copy() for name, values in panel.fields.items()}, panel.view,
    )  # fmt: skip
    others = {name: one.as_of(now_ns) if one.is_point_in_time else one for name, one in scene.others.items()}
    decisions = scene.decisions
    if decisions is not None:
        decisions = decisions[(decisions >= first) & (decisions < last)] - first
    return Scene(replace(market, events=events, rates=rates, **arrays), seen, others, decisions)


def altered(scene: Scene, row: int, how: How, chance: np.random.Generator) -> Scene:
    """The same past up to the end of bar `row`, and another future."""
    market, first = scene.market, row + 1
    changed = _change(how, scene.times - first, market.shape[1], chance)
    arrays: dict[str, Any] = {name: _from_row(getattr(market, name), first, changed) for name in _PRICED}
    fields = {name: _from_row(values, first, changed) for name, values in scene.panel.fields.items()}
    now_ns = int(market.end_ns[row])
    others = {name: _later(one, now_ns, how, chance) for name, one in scene.others.items()}
    events = market.events[market.events["row"] < first]
    return replace(scene, market=replace(market, events=events, **arrays), panel=replace(scene.panel, fields=fields), others=others)


def with_late_facts_altered(scene: Scene, row: int, chance: np.random.Generator) -> Scene:
    """Only facts of the others that are about a time before the end of bar `row` and became known after it are different."""
    now_ns = int(scene.market.end_ns[row])
    others = {name: _altered_cells(one, (one.event_ns[:, None] <= now_ns) & (one.known_ns > now_ns), "scaled", chance)
              for name, one in scene.others.items()}  # fmt: skip
    return replace(scene, others=others)


def with_own_bar_altered(scene: Scene, row: int) -> Scene:
    """Only the last prices of bar `row` itself are different: the close, and a high and low that still hold it."""
    fields = {name: values.copy() for name, values in scene.panel.fields.items()}
    before = fields["close"][max(row - 1, 0)]
    close = np.where(fields["close"][row] > before, before * 0.9, before * 1.1)
    fields["close"][row] = close
    if "high" in fields and "low" in fields:
        fields["high"][row] = np.fmax(fields["high"][row], close)
        fields["low"][row] = np.fmin(fields["low"][row], close)
    arrays: dict[str, Any] = {name: fields[name] for name in _PRICED if name in fields}
    return replace(scene, market=replace(scene.market, **arrays), panel=replace(scene.panel, fields=fields))


def steady(scene: Scene) -> Scene:
    """For comparing windows with the whole history: nothing split or paid, so that both are anchored alike, and no missing bars.

    A missing bar makes an indicator that counts bars reach further back, which is no fault of the lookback: the bar before fills it.
    """
    market, panel = scene.market, scene.panel
    absent = np.isnan(panel.field("close"))
    rows = np.maximum.accumulate(np.where(absent, -1, np.arange(scene.times)[:, None]), axis=0)
    source = np.maximum(rows, 0)
    fields = {name: np.where(absent, np.take_along_axis(values, source, axis=0), values) for name, values in panel.fields.items()}
    return replace(scene, market=replace(market, events=market.events[:0]), panel=replace(panel, fields=fields))


def checked(scene: Scene) -> Scene:
    """The scene; raises Rejected where its panel is not the market's."""
    if scene.panel.instruments != scene.market.ids or not np.array_equal(scene.panel.times, scene.market.start_ns):
        raise Rejected(f"check: a panel of {scene.panel.shape} cells, expected the times and instruments of the market")
    return scene


def _change(how: How, count: int, width: int, chance: np.random.Generator) -> Callable[[Floats], Floats]:
    """One change for all fields, so that a bar stays a bar."""
    if how == "missing":
        return lambda values: np.full(values.shape, np.nan)
    if how == "shuffled":
        order = chance.permutation(count)
        return lambda values: values[order] * 1.01
    factors = np.exp(chance.normal(0.0, 0.4, (count, width))) * chance.choice([0.4, 2.5], width)
    return lambda values: values * factors


def _from_row(values: Floats, first: int, changed: Callable[[Floats], Floats]) -> Floats:
    out = values.copy()
    out[first:] = changed(values[first:])
    return out


def _later(panel: Panel, now_ns: int, how: How, chance: np.random.Generator) -> Panel:
    return _altered_cells(panel, np.maximum(panel.known_ns, panel.event_ns[:, None]) > now_ns, how, chance)


def _altered_cells(panel: Panel, cells: NDArray[np.bool_], how: How, chance: np.random.Generator) -> Panel:
    cells = cells & (panel.known_ns != UNKNOWN_NS)
    factors = np.full(panel.shape, np.nan) if how == "missing" else chance.choice([-1.7, 0.3, 3.1], panel.shape)
    fields = {name: np.where(cells, values * factors + (0.0 if how == "missing" else 1.0), values) for name, values in panel.fields.items()}
    return replace(panel, fields=fields)
