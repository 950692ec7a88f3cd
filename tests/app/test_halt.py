"""`tradewinds halt` and `tradewinds guard` on a machine where nothing is configured, and what halt imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tradewinds.app.halt import home_of
from tradewinds.live.epoch import open_epoch


def _run(home: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    named = {name: value for name, value in os.environ.items() if not name.startswith("TRADEWINDS_")}
    return subprocess.run(
        [sys.executable, "-m", "tradewinds", *words], capture_output=True, text=True, check=False, cwd=home,
        env=named | {"TRADEWINDS_HOME": str(home)} | environment,
    )  # fmt: skip


def test_halt_imports_the_standard_library_and_what_does_the_same() -> None:
    code = "import sys; import tradewinds.app.halt; print(*sorted(sys.modules))"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    ours = {name for name in loaded if name.startswith("tradewinds")}
    assert ours == {
        "tradewinds", "tradewinds.app", "tradewinds.app.halt", "tradewinds.live", "tradewinds.live.epoch", "tradewinds.live.guard_process",
    }  # fmt: skip
    started = subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    ).stdout.split()
    outside = {name.partition(".")[0] for name in set(loaded) - ours - set(started)} - set(sys.stdlib_module_names)
    assert outside == set()


def test_where_nothing_is_configured_halt_raises_the_epoch_and_says_so(tmp_path: Path) -> None:
    done = _run(tmp_path, "halt", "--reason", "drill", "--json")

    report = json.loads(done.stdout)
    assert done.returncode == 99
    assert "no account is configured" in done.stderr
    assert (report["epoch"], report["accounts"], report["service"]) == (1, {}, "none runs")
    with open_epoch(tmp_path) as epoch:
        assert epoch.epoch() == 1


def test_where_nothing_is_configured_the_guard_says_what_is_missing(tmp_path: Path) -> None:
    done = _run(tmp_path, "guard")

    assert done.returncode == 99
    assert "no account of tradewinds.yaml can be guarded" in done.stderr


def test_an_account_without_a_guard_key_is_named_and_halt_does_not_say_that_all_is_well(tmp_path: Path) -> None:
    (tmp_path / "tradewinds.yaml").write_text(f"home: {tmp_path}\naccounts:\n  main:\n    broker: oanda\n    options: {{account: '1'}}\n")

    done = _run(tmp_path, "halt", "--json")

    assert done.returncode == 1
    assert "TRADEWINDS_GUARD__MAIN__KEY" in done.stderr
    assert "ORDERS MAY BE OPEN" in done.stderr
    assert json.loads(done.stdout)["accounts"]["main"]["open"] is None


def test_a_paper_account_has_nothing_at_a_venue(tmp_path: Path) -> None:
    (tmp_path / "tradewinds.yaml").write_text(f"home: {tmp_path}\naccounts:\n  practice:\n    broker: paper\n")

    done = _run(tmp_path, "halt")

    assert done.returncode == 0
    assert "account practice: 0 cancelled, 0 open" in done.stderr


@pytest.mark.parametrize(
    ("text", "home"),
    [
        ("home: /a/b\n", "/a/b"),
        ("clock: x\nhome: '/a b'  # here\n", "/a b"),
        ("storage:\n  home: /no\n", "/named"),
        ("home: null\n", "/named"),
    ],
)
def test_the_home_is_read_as_the_configuration_reads_it(tmp_path: Path, text: str, home: str) -> None:
    from tradewinds.wiring.settings import load_config

    config = tmp_path / "tradewinds.yaml"
    config.write_text(text)
    environment = {"TRADEWINDS_CONFIG": str(config), "TRADEWINDS_HOME": "/named"}

    assert home_of(environment) == Path(home)
    if "storage" not in text and "clock" not in text and "null" not in text:
        assert Path(load_config(environment=environment).home) == Path(home)


def test_without_a_file_the_home_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert home_of({"TRADEWINDS_HOME": "/named"}) == Path("/named")
    assert home_of({"XDG_DATA_HOME": "/data"}) == Path("/data/tradewinds")
