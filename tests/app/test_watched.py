"""A process that runs on: what a command set for its short life is put back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

RUNS_ON = """
import gc, json, sys
from pathlib import Path
from tradewinds.app.cli import COLLECT_AFTER
from tradewinds.app.watched import watched

class Knot:
    def __init__(self):
        self.myself = self

gc.set_threshold(COLLECT_AFTER)  # as cli.main does
with watched(Path(sys.argv[1]), "console"):
    said = {"threshold": gc.get_threshold(), "set aside": gc.get_freeze_count() > 1_000}
    for _ in range(20_000):
        Knot()
    said["left"] = sum(type(one) is Knot for one in gc.get_objects())
print(json.dumps(said))
"""


def test_a_process_that_runs_on_looks_for_garbage_as_often_as_python_does(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", RUNS_ON, str(tmp_path)], capture_output=True, text=True, check=True)

    said = json.loads(ended.stdout.splitlines()[-1])
    assert said["threshold"] == [700, 10, 10]
    assert said["set aside"]
    assert said["left"] < 1_000  # with a command's threshold all 20,000 would still be there
