"""Where models are fitted: in the process of the job, or by an engine that takes many fits at once.

A fit is rows of a sample in and a model's files out, by one function wherever it runs and with one thread, so that neither place nor
number of cores changes a bit of what is learned: sums of linear algebra depend on how many threads share them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from tradewinds.core.errors import Invariant
from tradewinds.jobs.context import Context
from tradewinds.jobs.research_config import EngineConfig, ModelConfig
from tradewinds.models.learner import Files
from tradewinds.models.sample import Ints, Sample
from tradewinds.models.train import train
from tradewinds.models.uniqueness import weighed


def engine_of(context: Context, model: ModelConfig) -> EngineConfig:
    """The model's own engine, else the configuration's."""
    return model.engine or context.config.engine


def fitted(context: Context, model: ModelConfig, sample: Sample, trainings: Sequence[Ints]) -> Iterator[tuple[int, Files]]:
    """(number, files of the model learned from those rows) of each training, as they finish.

    Raises what the fit raised; Transient where a worker was lost.
    """
    engine, learner = engine_of(context, model), asdict(model.learner)
    if engine.kind == "worker":
        for number, rows in enumerate(trainings):
            yield number, fit(learner, sample, rows)
        return
    if context.fits is None:
        raise Invariant(f"{context.job}: engine {engine.kind} without fits in the context, expected wiring to give them")
    yield from context.fits(engine, learner, sample, trainings)


def fit(learner: Mapping[str, Any], sample: Sample, rows: Ints) -> Files:
    """The files of a model learned from these rows, weighed by how unique their labels are."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return train(learner, weighed(sample.take(rows)))
