"""The benchmarks run and say what they promise; no figure is judged here, because the machine of a test is never quiet."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from urllib.request import urlopen

import polars as pl
import pytest
from benchmarks import __main__ as runner
from benchmarks import archive, machine


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
