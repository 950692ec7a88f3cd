"""Sweeps put together: the work as a parcel for other processes, and the engine that a person named.

The strategy travels as its files: the file itself and the Python files beside and below it. Where it is opened its source must have the
same digest as where it was packed, so that nobody sweeps code that was edited in between.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tradewinds.core.errors import Rejected
from tradewinds.engines.parcel import Parcel, packed
from tradewinds.simulation.sweep import Engine
from tradewinds.simulation.sweep_work import SweepWork
from tradewinds.wiring.strategy_file import load_strategy, split_place

OPENER = "tradewinds.wiring.sweep:opened_work"
ENGINES = ("local", "ray", "batch")
FILES_MAX = 500
FILE_BYTES_MAX = 1_000_000


def packed_work(work: SweepWork, strategy: str | Path, folder: Path) -> Parcel:
    """Put the work into a folder. strategy: `file.py` or `file.py:name` that `work.strategy` was loaded from."""
    path, name = split_place(strategy)
    fields = {one: getattr(work, one) for one in ("market", "panel", "setup", "spans", "others", "decisions")}
    files = strategy_files(path)
    return packed(folder, OPENER, {"work": fields, "files": files, "name": name or work.strategy.name, "file": path.name,
                                   "source": work.strategy.source})  # fmt: skip


def opened_work(objects: Mapping[str, Any]) -> Callable[[Any], Any]:
    """The function of a worker, from the objects of a parcel. Raises Rejected where the strategy's source is another one by now."""
    with tempfile.TemporaryDirectory(prefix="tradewinds-strategy-") as folder:
        for name, text in objects["files"].items():
            place = Path(folder, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(text)
        strategy = load_strategy(f"{Path(folder, objects['file'])}:{objects['name']}")
    if strategy.source != objects["source"]:
        raise Rejected(f"sweep: strategy {strategy.name} has changed since it was packed, expected the source it was started with")
    return SweepWork(strategy=strategy, **objects["work"]).open()


def strategy_files(path: Path) -> dict[str, bytes]:
    """The file and the Python files beside and below it, by relative name; hidden folders and large files stay behind."""
    found = {path.name: path.read_bytes()}
    folder = path.absolute().parent
    for place in sorted(folder.rglob("*.py")):
        relative = place.relative_to(folder)
        if any(part.startswith((".", "__")) and part != "__init__.py" for part in relative.parts) or place.stat().st_size > FILE_BYTES_MAX:
            continue
        found[relative.as_posix()] = place.read_bytes()
        if len(found) > FILES_MAX:
            raise Rejected(f"sweep: more than {FILES_MAX} Python files below {folder}, expected a folder of strategies")
    return found


def engine_of(
    kind: str,
    work: SweepWork,
    strategy: str | Path,
    folder: Path,
    *,
    workers: int | None = None,
    options: Mapping[str, str] | None = None,
) -> Engine:
    """The engine named `local`, `ray` or `batch`. folder: an empty one for the parcel.

    options: for ray `address`; for batch `place` (s3://BUCKET/PREFIX), `queue` and `definition`.
    """
    from tradewinds.engines.local import LocalEngine

    given = dict(options or {})
    if kind == "local" and work.strategy.kind == "vector":
        return LocalEngine(work, workers)
    if kind not in ENGINES:
        raise Rejected(f"sweep: engine {kind!r}, expected one of {', '.join(ENGINES)}")
    parcel = packed_work(work, strategy, folder)
    if kind == "local":
        from tradewinds.engines.child import ChildWork

        return LocalEngine(ChildWork(parcel.folder), workers)
    if kind == "ray":
        from tradewinds.engines.ray import RayEngine

        return RayEngine(parcel, workers, address=given.get("address"))
    from tradewinds.engines.batch import BatchEngine

    absent = [name for name in ("place", "queue", "definition") if not given.get(name)]
    if absent:
        raise Rejected(f"sweep: engine batch without its {absent[0]}, expected the bucket, the queue and the job definition to use")
    return BatchEngine(
        parcel, place=given["place"], queue=given["queue"], definition=given["definition"], name=uuid.uuid4().hex, workers=workers
    )
