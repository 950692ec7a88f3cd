"""TA-Lib's C library, which the `ta-lib` wheel carries, called without its Python package, which pulls pandas and polars (1 s).

1. `library` loads the wheel's extension as a plain shared library: no Python module is made, an `import talib` elsewhere stays as it was.
2. `described` asks the library's own abstract interface for a function's inputs, parameters and outputs.
3. `TalibFunction.fill` calls the C function on whole columns without a missing value; it runs without the interpreter's lock.
"""

from __future__ import annotations

import ctypes
import importlib.machinery
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Invariant, Rejected

Floats = NDArray[np.float64]

_PRICES = ((1, "open"), (2, "high"), (4, "low"), (8, "close"), (16, "volume"), (32, "open_interest"))
_IS_INTEGER_PARAMETER = (False, False, True, True)  # by TA-Lib's kinds: real range, real list, integer range, integer list
_PRICE_INPUT = 0
_INTEGER_OUTPUT = 1


class _FunctionInfo(ctypes.Structure):
    """TA_FuncInfo, up to the counts."""

    _fields_ = (
        ("name", ctypes.c_char_p), ("group", ctypes.c_char_p), ("hint", ctypes.c_char_p),
        ("flags", ctypes.c_int), ("inputs", ctypes.c_uint), ("parameters", ctypes.c_uint), ("outputs", ctypes.c_uint),
    )  # fmt: skip


class _PutInfo(ctypes.Structure):
    """TA_InputParameterInfo and TA_OutputParameterInfo."""

    _fields_ = (("kind", ctypes.c_int), ("name", ctypes.c_char_p), ("flags", ctypes.c_int))


class _ParameterInfo(ctypes.Structure):
    """TA_OptInputParameterInfo, up to the default."""

    _fields_ = (
        ("kind", ctypes.c_int), ("name", ctypes.c_char_p), ("flags", ctypes.c_int), ("display", ctypes.c_char_p),
        ("data", ctypes.c_void_p), ("default", ctypes.c_double),
    )  # fmt: skip


class _Names(ctypes.Structure):
    """TA_StringTable."""

    _fields_ = (("size", ctypes.c_uint), ("strings", ctypes.POINTER(ctypes.c_char_p)), ("hidden", ctypes.c_void_p))


@dataclass(frozen=True, slots=True)
class TalibParameter:
    """A parameter in snake case, such as `time_period` or `nb_dev_up`, with TA-Lib's default."""

    name: str
    default: float
    is_integer: bool


@dataclass(frozen=True, slots=True)
class TalibFunction:
    """One function of the library. inputs: open, high, low, close, volume or real, real0, periods; outputs: their names in order."""

    name: str
    group: str
    inputs: tuple[str, ...]
    parameters: tuple[TalibParameter, ...]
    outputs: tuple[str, ...]
    integer_outputs: tuple[bool, ...]

    def values(self, given: dict[str, float]) -> tuple[float, ...]:
        """The parameters in the library's order; `time_period` and `timeperiod` are the same. Raises Rejected for an unknown one."""
        by_name = {one.name.replace("_", ""): one for one in self.parameters}
        wanted = {}
        for name, value in given.items():
            one = by_name.get(name.replace("_", "").lower())
            if one is None:
                raise Rejected(f"talib {self.name}: parameter {name!r}, expected one of {[p.name for p in self.parameters]}")
            if isinstance(value, bool) or not isinstance(value, int if one.is_integer else int | float):
                raise Rejected(f"talib {self.name}: {name} {value!r}, expected a {'whole ' if one.is_integer else ''}number")
            wanted[one.name] = value
        return tuple(wanted.get(one.name, int(one.default) if one.is_integer else one.default) for one in self.parameters)

    def lookback(self, parameters: tuple[float, ...]) -> int:
        """How many bars stand before the first value; raises Rejected for parameters that the function does not take."""
        bars = int(_entry(self)[1](*parameters))
        if bars < 0:
            raise Rejected(f"talib {self.name}: parameters {dict(self._named(parameters))}, expected such as it defines")
        return bars

    def fill(self, inputs: Sequence[Floats], outputs: Sequence[Floats], parameters: tuple[float, ...]) -> None:
        """Compute whole columns into `outputs`: contiguous (times,) float64 without NaN in, NaN before the first value out."""
        length = len(inputs[0])
        skipped = min(self.lookback(parameters), length)
        for out in outputs:
            out[:skipped] = np.nan
        if skipped == length:
            return
        begin, count = ctypes.c_int(), ctypes.c_int()
        whole = [np.empty(length, np.int32) if integer else out for out, integer in zip(outputs, self.integer_outputs, strict=True)]
        code = _entry(self)[0](
            0, length - 1, *[one.ctypes.data for one in inputs], *parameters, ctypes.addressof(begin), ctypes.addressof(count),
            *[one.ctypes.data + skipped * one.itemsize for one in whole],
        )  # fmt: skip
        if code != 0:
            raise Rejected(f"talib {self.name}: parameters {dict(self._named(parameters))} (code {code}), expected such as it accepts")
        if begin.value != skipped or count.value != length - skipped:
            raise Invariant(f"talib {self.name}: {count.value} values from row {begin.value}, expected {length - skipped} from {skipped}")
        for out, source, integer in zip(outputs, whole, self.integer_outputs, strict=True):
            if integer:
                out[skipped:] = source[skipped:]

    def _named(self, parameters: tuple[float, ...]) -> list[tuple[str, float]]:
        return [(one.name, value) for one, value in zip(self.parameters, parameters, strict=True)]


