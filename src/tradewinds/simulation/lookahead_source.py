"""What a strategy's code reads besides its view: clocks, unseeded chance, the machine. Read off its compiled code; nothing is run."""

from __future__ import annotations

import dis
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

_CLOCKS = {"time", "time_ns", "perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns", "localtime"}
_TODAY = {"now", "utcnow", "today"}
_MACHINE = {"os", "socket", "secrets", "uuid", "requests", "httpx", "urllib"}
_SEEDS = {"seed", "Random", "default_rng", "RandomState", "Generator", "SeedSequence"}
_CHANCE = {"random": "random", "numpy": "numpy.random", "numpy.random": "numpy.random"}
_LOADS = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FAST", "LOAD_DEREF"}
_ATTRIBUTES = {"LOAD_ATTR", "LOAD_METHOD"}
CLOCK, CHANCE = "the machine's clock", "chance without a seed"


def hidden_inputs(code: Callable[..., Any] | type) -> tuple[str, ...]:
    """In words, what the code reads that neither its data nor its parameters hold; sorted."""
    chains = [chain for function in _functions(code) for chain in _chains(function)]
    found = {_of(chain) for chain in chains} - {""}
    seeded = {_CHANCE[root] for root, *attributes in chains if root in _CHANCE and set(attributes) & _SEEDS}
    tossed = {_CHANCE[root] for root, *attributes in chains if _tosses(root, attributes)}
    return tuple(sorted(found | ({CHANCE} if tossed - seeded else set())))


def text_constants(code: Callable[..., Any] | type) -> tuple[str, ...]:
    """Every text in the code that could be a name, sorted: fields that it may ask for are among them."""
    found = set()
    for function in _functions(code):
        for one in _codes(function.__code__):
            found |= {text for text in _texts(one.co_consts) if text.isidentifier()}
    return tuple(sorted(found))


def _of(chain: tuple[str, ...]) -> str:
    root, *attributes = chain
    if root == "time" and attributes[:1] and attributes[0] in _CLOCKS:
        return CLOCK
    if root in ("datetime", "datetime.datetime", "datetime.date") and set(attributes) & _TODAY:
        return CLOCK
    is_machine = root.split(".")[0] in _MACHINE and attributes and attributes[0] != "path"
    return f"the module {root}" if is_machine else ""


def _tosses(root: str, attributes: list[str]) -> bool:
    drawn = attributes[1:] if root == "numpy" and attributes[:1] == ["random"] else attributes if root in ("random", "numpy.random") else []
    return bool(drawn) and drawn[0] not in _SEEDS


def _chains(function: FunctionType) -> Iterator[tuple[str, ...]]:
    """(module or class, attribute, ...) of everything in the function that is reached from a module, such as (time, time)."""
    for code in _codes(function.__code__):
        imported: dict[str, str] = {}
        root, module = "", ""
        attributes: list[str] = []
        for step in dis.get_instructions(code):
            if step.opname in _ATTRIBUTES and root:
                attributes.append(str(step.argval))
                continue
            if root:
                yield (root, *attributes)
            root, attributes = "", []
            if step.opname == "IMPORT_NAME":
                module = str(step.argval)
            elif step.opname.startswith("STORE_") and module:
                imported[str(step.argval)] = module
                module = ""
            elif step.opname in _LOADS:
                name = str(step.argval)
                is_global = step.opname in ("LOAD_GLOBAL", "LOAD_NAME")
                root, attributes = (
                    (imported[name], []) if name in imported else _rooted(function.__globals__.get(name) if is_global else None)
                )


def _rooted(value: object) -> tuple[str, list[str]]:
    """What a name stands for: a module, a class of datetime, a function of time or random; "" for anything else."""
    if isinstance(value, ModuleType):
        return value.__name__, []
    module = getattr(value, "__module__", None)
    if isinstance(value, type) and module == "datetime":
        return f"datetime.{value.__name__}", []
    if module == "time" and callable(value):
        return "time", [str(getattr(value, "__name__", ""))]
    return "", []


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
