"""Fits on an engine: a sample goes as a parcel, once; each task names its rows; files of models come back.

For Ray the nodes of a cluster need `tradewinds[ray]` of this release. The parcel holds a pickle of ours, as that of a sweep does.
"""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tradewinds.core import errors
from tradewinds.core.errors import Rejected, TradewindsError, Transient
from tradewinds.engines.local import checked_workers
from tradewinds.engines.parcel import packed
from tradewinds.jobs.research_config import EngineConfig
from tradewinds.jobs.train_fit import fit
from tradewinds.models.learner import Files
from tradewinds.models.sample import Ints, Sample
from tradewinds.simulation.sweep import Failure, Task

OPENER = "tradewinds.wiring.training:opened"


def fits(engine: EngineConfig, learner: Mapping[str, Any], sample: Sample, trainings: Sequence[Ints]) -> Iterator[tuple[int, Files]]:
    """(number, files) of each training, as they finish. Raises what the fit raised, Transient where its worker was lost."""
    ray_engine = _ray()
    workers = engine.workers
    if workers is None and engine.address is None:
        workers = min(checked_workers(None), len(trainings))
    with tempfile.TemporaryDirectory(prefix="tradewinds-fits-") as folder:
        parcel = packed(Path(folder, "parcel"), OPENER, {"learner": dict(learner), "sample": sample, "trainings": list(trainings)})
        with ray_engine(parcel, workers, address=engine.address) as running:
            for outcome in running.map(Task(number, number) for number in range(len(trainings))):
                if outcome.failure is not None:
                    raise told(outcome.failure)
                yield outcome.number, {name: base64.b64decode(text) for name, text in outcome.value.items()}


def opened(objects: Mapping[str, Any]) -> Callable[[int], dict[str, str]]:
    """The function of a worker: the number of a training to the files that came of it, as text."""

    def run(number: int) -> dict[str, str]:
        files = fit(objects["learner"], objects["sample"], objects["trainings"][number])
        return {name: base64.b64encode(content).decode() for name, content in files.items()}

    return run


def told(failure: Failure) -> TradewindsError:
    """The error that a worker's failure stands for."""
    kind = getattr(errors, failure.kind, None)
    if isinstance(kind, type) and issubclass(kind, TradewindsError):
        found: TradewindsError = kind(failure.message)
        return found
    if failure.kind == "WorkerLost":
        return Transient(failure.message)
    return errors.Invariant(f"fit: {failure.kind}: {failure.message}, expected a model or an error of ours")


def _ray() -> Any:
    from importlib.util import find_spec

    if find_spec("ray") is None:
        raise Rejected(
            'engine ray: Ray is not installed, expected pip install "tradewinds[ray]" where tasks run and on the nodes of the cluster'
        )
    from tradewinds.engines.ray import RayEngine

    return RayEngine
