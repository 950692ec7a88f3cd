"""What a strategy declares and how one is written: a function over a panel, or a class with `on_bar`.

    @vector(parameters={"fast": Int(20, 2, 200), "slow": Int(50, 5, 400)}, lookback=lambda p: p.slow)
    def sma_cross(panel, params):
        return sma(panel.close, params.fast) > sma(panel.close, params.slow)

    @event(parameters={"fast": Int(20, 2, 200), "slow": Int(50, 5, 400)}, lookback=lambda p: p.slow)
    class SmaCross:
        def __init__(self, params): ...
        def on_bar(self, view): ...

A vector strategy answers targets (times, instruments): the position wanted after each bar's close; NaN means "leave it as it is",
True and False count as 1 and 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType, SimpleNamespace
from typing import Any, Literal

from tradewinds.core.errors import Rejected
from tradewinds.core.market import Interval
from tradewinds.models.name import ModelName

Kind = Literal["vector", "event"]
TargetUnit = Literal["units", "weights", "notional"]
TARGET_UNITS: tuple[TargetUnit, ...] = ("units", "weights", "notional")


@dataclass(frozen=True, slots=True)
class Int:
    """A whole-number parameter within [low, high]."""

    default: int
    low: int
    high: int
    step: int = 1

    def checked(self, what: str, value: object) -> int:
        """The value as an int; raises Rejected naming it when it is of another type or out of range."""
        if isinstance(value, bool) or not isinstance(value, int) or not self.low <= value <= self.high:
            raise Rejected(f"{what}: {value!r}, expected a whole number from {self.low} to {self.high}")
        return value


@dataclass(frozen=True, slots=True)
class Float:
    """A number within [low, high]; `is_log` lets searches draw it on a logarithmic scale."""

    default: float
    low: float
    high: float
    step: float | None = None
    is_log: bool = False

    def checked(self, what: str, value: object) -> float:
        """The value as a float; raises Rejected naming it when it is no finite number or out of range."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not self.low <= value <= self.high:
            raise Rejected(f"{what}: {value!r}, expected a number from {self.low} to {self.high}")
        return float(value)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few values; the first is the default."""

    options: tuple[str | int | float | bool, ...]

    @property
    def default(self) -> str | int | float | bool:
        return self.options[0]

    def checked(self, what: str, value: object) -> str | int | float | bool:
        """The value; raises Rejected naming it when it is none of the options."""
        for option in self.options:
            if type(option) is type(value) and option == value:
                return option
        raise Rejected(f"{what}: {value!r}, expected one of {list(self.options)}")


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the registry, such as `models:/trend@champion`; a run is given the model that the name stood for, loaded.

    `params.model.scores(panel)`, `params.model.predict(rows)`; its text is `models:/trend/7#<sha256>` (`models.bound`).
    """

    default: str

    def checked(self, what: str, value: object) -> ModelName:
        """The name, or the model itself; raises Rejected where it is neither."""
        if not isinstance(value, str) or not value.startswith("models:/"):
            raise Rejected(f"{what}: {value!r}, expected a model's name such as models:/trend@champion")
        return value if isinstance(value, ModelName) else ModelName(value)


Parameter = Int | Float | Choice | Model


class Params(SimpleNamespace):
    """The parameters of one run, by name: `params.fast`. Built by `Strategy.params`."""

    def as_dict(self) -> dict[str, Any]:
        """Name to value, sorted by name."""
        return dict(sorted(vars(self).items()))


@dataclass(frozen=True, slots=True)
class Strategy:
    """A declared strategy: what it needs and the code that decides.

    instruments: ids it trades, empty where the run names them; universe: the query that names them instead.
    interval: of the bars that drive it; other_intervals are read as of each of those. fields: of the bars. datasets: names of others,
    read as of each decision. lookback: bars that a decision looks at, so that no decision is made before that many are there.
    targets: what the numbers mean. rhythm: when it decides, in the words of `trading.rhythm` ("every bar", "open + 30m", "close - 15m",
    "month end"). prices: "adjusted" lets it see prices comparable over splits and dividends (first row as anchor), "raw" as traded.
    is_valid: whether a configuration makes sense (fast < slow); searches leave out the others, a single run does not ask.
    """

    name: str
    kind: Kind
    code: Callable[..., Any] | type
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    lookback: int | Callable[[Params], int] = 1
    targets: TargetUnit = "units"
    instruments: tuple[str, ...] = ()
    universe: str | None = None
    interval: str = "1d"
    other_intervals: tuple[str, ...] = ()
    fields: tuple[str, ...] = ("open", "high", "low", "close", "volume")
    datasets: tuple[str, ...] = ()
    rhythm: str = "every bar"
    prices: Literal["adjusted", "raw"] = "adjusted"
    source: str = ""
    is_valid: Callable[[Params], bool] | None = None

    def __post_init__(self) -> None:
        if self.targets not in TARGET_UNITS:
            raise Rejected(f"strategy {self.name}: targets {self.targets!r}, expected one of {', '.join(TARGET_UNITS)}")
        for interval in (self.interval, *self.other_intervals):
            Interval(interval)
        for name in self.parameters:
            if not name.isidentifier():
                raise Rejected(f"strategy {self.name}: parameter {name!r}, expected a Python name")
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))

    def params(self, given: Mapping[str, object] | None = None) -> Params:
        """Defaults with the given values over them; raises Rejected for an unknown name, a wrong type or a value out of range."""
        unknown = sorted(set(given or {}) - set(self.parameters))
        if unknown:
            raise Rejected(f"strategy {self.name}: parameter {unknown[0]!r}, expected one of {sorted(self.parameters)}")
        values = {name: one.default for name, one in self.parameters.items()} | dict(given or {})
        return Params(
            **{name: one.checked(f"strategy {self.name}: parameter {name}", values[name]) for name, one in self.parameters.items()}
        )

    def lookback_bars(self, params: Params) -> int:
        """Bars that a decision looks at, its own included; at least 1."""
        bars: object = self.lookback(params) if callable(self.lookback) else self.lookback
        if isinstance(bars, bool) or not isinstance(bars, int) or bars < 1:
            raise Rejected(f"strategy {self.name}: lookback {bars!r}, expected a whole number of bars, at least 1")
        return bars


def vector(**declared: Any) -> Callable[[Callable[..., Any]], Strategy]:
    """Declare a function `targets(panel, params) -> array (times, instruments)` a strategy; keywords are the fields of `Strategy`."""
    return lambda code: Strategy(declared.pop("name", code.__name__), "vector", code, **declared)


def event(**declared: Any) -> Callable[[type], Strategy]:
    """Declare a class with `__init__(self, params)` and `on_bar(self, view)` a strategy; keywords are the fields of `Strategy`."""
    return lambda code: Strategy(declared.pop("name", code.__name__), "event", code, **declared)