@cache
def library() -> ctypes.CDLL:
    """The shared library, initialised; initialising it again, as `import talib` does, changes nothing."""
    spec = importlib.util.find_spec("talib")  # finds a top package without running it
    finder = importlib.machinery.PathFinder.find_spec("_ta_lib", spec.submodule_search_locations if spec is not None else [])
    if finder is None or finder.origin is None:
        raise Invariant("indicators: no talib with its extension module is installed, expected the ta-lib wheel that the lock names")
    loaded = ctypes.CDLL(finder.origin)
    if loaded.TA_Initialize() != 0:
        raise Invariant("indicators: TA-Lib does not start, expected code 0 of TA_Initialize")
    return loaded


@cache
def names() -> tuple[str, ...]:
    """All functions of the library, sorted: SMA, HT_TRENDLINE, CDLDOJI and the others."""
    lib = library()
    found: list[str] = []
    for group in _table(lib.TA_GroupTableAlloc, None):
        found += [name.decode() for name in _table(lib.TA_FuncTableAlloc, group)]
    return tuple(sorted(found))


@cache
def described(name: str) -> TalibFunction:
    """The function of that name in any case; raises Rejected where TA-Lib has none."""
    upper = name.upper()
    if upper not in names():
        raise Rejected(f"indicators: TA-Lib function {name!r}, expected one of its {len(names())}, such as SMA or HT_TRENDLINE")
    lib, handle = library(), ctypes.c_void_p()
    lib.TA_GetFuncHandle(upper.encode(), ctypes.byref(handle))
    info = _asked(lib.TA_GetFuncInfo, _FunctionInfo, handle)
    inputs: list[str] = []
    for index in range(info.inputs):
        put = _asked(lib.TA_GetInputParameterInfo, _PutInfo, handle, index)
        inputs += [name for bit, name in _PRICES if put.flags & bit] if put.kind == _PRICE_INPUT else [_snake(put.name, "in")]
    parameters = []
    for index in range(info.parameters):
        one = _asked(lib.TA_GetOptInputParameterInfo, _ParameterInfo, handle, index)
        parameters.append(TalibParameter(_snake(one.name, "optIn"), one.default, _IS_INTEGER_PARAMETER[one.kind]))
    outs = [_asked(lib.TA_GetOutputParameterInfo, _PutInfo, handle, index) for index in range(info.outputs)]
    return TalibFunction(
        upper, info.group.decode(), tuple(inputs), tuple(parameters), tuple(_snake(one.name, "out") for one in outs),
        tuple(one.kind == _INTEGER_OUTPUT for one in outs),
    )  # fmt: skip


@cache
def _entry(function: TalibFunction) -> tuple[Callable[..., int], Callable[..., int]]:
    lib = library()
    call, lookback = lib[f"TA_{function.name}"], lib[f"TA_{function.name}_Lookback"]
    kinds: list[Any] = [ctypes.c_int if one.is_integer else ctypes.c_double for one in function.parameters]
    pointers: list[Any] = [ctypes.c_void_p]
    call.argtypes = [ctypes.c_int, ctypes.c_int, *pointers * len(function.inputs), *kinds, *pointers * (2 + len(function.outputs))]
    lookback.argtypes = kinds
    return call, lookback


def _asked(question: Any, answer: Any, handle: ctypes.c_void_p, *index: int) -> Any:
    found = ctypes.POINTER(answer)()
    code = question(handle, *[ctypes.c_uint(at) for at in index], ctypes.byref(found))
    if code != 0:
        raise Invariant(f"indicators: TA-Lib's description answers code {code}, expected 0")
    return found.contents


def _table(allocate: Any, group: bytes | None) -> list[bytes]:
    found = ctypes.POINTER(_Names)()
    arguments = [ctypes.byref(found)] if group is None else [group, ctypes.byref(found)]
    if allocate(*arguments) != 0:
        raise Invariant(f"indicators: TA-Lib lists no functions of {group!r}, expected some")
    return [found.contents.strings[index] for index in range(found.contents.size)]


def _snake(name: bytes, prefix: str) -> str:
    """optInTimePeriod -> time_period; outMACDSignal -> macd_signal; inReal0 -> real0."""
    words = name.decode().removeprefix(prefix)
    parts: list[str] = []
    for index, letter in enumerate(words):
        follows_lower = index > 0 and not words[index - 1].isupper()
        ends_capitals = index > 0 and words[index - 1].isupper() and words[index + 1 : index + 2].islower()
        parts.append(f"_{letter}" if letter.isupper() and index and (follows_lower or ends_capitals) else letter)
    return "".join(parts).lower().replace("__", "_")
