"""Writes what we ship as a CycloneDX list: every package of locks/main.lock with version, hashes and licence. Needs no network.

`sbom.py --site FOLDER --out build/sbom.json`, in an environment that has cyclonedx-bom. Versions and hashes come from the lock, by
`cyclonedx-py requirements`; licences from the metadata of the installed packages in FOLDER, since a lock knows none. What is for another
system or another Python (the lock serves 3.11 to 3.13) is not installed here: it is listed, and says that its licence was not read.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

LOCK = Path(__file__).resolve().parents[1] / "locks" / "main.lock"
PROPERTY = "tradewinds:licence"
# Named nowhere in their metadata, only in the licence's own text.
BY_TEXT = {
    "huey": ("MIT", "Permission is hereby granted, free of charge"),
    "skops": ("MIT", "Permission is hereby granted, free of charge"),
    "ta-lib": ("BSD-2-Clause", "Redistribution and use in source"),
}
# GPL and AGPL ask of whoever passes them on what Apache-2.0 does not; LGPL of a library that is only called does not.
_COPYLEFT = re.compile(r"(?<![A-Za-z])A?GPL|GNU (Affero )?General Public", re.I)
_EITHER = re.compile(r"\s+OR\s+", re.I)


def normal(name: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed(site: str) -> dict[str, Distribution]:
    """Packages in a folder, by name."""
    return {normal(one.metadata["Name"]): one for one in distributions(path=[site])}


def licence_of(package: Distribution) -> str:
    """What it says its licence is, "" where it says nothing. Several in its classifiers are a choice."""
    told = package.metadata
    expression = told.get("License-Expression")
    if expression:
        return str(expression)
    classified = [one.rpartition(" :: ")[2] for one in told.get_all("Classifier") or [] if one.startswith("License ::")]
    classified = [one for one in classified if one != "OSI Approved"]
    stated = (told.get("License") or "").strip()
    if classified or stated:
        return " OR ".join(classified) or stated.splitlines()[0][:100]
    name, sign = BY_TEXT.get(normal(told["Name"]), ("", ""))
    texts = [one.read_text() for one in package.files or [] if "LICEN" in one.name.upper()]
    return name if name and any(sign in text for text in texts) else ""


def is_copyleft(licence: str) -> bool:
    """Whether no choice of it is free of the GPL and AGPL."""
    return all(_COPYLEFT.search(choice) for choice in _EITHER.split(licence))


def bill(lock: Path, packages: Mapping[str, Distribution]) -> dict[str, Any]:
    """The list of a lock, with licences."""
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", str(lock), "--of", "JSON", "--output-reproducible", "-o", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own words
    found: dict[str, Any] = json.loads(done.stdout)
    for component in found["components"]:
        package = packages.get(normal(component["name"]))
        licence = "" if package is None or package.version != component["version"] else licence_of(package)
        if licence:
            component["licenses"] = [{"license": {"name": licence}}]
        else:
            component.setdefault("properties", []).append({"name": PROPERTY, "value": "not installed here, so not read"})
    return found


def main() -> int:
    """Write it, and say in a line what it holds."""
    parser = argparse.ArgumentParser(description="Write what we ship as a CycloneDX list.")
    parser.add_argument("--site", required=True, help="the folder of the installed packages")
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    found = bill(LOCK, installed(asked.site))
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    unread = [f"{one['name']} {one['version']}" for one in found["components"] if "licenses" not in one]
    print(f"sbom: {len(found['components'])} packages in {asked.out}; licence not read of {', '.join(unread) or 'none'}")  # noqa: T201 - its one line
    return 0


if __name__ == "__main__":
    sys.exit(main())
