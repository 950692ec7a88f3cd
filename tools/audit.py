"""Asks pip-audit what is known against the packages of some locks: `audit.py LOCK...`, in an environment that has pip-audit.

Exit code: 0 nothing is known, 1 something is, 75 the service could not be asked about everything, so nobody knows. It says which, loudly.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

KNOWN, NOT_ASKED = 1, 75
WITHIN_S = 600


def main(locks: Sequence[str]) -> int:
    """Audit each lock; the exit code."""
    known: list[str] = []
    unasked: list[str] = []
    for lock in locks:
        found, why = ask(lock)
        if found is None:
            say(f"audit: {lock}: NOT AUDITED: {why}", is_loud=True)
            unasked.append(lock)
            continue
        against, skipped = read(found)
        known += [f"{lock}: {line}" for line in against]
        unasked += [f"{lock}: {len(skipped)} of {len(found['dependencies'])} packages, such as {skipped[0]}"] if skipped else []
        counts = f"{len(found['dependencies'])} packages, {len(against)} vulnerabilities, {len(skipped)} could not be asked about"
        say(f"audit: {lock}: {counts}")
    for line in known:
        say(line)
    if known:
        return KNOWN
    if unasked:
        lines = "".join(f"\n  {line}" for line in unasked)
        say(
            f"audit: NOBODY KNOWS whether something is known against our packages: the service could not be asked about{lines}",
            is_loud=True,
        )
        say("audit: run it again where pypi.org can be reached", is_loud=True)
        return NOT_ASKED
    return 0


def say(line: str, *, is_loud: bool = False) -> None:
    """A line of our own; a loud one on standard error."""
    print(line, file=sys.stderr if is_loud else sys.stdout, flush=True)


def ask(lock: str) -> tuple[dict[str, Any] | None, str]:
    """What pip-audit says of a lock; None where it said nothing, with its last words."""
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--requirement", lock, "--format", "json",
               "--progress-spinner", "off"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WITHIN_S)  # noqa: S603 - our own words
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return None, (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1][:300]
    return found, ""


def read(found: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Vulnerabilities, and packages that could not be asked about."""
    against, skipped = [], []
    for one in found["dependencies"]:
        if "skip_reason" in one:
            skipped.append(f"{one['name']}: {one['skip_reason']}")
        for vulnerability in one.get("vulns", []):
            mended = ", ".join(vulnerability["fix_versions"]) or "no version yet"
            against.append(f"{one['name']} {one['version']}: {vulnerability['id']}, mended in {mended}")
    return against, skipped


if __name__ == "__main__":
    if not Path(".audit/venv").exists():
        sys.exit("audit: .audit/venv is not there, expected tools/audit.sh to have made it")
    sys.exit(main(sys.argv[1:]))
