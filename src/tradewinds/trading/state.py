"""The state of an event strategy as text, so that the engine can journal it and bring it back: `dump` and `restore`.

1. Every attribute of the object is written, sorted by name: numbers, text, lists, tuples, dicts, sets, deques, numpy arrays and
   dataclasses by value, parameters by name, and whatever has `state()` and `restore(value)` (incremental indicators) by its state.
2. The text is canonical JSON: the same state is the same text. Dicts keep their order, floats every digit, NaN and infinities a name.
3. Restoring needs an object made anew with the same parameters. What has `restore` is restored in place, the rest is replaced.

Anything else, and one list or dict that two attributes share, is refused by name: what cannot come back must not be lost in silence.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import math
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.trading.strategy import Params

FORMAT = 1
_WHAT = "numbers, text, lists, tuples, dicts, sets, deques, arrays, dataclasses, or an object with state() and restore()"


def dump(strategy_object: object) -> str:
    """Canonical JSON of everything the object holds; raises Rejected naming the attribute that cannot be kept."""
    writer = _Writer(_classes(strategy_object))
    attributes = {name: writer.encoded(value, name) for name, value in sorted(_attributes(strategy_object).items())}
    return json.dumps({"format": FORMAT, "attributes": attributes}, separators=(",", ":"), sort_keys=True, allow_nan=False)


def restore(strategy_object: object, text: str) -> None:
    """Bring a fresh object of the same strategy and parameters into the dumped state.

    Raises DataFault for text that is none, Rejected where the object has no counterpart of what was dumped.
    """
    try:
        stored = json.loads(text)
        attributes = stored["attributes"]
        known = stored["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataFault(f"strategy state: {text[:60]!r} cannot be read, expected what `dump` wrote") from error
    if known != FORMAT:
        raise DataFault(f"strategy state: format {known!r}, expected {FORMAT}")
    reader = _Reader(_classes(strategy_object))
    present = _attributes(strategy_object)
    for name, value in [(name, reader.attribute(value, present.get(name), name)) for name, value in attributes.items()]:
        setattr(strategy_object, name, value)
    for name in present.keys() - attributes.keys():
        delattr(strategy_object, name)


class _Writer:
    def __init__(self, classes: Mapping[str, type]) -> None:
        self._classes = classes
        self._seen: dict[int, tuple[str, Any]] = {}  # the value too: a freed one's number is given to another

    def encoded(self, value: Any, path: str) -> Any:
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"$float": repr(value)}
        if isinstance(value, np.generic):
            self._check_dtype(value.dtype, path)
            return {"$scalar": [value.dtype.str, _base64(value.tobytes())]}
        if isinstance(value, Params):
            return {"$params": self._pairs(value.as_dict(), path)}
        if _is_stateful(value):
            return {"$state": self.encoded(value.state(), f"{path}.state()")}
        if type(value) is tuple:
            return {"$tuple": [self.encoded(one, f"{path}[{at}]") for at, one in enumerate(value)]}
        self._once(value, path)
        return self._container(value, path)

    def _container(self, value: Any, path: str) -> Any:
        if type(value) is list:
            return [self.encoded(one, f"{path}[{at}]") for at, one in enumerate(value)]
        if type(value) is dict:
            return {"$dict": self._pairs(value, path)}
        if type(value) in (set, frozenset):
            members = [self.encoded(one, f"{path}{{}}") for one in value]
            return {f"${type(value).__name__}": sorted(members, key=lambda one: json.dumps(one, sort_keys=True))}
        if type(value) is deque:
            return {"$deque": [value.maxlen, [self.encoded(one, f"{path}[{at}]") for at, one in enumerate(value)]]}
        if type(value) is np.ndarray:
            self._check_dtype(value.dtype, path)
            return {"$array": [value.dtype.str, list(value.shape), _base64(np.ascontiguousarray(value).tobytes())]}
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            name = type(value).__qualname__
            if self._classes.get(name) is not type(value):
                raise Rejected(f"strategy state: attribute {path} is a {name}, expected a dataclass that the strategy's file names")
            fields = {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
            return {"$dataclass": [name, self._pairs(fields, path)]}
        raise Rejected(f"strategy state: attribute {path} is a {type(value).__name__}, expected {_WHAT}")

    def _pairs(self, value: Mapping[Any, Any], path: str) -> list[Any]:
        return [[self.encoded(key, f"{path} key"), self.encoded(one, f"{path}[{key!r}]")] for key, one in value.items()]

    def _once(self, value: Any, path: str) -> None:
        if id(value) in self._seen:
            raise Rejected(
                f"strategy state: attributes {self._seen[id(value)][0]} and {path} are one object, expected one of their own each"
            )
        self._seen[id(value)] = (path, value)

    def _check_dtype(self, dtype: np.dtype[Any], path: str) -> None:
        if dtype.kind not in "biufSUmM" or dtype.names is not None:
            raise Rejected(f"strategy state: attribute {path} is an array of {dtype}, expected numbers, times or text")


class _Reader:
    def __init__(self, classes: Mapping[str, type]) -> None:
        self._classes = classes

    def attribute(self, value: Any, present: Any, name: str) -> Any:
        try:
            return self.decoded(value, present, name)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise DataFault(f"strategy state: attribute {name} cannot be read ({error}), expected what `dump` wrote") from error

    def decoded(self, value: Any, present: Any, path: str) -> Any:
        if type(value) is list:
            here = present if type(present) is list and len(present) == len(value) else [None] * len(value)
            return [self.decoded(one, here[at], f"{path}[{at}]") for at, one in enumerate(value)]
        if type(value) is not dict:
            return value
        ((mark, content),) = value.items()
        if mark == "$state":
            if not _is_stateful(present):
                raise Rejected(f"strategy state: attribute {path} is missing in the new object, expected it to be made in __init__")
            present.restore(self.decoded(content, None, path))
            return present
        if mark in ("$dict", "$params", "$dataclass"):
            return self._mapping(mark, content, present, path)
        return self._sequence(mark, content, present, path)

    def _mapping(self, mark: str, content: Any, present: Any, path: str) -> Any:
        if mark == "$dataclass":
            name, content = content
            if name not in self._classes:
                raise Rejected(f"strategy state: attribute {path} is a {name}, expected a dataclass that the strategy's file names")
            instance: Any = object.__new__(self._classes[name])
            for key, one in content:
                object.__setattr__(instance, key, self.decoded(one, getattr(present, key, None), f"{path}.{key}"))
            return instance
        here = vars(present) if isinstance(present, Params) else present if type(present) is dict else {}
        made = {}
        for key, one in content:
            name = self.decoded(key, None, path)
            made[name] = self.decoded(one, here.get(name), f"{path}[{name!r}]")
        return Params(**made) if mark == "$params" else made

    def _sequence(self, mark: str, content: Any, present: Any, path: str) -> Any:
        if mark == "$float":
            return float(content)
        if mark == "$scalar":
            dtype, data = content
            return np.frombuffer(base64.b64decode(data), np.dtype(dtype))[0]
        if mark == "$array":
            dtype, shape, data = content
            return np.frombuffer(base64.b64decode(data), np.dtype(dtype)).reshape(shape).copy()
        if mark == "$tuple":
            here = present if type(present) is tuple and len(present) == len(content) else [None] * len(content)
            return tuple(self.decoded(one, here[at], f"{path}[{at}]") for at, one in enumerate(content))
        if mark in ("$set", "$frozenset"):
            members = [self.decoded(one, None, path) for one in content]
            return set(members) if mark == "$set" else frozenset(members)
        if mark == "$deque":
            length, items = content
            held = list(present) if type(present) is deque and len(present) == len(items) else [None] * len(items)
            return deque((self.decoded(one, held[at], f"{path}[{at}]") for at, one in enumerate(items)), length)
        raise DataFault(f"strategy state: attribute {path} is marked {mark!r}, expected what `dump` wrote")


def _is_stateful(value: object) -> bool:
    return callable(getattr(value, "state", None)) and callable(getattr(value, "restore", None))


def _attributes(strategy_object: object) -> dict[str, Any]:
    slots = [name for one in type(strategy_object).__mro__ for name in _slots_of(one)]
    held = {name: getattr(strategy_object, name) for name in slots if hasattr(strategy_object, name)}
    return held | dict(getattr(strategy_object, "__dict__", {}))


def _slots_of(one: type) -> tuple[str, ...]:
    slots = one.__dict__.get("__slots__", ())
    names = (slots,) if isinstance(slots, str) else tuple(slots)
    return tuple(name for name in names if name not in ("__dict__", "__weakref__"))


def _classes(strategy_object: object) -> dict[str, type]:
    """The dataclasses that the strategy's code can name: those of its file and those nested in its class."""
    found: dict[str, type] = {}
    code = getattr(type(strategy_object), "on_bar", None)
    for one in (*vars(type(strategy_object)).values(), *getattr(code, "__globals__", {}).values()):
        if isinstance(one, type) and dataclasses.is_dataclass(one):
            found[one.__qualname__] = one
    return found


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
