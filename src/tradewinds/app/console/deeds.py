"""What people do from the console: each is an act of `wiring.desk.acts`, which checks, writes the audit row and does it."""

from __future__ import annotations

import json
import subprocess
import sys

from tradewinds.app.console.visit import Visit
from tradewinds.core.errors import OutcomeUnknown

HALT_WITHIN_S = 120.0


def halt(visit: Visit, reason: str, *, flatten: bool) -> str:
    """Stop all trading of this home; what was done, in words."""
    command = [sys.executable, "-m", "tradewinds.app.halt", "--json", f"--reason={visit.visitor.person}: {reason}"]
    command += ["--flatten"] if flatten else []
    command += ["--home", str(visit.house.home)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HALT_WITHIN_S, check=False)  # noqa: S603 - our own command
    try:
        told = json.loads(done.stdout)
    except ValueError:
        raise OutcomeUnknown(f"halt: no answer, exit code {done.returncode}, expected one JSON object") from None
    return f"Halted after {told['seconds']} s; " + ("no order is open" if told.get("is_clear") else "ORDERS MAY BE OPEN, run it again")
