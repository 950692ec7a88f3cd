"""What a strategy's code reads besides its view: clocks, unseeded chance, the machine. Read off its compiled code; nothing is run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

_CLOCKS = {"time", "time_ns", "perf_counter", "perf_counter_ns", "monotonic", "localtime", "gmtime"}
_TODAY = {"now", "utcnow", "today"}
_MACHINE = {"os", "socket", "secrets", "uuid", "requests", "httpx", "urllib"}
_SEEDS = {"seed", "Random", "default_rng", "RandomState", "Generator", "SeedSequence"}


def hidden_inputs(code: Callable[..., Any] | type) -> tuple[str, ...]:
    """In words, what the code reads that neither its data nor its parameters hold; sorted."""
    found: set[str] = set()
    for function in _functions(code):
        names = {name for one in _codes(function.__code__) for name in one.co_names}
        for name in names:
            found |= _of(name, function.__globals__.get(name), names)
        found |= {name for one in _codes(function.__code__) for name in one.co_names if name in _MACHINE and _imports(one, name)}
    return tuple(sorted(found))


def text_constants(code: Callable[..., Any] | type) -> tuple[str, ...]:
    """Every text in the code that could be a name, sorted: fields that it may ask for are among them."""
    found = set()
    for function in _functions(code):
        for one in _codes(function.__code__):
            found |= {text for text in _texts(one.co_consts) if text.isidentifier()}
    return tuple(sorted(found))


def _of(name: str, value: object, names: set[str]) -> set[str]:
    if isinstance(value, ModuleType):
        module = value.__name__
        if module == "time" and names & _CLOCKS:
            return {"the machine's clock"}
        if module == "datetime" and names & _TODAY:
            return {"the machine's clock"}
        if module in ("random", "numpy.random") and not names & _SEEDS:
            return {"chance without a seed"}
        if module == "numpy" and "random" in names and not names & _SEEDS:
            return {"chance without a seed"}
        return {f"the module {module}"} if module.split(".")[0] in _MACHINE else set()
    if isinstance(value, type) and value.__module__ == "datetime" and names & _TODAY:
        return {"the machine's clock"}
    if getattr(value, "__module__", None) == "time" and callable(value):
        return {"the machine's clock"}
    return set()


def _imports(code: CodeType, name: str) -> bool:
    return name in code.co_varnames or name in code.co_cellvars


def _functions(code: Callable[..., Any] | type) -> Iterator[FunctionType]:
    """The function, or the methods of the class, and what of the same file they call by name."""
    waiting = [one for one in vars(code).values() if isinstance(one, FunctionType)] if isinstance(code, type) else [code]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if not isinstance(one, FunctionType) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        called = [one.__globals__.get(name) for part in _codes(one.__code__) for name in part.co_names]
        held = [cell.cell_contents for cell in one.__closure__ or ()]
        waiting += [
            found
            for found in (*called, *held)
            if isinstance(found, FunctionType) and found.__code__.co_filename == one.__code__.co_filename
        ]


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _codes(one)


def _texts(values: object) -> Iterator[str]:
    if isinstance(values, str):
        yield values
    elif isinstance(values, tuple | frozenset):
        for one in values:
            yield from _texts(one)
