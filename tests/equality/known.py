"""Numbers of the scenarios on which the engines agreed, so that every machine can check ours without them.

Run after `make peers`: what is not explained otherwise is taken from the other engines, which must agree among themselves. Fees and equity
stand only where an engine charges as we do and does not round to cents.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

from .explained import EXPLAINED, charged_by_lot, charged_by_part
from .fills import Outcome
from .peers import RUNS, answers, python_of

ROUNDED = {"nautilus_trader"}  # its money has two decimals
CHARGED = {charged_by_lot, charged_by_part}  # the trades are ours, the fees are not


def digest(found: Outcome) -> str:
    """SHA-256 of all trades, in order."""
    return hashlib.sha256(json.dumps([list(one) for one in found.trades]).encode()).hexdigest()


def agreed() -> dict[str, dict[str, Any]]:
    """Scenario and convention -> what the engines have in common."""
    known: dict[str, dict[str, Any]] = {}
    for engine in RUNS:
        python = python_of(engine)
        if python is None:
            raise SystemExit(f"{engine} is absent, expected all engines in .peers: run `make peers`")
        with tempfile.TemporaryDirectory() as folder:
            found = answers(engine, python, Path(folder))
        for (name, fill), one in found.items():
            reason = EXPLAINED.get((engine, name))
            if reason is not None and reason not in CHARGED:
                continue
            entry = known.setdefault(f"{name} {fill}", {"trades": len(one.trades), "sha256": digest(one), "engines": []})
            if entry["sha256"] != digest(one):
                raise SystemExit(f"{name} {fill}: {engine} has other trades than {entry['engines']}")
            if reason is None and engine not in ROUNDED:
                entry |= {"fees": round(one.fees, 2), "equity": round(one.equity, 2)}
            entry["engines"].append(engine)
    return known


if __name__ == "__main__":
    text = json.dumps(agreed(), indent=1, sort_keys=True)
    (Path(__file__).parent / "known.json").write_text(text + "\n", encoding="utf-8")
