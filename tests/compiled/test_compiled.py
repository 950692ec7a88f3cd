"""Where compiled code is kept: by the text of what a file imports, so that stale code is never run, and shared by processes."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tradewinds import compiled

SOURCE = Path(compiled.__file__).resolve().parents[1]
PROGRAM = (
    "from tradewinds.simulation.kernel_costs import on_tick\n"
    "print(on_tick(10.13, 0.25, 1), sum(on_tick.stats.cache_hits.values()), sum(on_tick.stats.cache_misses.values()))"
)


def environment(home: Path) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in ("NUMBA_CACHE_DIR", "TRADEWINDS_HOME")} | {
        "NUMBA_CACHE_DIR": str(home),
        "PYTHONPATH": str(SOURCE.parent),
    }


def started(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True, env=environment(home))


def told(home: Path) -> list[str]:
    return started(home).communicate(timeout=200)[0].split()


def test_a_files_sources_are_what_it_imports_directly_or_not() -> None:
    kernel = SOURCE / "simulation" / "kernel.py"

    found = {str(path.relative_to(SOURCE)) for path in compiled.sources(kernel)}

    assert {
        "simulation/kernel.py",
        "simulation/kernel_costs.py",
        "simulation/books.py",
        "trading/sizing.py",
        "compiled/__init__.py",
    } <= found
    assert not {path for path in found if path.startswith(("app/", "stores/", "factors/"))}


def test_lines_show_every_import_that_the_syntax_tree_shows() -> None:
    files = sorted(SOURCE.rglob("*.py"))
    assert len(files) > 200
    for path in files:
        content = path.read_text()
        by_line, by_tree = compiled._names_by_line(content), compiled._names_by_tree(content)
        missed = {name for name in by_tree - by_line if name.startswith("tradewinds")}
        assert not missed, path


@pytest.mark.parametrize(
    "content",
    [
        "from tradewinds.core import instant, errors as wrong  # (both)\n",
        "from tradewinds.core import (\n    instant,  # with a ) in it\n    errors as wrong,\n)\n",
        "from tradewinds.core import instant, \\\n    errors\n",
        "x = 1; from tradewinds.core import instant, errors\n",
        "import tradewinds.core.instant as a, tradewinds.core.errors\n",
    ],
)
def test_every_way_to_import_is_seen(tmp_path: Path, content: str) -> None:
    (tmp_path / "mine.py").write_text(content)

    assert {SOURCE / "core" / "instant.py", SOURCE / "core" / "errors.py"} <= compiled.sources(tmp_path / "mine.py")


def test_a_second_process_reads_what_the_first_compiled(tmp_path: Path) -> None:
    assert told(tmp_path) == ["10.25", "0", "1"]
    assert told(tmp_path) == ["10.25", "1", "0"]


def test_processes_that_compile_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    both = [started(tmp_path) for _ in range(2)]

    answers = [process.communicate(timeout=200)[0].split()[0] for process in both]

    assert answers == ["10.25", "10.25"]
    assert told(tmp_path) == ["10.25", "1", "0"]


def test_a_home_keeps_no_compiled_code_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TRADEWINDS_HOME", str(tmp_path / "home"))

    assert compiled.folder(SOURCE / "simulation" / "kernel_costs.py").parent == tmp_path / "cache" / "tradewinds" / "compiled"


@pytest.fixture
def shared_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder of the machine in which nothing stands yet."""
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    compiled._made.cache_clear()
    compiled._private.cache_clear()
    yield place
    compiled._made.cache_clear()
    compiled._private.cache_clear()


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o720, 0o702])
def test_code_is_never_loaded_from_a_folder_that_others_may_write_to(tmp_path: Path, shared_folder: Path, mode: int) -> None:
    base = tmp_path / "compiled"
    base.mkdir()
    base.chmod(mode)

    made = compiled._made(base / "0123")

    assert made == shared_folder / f"tradewinds-compiled-{os.getuid()}" / "0123"
    assert stat.S_IMODE(made.parent.stat().st_mode) == 0o700


def test_a_folder_of_code_that_others_may_write_to_is_not_used_in_a_safe_one(tmp_path: Path, shared_folder: Path) -> None:
    base = tmp_path / "compiled"
    (base / "0123").mkdir(parents=True)
    (base / "0123").chmod(0o777)
    base.chmod(0o755)

    assert compiled._made(base / "0123").is_relative_to(shared_folder)
    assert compiled._made(base / "4567") == base / "4567"


@pytest.mark.parametrize("planted", ["open", "link", "file"])
def test_a_planted_fallback_is_not_used(tmp_path: Path, shared_folder: Path, planted: str) -> None:
    guessed = shared_folder / f"tradewinds-compiled-{os.getuid()}"
    if planted == "open":
        guessed.mkdir()
        guessed.chmod(0o755)
    elif planted == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        guessed.symlink_to(tmp_path / "elsewhere")
    else:
        guessed.write_text("")

    (tmp_path / "stands").write_text("a file, below which no folder can be made")
    made = compiled._made(tmp_path / "stands" / "compiled" / "0123")

    assert made.parent != guessed
    assert made.parent.parent == shared_folder
    assert stat.S_IMODE(made.parent.stat().st_mode) == 0o700


def test_another_users_folder_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o700)
    assert compiled.is_ours(tmp_path)

    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)

    assert not compiled.is_ours(tmp_path)


def test_old_folders_go_and_young_ones_stay(tmp_path: Path) -> None:
    old, young = tmp_path / "old", tmp_path / "young"
    for place in (old, young):
        place.mkdir()
        (place / "code.nbc").write_bytes(b"x")
    long_ago = time.time() - (compiled.KEPT_DAYS + 1) * 86_400
    os.utime(old, (long_ago, long_ago))

    compiled.prune(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["young"]


def test_another_text_of_an_imported_file_is_another_folder(tmp_path: Path) -> None:
    kernel = SOURCE / "simulation" / "kernel_costs.py"
    before = compiled.folder(kernel)

    texts = {path: compiled._text(path) for path in compiled.sources(kernel)}
    changed = next(path for path in texts if path.name == "books.py")
    original = compiled._text
    try:
        compiled._text = lambda path: texts[path] + b"\n" if path == changed else texts[path]  # type: ignore[assignment]
        after = compiled.folder(kernel)
    finally:
        compiled._text = original

    assert before != after
    assert compiled.folder(kernel) == before
