"""The five-minute tour, typed in as it stands on its page: its commands in their order, its files under their names."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tour.md"
_BLOCK = re.compile(r'^```(console|yaml title="([^"]+)")\n(.*?)^```$', re.MULTILINE | re.DOTALL)
ANSWERS_NO = ("data findings",)  # nothing found ends with 1
ADDED_TO = "tradewinds.yaml"


def steps() -> list[tuple[str, str]]:
    """("type", command) and (file name, its text), from top to bottom."""
    found: list[tuple[str, str]] = []
    for kind, name, text in _BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if kind == "console":
            found += [("type", line.removeprefix("$ ")) for line in text.splitlines() if line.startswith("$ ")]
        else:
            found.append((name, text))
    return found


@pytest.mark.usefixtures("venue_settings")
def test_every_step_of_the_tour_works(command: Any, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace / "tradewinds.yaml").unlink()
    monkeypatch.delenv("TRADEWINDS_CONFIG")
    said = {}
    for what, text in steps():
        if what != "type":
            place = Path(what)
            place.write_text((place.read_text() if what == ADDED_TO else "") + text)
        elif text.startswith("cd "):
            monkeypatch.chdir(text.removeprefix("cd "))
        elif text.startswith("mkdir "):
            Path(text.removeprefix("mkdir ")).mkdir()
        else:
            program, *words = shlex.split(text)
            assert program == "tradewinds"
            done = command(*words)
            allowed = (0, 1) if " ".join(words).startswith(ANSWERS_NO) else (0,)
            assert done.code in allowed, f"{text}: {done.code}\n{done.out}\n{done.err}"
            said[text] = done.out + done.err

    assert len(said) > 14
    assert "filled" in said["tradewinds trade orders --all"]
    assert "vendor" in said["tradewinds data lineage BTCUSDT.BINANCE 2025-01-03T01:00 --dataset bars-1h"]
