"""`python -m benchmarks [--only NAME] [--quick | --full]`: one JSON object a line for each benchmark, on standard output.

The last line is {"reached": [...], "missed": [...]}, the names of all reaches; with --only the one object carries both lists itself.
A benchmark that broke stands in `missed` under its own name. Exit code: 0 all ran and met every reach, 1 a reach is not met, 2 no such
benchmark, 70 a benchmark broke.
"""

from __future__ import annotations

import argparse
import json
import os
import pkgutil
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import benchmarks
from benchmarks import machine, peers

NOT_MET = 1
BROKE = 70


def names() -> list[str]:
    """The modules here that can be run: those with a `run`."""
    found = [module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name != "__main__"]
    return sorted(name for name in found if _has_run(name))


def measure(name: str, *, quick: bool) -> dict[str, Any]:
    """The object of one benchmark: its figures, its peers of the same run, whether each reach is met, and on which machine."""
    about = machine.describe()
    begin = time.perf_counter()
    found: Mapping[str, Any] = import_module(f"benchmarks.{name}").run(quick=quick)
    reach = found["reach"]
    return {
        "benchmark": name,
        "is_quick": quick,
        "is_full": peers.is_full(),
        **found,
        "machine": found.get("machine", {}) | about,
        "met": is_met(found),
        "reached": [f"{name}.{line}" for line, one in reach.items() if one["met"]],
        "missed": [f"{name}.{line}" for line, one in reach.items() if not one["met"]],
        "seconds": round(time.perf_counter() - begin, 1),
    }


def is_met(found: Mapping[str, Any]) -> bool:
    """Whether every reach of it is met."""
    return all(bool(line["met"]) for line in found["reach"].values())


def main(arguments: list[str] | None = None) -> int:
    """Run what is asked for; the exit code."""
    known = names()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure, and say whether each reach is met.")
    parser.add_argument("--only", choices=known, metavar="NAME", help=f"one of {', '.join(known)}")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="small sizes: whether it runs at all, no figures to quote")
    size.add_argument("--full", action="store_true", help="the peers at full size too, which takes an hour or more")
    asked = parser.parse_args(arguments)
    if asked.full:
        os.environ[peers.SIZE] = peers.FULL
    if asked.only is None:
        return _all(known, ["--quick"] if asked.quick else ["--full"] if asked.full else [])
    print(f"{asked.only} ...", file=sys.stderr, flush=True)
    try:
        result = measure(asked.only, quick=asked.quick)
    except Exception as error:
        traceback.print_exc()
        print(json.dumps({"benchmark": asked.only, "error": f"{type(error).__name__}: {error}"}), flush=True)
        return BROKE
    print(json.dumps(result), flush=True)
    return 0 if result["met"] else NOT_MET


def _all(names: list[str], options: list[str]) -> int:
    """Each in a process of its own: what one leaves in memory must not be another's figure."""
    codes: list[int] = []
    reached: list[str] = []
    missed: list[str] = []
    for name in names:
        command = [sys.executable, "-m", "benchmarks", "--only", name, *options]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        print(done.stdout, end="", flush=True)
        codes.append(done.returncode)
        result = _last_object(done.stdout)
        reached += result.get("reached", [])
        missed += result.get("missed", [name])
    print(json.dumps({"reached": reached, "missed": missed}), flush=True)
    broke = any(code not in (0, NOT_MET) for code in codes)
    return BROKE if broke else max(codes, default=0)


def _last_object(printed: str) -> dict[str, Any]:
    """The object on the last line; an empty one where a benchmark ended without it."""
    try:
        found: Any = json.loads(printed.splitlines()[-1])
    except (IndexError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _has_run(name: str) -> bool:
    """Looked for in the source: importing all of them to see would load every library that any of them needs."""
    spec = find_spec(f"benchmarks.{name}")
    return spec is not None and spec.origin is not None and "\ndef run(" in Path(spec.origin).read_text(encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
