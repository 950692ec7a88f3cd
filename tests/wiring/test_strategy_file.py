"""A strategy is loaded from a person's file, and what is wrong with the file is said with its line."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from tradewinds.core.errors import Rejected
from tradewinds.wiring.strategy_file import load_strategy, split_place

HOLD = """from tradewinds.trading.strategy import Int, vector

@vector(parameters={"units": Int(1, 0, 10)}, interval="1h")
def hold(panel, params):
    return panel.close * 0 + params.units
"""


def written(folder: Path, text: str, name: str = "mine.py") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text)
    return path


def test_the_strategy_of_a_file_carries_the_hash_of_its_text(tmp_path: Path) -> None:
    strategy = load_strategy(written(tmp_path, HOLD))
    assert (strategy.name, strategy.kind, strategy.interval) == ("hold", "vector", "1h")
    assert strategy.source == hashlib.sha256(HOLD.encode()).hexdigest()


def test_another_place_or_name_of_the_file_does_not_change_the_hash(tmp_path: Path) -> None:
    one, two = written(tmp_path / "a", HOLD), written(tmp_path / "b", HOLD, "other.py")
    assert load_strategy(one).source == load_strategy(two).source


def test_of_several_strategies_one_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, HOLD + HOLD.replace("def hold", "def hold_more").partition("\n")[2])
    assert load_strategy(f"{path}:hold_more").name == "hold_more"
    with pytest.raises(Rejected, match=r"2 strategies, expected mine\.py:NAME with one of: hold, hold_more"):
        load_strategy(path)
    with pytest.raises(Rejected, match="no strategy 'sell', expected one of: hold, hold_more"):
        load_strategy(f"{path}:sell")


def test_a_strategy_under_two_names_is_one(tmp_path: Path) -> None:
    assert load_strategy(written(tmp_path, HOLD + "again = hold\n")).name == "hold"


def test_files_beside_it_are_imported_and_count(tmp_path: Path) -> None:
    text = "from signals import UNITS\n" + HOLD.replace("Int(1,", "Int(UNITS,")
    path = written(tmp_path, text)
    written(tmp_path, "UNITS = 2\n", "signals.py")
    first = load_strategy(path)
    written(tmp_path, "UNITS = 3  # other length\n", "signals.py")
    second = load_strategy(path)
    assert (first.params().units, second.params().units) == (2, 3)
    assert first.source != second.source != hashlib.sha256(text.encode()).hexdigest()


def test_two_folders_may_have_files_of_one_name(tmp_path: Path) -> None:
    for folder, units in (("a", 4), ("b", 5)):
        written(tmp_path / folder, "from signals import UNITS\n" + HOLD.replace("Int(1,", "Int(UNITS,"))
        written(tmp_path / folder, f"UNITS = {units}\n", "signals.py")
    assert load_strategy(tmp_path / "a" / "mine.py").params().units == 4
    assert load_strategy(tmp_path / "b" / "mine.py").params().units == 5


def test_the_interpreter_keeps_no_trace_but_a_module_under_our_prefix(tmp_path: Path) -> None:
    path = written(tmp_path, "import signals\n" + HOLD)
    written(tmp_path, "", "signals.py")
    modules, places = set(sys.modules), list(sys.path)
    load_strategy(path)
    added = set(sys.modules) - modules
    assert sys.path == places
    assert len(added) == 1
    assert added.pop().startswith("tradewinds_strategy_mine_")


def test_a_class_of_the_file_finds_its_module(tmp_path: Path) -> None:
    text = "from __future__ import annotations\nfrom dataclasses import dataclass\n\n@dataclass\nclass State:\n    bars: int = 0\n\n"
    strategy = load_strategy(written(tmp_path, text + HOLD.replace('interval="1h"', 'interval="1d"')))
    assert strategy.interval == "1d"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HOLD + "\nraise KeyError('no key')\n", r"mine.py, line 7: KeyError: 'no key'"),
        (HOLD + "\nfloat('x')\n", r"mine.py, line 7: ValueError: could not convert"),
        (HOLD + "\ndef broken(:\n", r"mine.py, line 7: invalid syntax"),
        ("import no_such_package_here\n", r"mine.py, line 1: ModuleNotFoundError: No module named 'no_such_package_here'"),
        ("from helper import x\n", r"helper.py, line 2: ZeroDivisionError"),
        ("x = 1\n", r"no strategy in it, expected a function under @vector"),
        (HOLD.replace('units":', 'not a name":'), r"mine.py, line 3: Rejected: strategy hold: parameter 'not a name'"),
        ("x = 1\0\n", r"mine.py.*null bytes"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    written(tmp_path, "\nx = 1 / 0\n", "helper.py")
    with pytest.raises(Rejected, match=told):
        load_strategy(written(tmp_path, text))


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=r"nothing\.py: No such file or directory, expected a Python file"):
        load_strategy(tmp_path / "nothing.py")


def test_a_place_is_cut_at_the_last_colon_behind_a_python_file() -> None:
    assert split_place("a/b.py:name") == (Path("a/b.py"), "name")
    assert split_place("a/b.py") == (Path("a/b.py"), None)
    assert split_place("C:x/b.py") == (Path("C:x/b.py"), None)
