"""The benchmarks run and say what they promise; no figure is judged here, because the machine of a test is never quiet."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

import numpy as np
import polars as pl
import pytest
from benchmarks import __main__ as runner
from benchmarks import archive, machine, peers
from benchmarks.peers import prices


def test_every_benchmark_is_found_by_its_name() -> None:
    assert {"imports", "ingest", "lake", "memory", "pack", "reconcile"} <= set(runner.names())
    assert not {"archive", "machine", "market_data"} & set(runner.names())


def test_a_benchmark_prints_one_object_with_figures_peers_reaches_and_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    code = runner.main(["--only", "imports", "--quick"])

    lines = capsys.readouterr().out.splitlines()
    found = json.loads(lines[0])
    assert len(lines) == 1
    assert found["benchmark"] == "imports"
    assert set(found["figures"]) == {"import_ms", "import_process_ms", "help_ms", "help_ms_least", "rounds"}
    assert all(set(line) == {"value", "limit", "met"} for line in found["reach"].values())
    assert sorted(found["reached"] + found["missed"]) == sorted(f"imports.{name}" for name in found["reach"])
    assert code == (0 if found["met"] else 1)
    assert found["met"] == all(line["met"] for line in found["reach"].values())


def test_a_reach_that_is_not_met_ends_with_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    missed = {"figures": {}, "peers": {}, "reach": {"speed": {"value": 3.0, "limit": 2.0, "met": False}}}
    monkeypatch.setattr("benchmarks.imports.run", lambda quick: missed)

    code = runner.main(["--only", "imports"])

    assert code == 1
    assert json.loads(capsys.readouterr().out)["met"] is False


def test_a_benchmark_that_breaks_says_so_and_ends_with_seventy(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(quick: bool) -> dict[str, object]:
        raise OSError("no room")

    monkeypatch.setattr("benchmarks.imports.run", broken)

    code = runner.main(["--only", "imports"])

    assert code == 70
    assert json.loads(capsys.readouterr().out) == {"benchmark": "imports", "error": "OSError: no room"}


def test_the_last_line_over_all_of_them_names_every_reach_that_is_met_and_that_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = {
        "one": (0, '{"reached": ["one.speed", "one.memory"], "missed": []}\n'),
        "two": (1, 'words\n{"reached": [], "missed": ["two.speed"]}\n'),
    }
    monkeypatch.setattr(runner, "names", lambda: ["one", "two"])
    monkeypatch.setattr("benchmarks.__main__.subprocess.run", lambda command, **_: _Done(*printed[command[-1]]))

    code = runner.main([])

    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last == {"reached": ["one.speed", "one.memory"], "missed": ["two.speed"]}
    assert code == 1


def test_a_benchmark_that_broke_is_missed_under_its_name(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(runner, "names", lambda: ["one"])
    monkeypatch.setattr("benchmarks.__main__.subprocess.run", lambda command, **_: _Done(-9, ""))

    code = runner.main([])

    assert json.loads(capsys.readouterr().out) == {"reached": [], "missed": ["one"]}
    assert code == 70


def test_a_peer_without_an_environment_is_absent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(peers, "ENVIRONMENTS", tmp_path)

    with peers.started("vectorbt", "vectorbt_single") as peer:
        assert peer is None
    assert peers.run_peer("vectorbt", "vectorbt_single") is None


def test_a_peer_does_a_round_when_asked_and_says_at_the_end_what_came_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _environment(tmp_path)
    script = tmp_path / "counted.py"
    script.write_text(
        "from measured import Outcome, answer, asked\n"
        "answer('counted', '1', asked(), lambda: lambda: Outcome(3, 1.5))\n"
    )  # fmt: skip
    shutil.copy(peers.SCRIPTS / "measured.py", tmp_path)
    monkeypatch.setattr(peers, "ENVIRONMENTS", tmp_path)
    monkeypatch.setattr(peers, "SCRIPTS", tmp_path)

    at_once = peers.run_peer("here", "counted", "--bars", 7, "--repeat", 2)
    with peers.started("here", "counted", "--bars", 7) as peer:
        assert peer is not None
        seconds = [peer.round(), peer.round(), peer.round()]
        in_turns = peer.result()

    assert at_once is not None
    assert (at_once["name"], at_once["bars"], at_once["fills"], at_once["equity_final"]) == ("counted", 7, 3, 1.5)
    assert len(at_once["seconds"]) == 2
    assert in_turns["seconds"] == seconds


def test_everybody_is_measured_on_the_same_bars() -> None:
    bars = prices.walks(1_000, 2, seed=1)

    assert hashlib.sha256(np.rint(bars["close"] * 100).astype("<i8").tobytes()).hexdigest().startswith("fd79653289635bc1")
    assert bars["close"][0, 0] == bars["open"][1, 0]
    assert (bars["high"] >= bars["low"]).all()
    assert len(set(prices.pairs(1_000))) == 1_000
    assert all(fast < slow for fast, slow in prices.pairs(1_000))


def test_an_unknown_benchmark_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        runner.main(["--only", "nonsense"])

    assert ended.value.code == 2
    assert "ingest" in capsys.readouterr().err


def test_the_machine_is_described_without_names_of_hosts_and_folders() -> None:
    about = machine.describe()

    assert set(about) == {"cpu", "cores", "memory_gb", "load_before", "system", "python", "versions"}
    assert "/" not in json.dumps(about).replace("N/A", "")


def test_the_archive_is_laid_out_and_served_as_the_venue_does(tmp_path: Path) -> None:
    written = archive.write(tmp_path, count=1, months=1)

    with archive.served(tmp_path) as url, urlopen(f"{url}/data/spot/monthly/klines/S000USDT/1m/S000USDT-1m-2023-01.zip.CHECKSUM") as answer:
        stated = answer.read().decode()
    content = zipfile.ZipFile(written[0]).read("S000USDT-1m-2023-01.csv")
    rows = pl.read_csv(content, has_header=False, schema=archive.COLUMNS)
    assert stated == f"{hashlib.sha256(written[0].read_bytes()).hexdigest()}  S000USDT-1m-2023-01.zip\n"
    assert rows.height == 31 * 1440
    assert rows["open_time"][0] == 1_672_531_200_000
    assert rows["close_time"][0] == 1_672_531_259_999


class _Done(NamedTuple):
    """What a finished process leaves behind."""

    returncode: int
    stdout: str


def _environment(folder: Path) -> None:
    """An environment `here` that is this very Python."""
    (folder / "here" / "bin").mkdir(parents=True)
    (folder / "here" / "bin" / "python").symlink_to(sys.executable)
    (folder / "here" / ".stamp").write_text("")
