"""How a runner reads its scenarios and answers; numpy and the standard library, so that it runs in every engine's environment.

python runners/<engine>.py FOLDER      # FOLDER/<case>.json and <case>.npz in, FOLDER/<case>.<engine>.out out, for every case listed
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np


class Case:
    """One scenario under one convention (`fill`)."""

    def __init__(self, folder: Path, name: str) -> None:
        declared = json.loads((folder / f"{name}.json").read_text())
        bars = np.load(folder / f"{name}.npz")
        self.name: str = declared["name"]
        self.fill: str = declared["fill"]
        self.cash: float = declared["cash"]
        self.fees: dict[str, float] = declared["fees"]
        self.lot: float = declared["lot"]
        self.is_rejecting: bool = declared["is_rejecting"]
        self.bar_ns: int = declared["bar_ns"]
        self.instructions = [SimpleNamespace(**one) for one in declared["instructions"]]
        self.start_ns = bars["start_ns"]
        self.open, self.high, self.low, self.close, self.volume = (bars[f] for f in ("open", "high", "low", "close", "volume"))

    @property
    def shape(self) -> tuple[int, int]:
        return self.close.shape

    def by_row(self) -> dict[int, list[SimpleNamespace]]:
        """Instructions of each row, in order."""
        found: dict[int, list[SimpleNamespace]] = {}
        for one in self.instructions:
            found.setdefault(one.row, []).append(one)
        return found

    def fee(self, quantity: float, price: float) -> float:
        """What a fill costs."""
        return max(
            abs(quantity) * price * self.fees.get("bps", 0.0) / 10_000.0 + self.fees.get("per_trade", 0.0), self.fees.get("minimum", 0.0)
        )


def answer(engine: str, version: str, run: Callable[[Case], dict[str, Any]]) -> None:
    """Run every case that the command line names; `run` answers fills, fees and equity."""
    folder, names = Path(sys.argv[1]), sys.argv[2:]
    for name in names:
        found = {"engine": engine, "version": version, **run(Case(folder, name))}
        (folder / f"{name}.{engine}.out").write_text(json.dumps(found))
