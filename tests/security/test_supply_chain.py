"""What we ship: every package pinned and hashed, none under the GPL or AGPL, and a list of them that says so."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
from importlib import util
from importlib.metadata import distributions
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "locks" / "main.lock"
AUDIT = ROOT / ".audit" / "venv" / "bin" / "python"
OTHER_SYSTEMS = {"colorama", "pywin32", "pyyaml-ft", "waitress", "winloop"}  # Windows, and a Python without its global lock
Locked = dict[tuple[str, str], set[str]]
_LINE = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;\\]+)")


def _module(name: str) -> ModuleType:
    """A file of tools/, which is no package."""
    spec = util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    found = util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.fixture(scope="module")
def sbom() -> Any:
    return _module("sbom")


@pytest.fixture(scope="module")
def locked() -> Locked:
    """(name, version) -> hashes, read here by ourselves. Some packages stand in two versions, for an older and a newer Python."""
    found: Locked = {}
    for line in LOCK.read_text().splitlines():
        told = _LINE.match(line)
        if told is not None:
            hashes = found[_normal(told["name"]), told["version"]] = set[str]()
        elif "--hash=sha256:" in line:
            hashes.add(line.partition("sha256:")[2].strip(" \\"))
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_package_of_every_lock_is_pinned_and_hashed_and_no_address_stands_in_one() -> None:
    locks = sorted((ROOT / "locks").rglob("*.lock"))

    assert {"main.lock", "audit.lock", "jupyter.lock", "superset.lock"} <= {lock.name for lock in locks}
    for lock in locks:
        entries = re.split(r"\n(?=\S)", lock.read_text().strip())
        assert all(_LINE.match(entry) and "--hash=sha256:" in entry for entry in entries), lock.name
        assert "://" not in lock.read_text(), lock.name


def test_nothing_that_we_ship_is_under_the_gpl_and_everything_says_what_it_is_under(sbom: Any, locked: Locked) -> None:
    packages = sbom.installed(sysconfig.get_path("purelib"))

    told = {name: sbom.licence_of(packages[name]) for name, version in locked if name in packages and packages[name].version == version}

    assert {name for name, _ in locked} - set(told) <= OTHER_SYSTEMS
    assert [name for name, licence in told.items() if not licence] == []
    assert [name for name, licence in told.items() if sbom.is_copyleft(licence)] == []
    assert told["polars"] == "MIT License"
    assert told["huey"] == "MIT"  # its metadata name none; its licence's text does


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("GPL-3.0-or-later", True),
        ("GNU General Public License v3 (GPLv3)", True),
        ("GNU Affero General Public License v3", True),
        ("AGPL-3.0", True),
        ("MIT AND GPL-2.0", True),
        ("GNU Library or Lesser General Public License (LGPL)", False),
        ("Artistic License OR GNU General Public License (GPL)", False),
        ("Apache-2.0", False),
    ],
)
def test_the_gpl_is_known_by_its_names_and_the_lgpl_is_not_it(sbom: Any, licence: str, expected: bool) -> None:
    assert sbom.is_copyleft(licence) is expected


@pytest.mark.skipif(not AUDIT.exists(), reason="NO .audit/venv: `make audit` makes it and runs this test")
def test_the_list_holds_exactly_the_lock_with_versions_hashes_and_licences(locked: Locked, tmp_path: Path) -> None:
    out = tmp_path / "sbom.json"
    command = [str(AUDIT), str(ROOT / "tools" / "sbom.py"), "--site", sysconfig.get_path("purelib"), "--out", str(out)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    listed = {
        (_normal(one["name"]), one["version"]): {each["content"] for ref in one["externalReferences"] for each in ref.get("hashes", [])}
        for one in found["components"]
    }
    assert len(found["components"]) == len(locked)
    assert listed == locked
    here = {_normal(one.metadata["Name"]): one.version for one in distributions()}
    assert {
        one["name"] for one in found["components"] if "licenses" not in one and here.get(_normal(one["name"])) == one["version"]
    } == set()
    assert all(one["purl"] == f"pkg:pypi/{_normal(one['name'])}@{one['version']}" for one in found["components"])


def test_a_service_that_cannot_be_asked_is_told_loudly_and_is_not_taken_for_a_clean_bill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    audit = _module("audit")
    said = {
        "unreachable.lock": "",
        "skipped.lock": '{"dependencies": [{"name": "polars", "skip_reason": "not found"}], "fixes": []}',
        "clean.lock": '{"dependencies": [{"name": "polars", "version": "2.1.0", "vulns": []}], "fixes": []}',
        "bad.lock": '{"dependencies": [{"name": "x", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["1.1"]}]}], "fixes": []}',
    }
    # A Python that answers as pip-audit does: a service of another's is not asked by a test.
    stand_in = tmp_path / "python"
    cases = "".join(f"*{name}*) printf %s '{text}';;\n" for name, text in said.items())
    stand_in.write_text(f'#!/bin/sh\necho "connection refused" >&2\ncase "$*" in\n{cases}esac\n')
    stand_in.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(stand_in))

    codes = {name: audit.main([name]) for name in said}

    told = capsys.readouterr()
    assert codes == {"unreachable.lock": 75, "skipped.lock": 75, "clean.lock": 0, "bad.lock": 1}
    assert "unreachable.lock: NOT AUDITED: connection refused" in told.err
    assert "NOBODY KNOWS" in told.err
    assert "polars: not found" in told.err
    assert "x 1: CVE-1, mended in 1.1" in told.out
