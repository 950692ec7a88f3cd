"""Training of one model: folds that it has not seen first, each by itself, then the model that is to answer from now on.

1. `plan` cuts the history into folds and returns a shard for each.
2. `fold` trains on what came before its sessions and publishes what the model foretold of them, beside what came. Where the model's engine
   takes many fits at once, one `fold` hands it all folds.
3. `run` scores all of that, trains on the latest window, registers the model with its card as the challenger, and says by the rule of
   `promotion` whether it should be the champion. If so a person is asked, unless params say `ask: false`.

The partition is the day as of which everything is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradewinds import __version__
from tradewinds.calendars.sessions import calendar
from tradewinds.core.errors import Missing, Rejected
from tradewinds.core.instant import NS_PER_HOUR
from tradewinds.factors.features import Features
from tradewinds.history.panel import Panel
from tradewinds.jobs.book import Book, book_of
from tradewinds.jobs.context import Context
from tradewinds.jobs.ingest import FAR_FUTURE_NS
from tradewinds.jobs.model_port import CHALLENGER
from tradewinds.jobs.plan import JobResult, Shard
from tradewinds.jobs.promotion import proposal, question, rule_of
from tradewinds.jobs.research_book import bars_panel, day_ns, publish
from tradewinds.jobs.research_config import ModelConfig
from tradewinds.jobs.research_features import stored_features
from tradewinds.jobs.research_predict import registry_of
from tradewinds.jobs.research_tables import features_table, out_of_sample_table
from tradewinds.jobs.train_fit import engine_of, fitted
from tradewinds.models.bound import with_features
from tradewinds.models.card import card
from tradewinds.models.drift import with_reference
from tradewinds.models.label import check_future, label_of
from tradewinds.models.learner import load_model
from tradewinds.models.sample import Ints, Sample, sample_of
from tradewinds.models.split import Split, WalkForward, walk_forward
from tradewinds.models.train import OutOfSample, latest

SESSIONS_OF_LABEL = 30  # of volatility before the first decision, and until the last label's entry


def plan(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """A shard for each fold; one for all of them where an engine takes many fits at once."""
    name, model = model_named(context, params)
    numbers = [fold.number for fold in folds_of(model, training_sample(context, partition, name, model))]
    if engine_of(context, model).kind == "worker":
        shards = [Shard(f"fold {number}", {"model": name, "fold": number}) for number in numbers]
    else:
        shards = [Shard(f"folds {numbers[0]} to {numbers[-1]}", {"model": name, "folds": numbers})] if numbers else []
    return JobResult(state="done", detail={"shards": [asdict(shard) for shard in shards]})


def fold(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """Train one fold, or those of `folds`, and publish what each foretold."""
    name, model = model_named(context, params)
    sample = training_sample(context, partition, name, model)
    splits = {one.number: one for one in folds_of(model, sample)}
    numbers = [int(one) for one in params.get("folds") or [params["fold"]]]
    unknown = sorted(set(numbers) - set(splits))
    if unknown:
        raise Rejected(f"model {name}: fold {unknown[0]}, expected one of those that the job train.plan named for {partition}")
    chosen = [splits[number] for number in numbers]
    published = restated = 0
    for place, files in fitted(context, model, sample, [one.train for one in chosen]):
        test = sample.take(chosen[place].test)
        rows = _foretold(context, name, partition, numbers[place], test, load_model(files).predict(test.features))
        new, again = publish(context, out_of_sample_table(model.research), rows)
        published, restated = published + new, restated + again
    return JobResult(
        state="done" if published + restated else "nothing",
        rows_in=sum(len(one.train) for one in chosen),
        rows_published=published,
        rows_restated=restated,
        detail={"purged": sum(one.purged for one in chosen)},
    )


def run(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """Score the folds, train on the latest window, register the model as the challenger, and say whether it should be the champion."""
    name, model = model_named(context, params)
    rule = rule_of(model.promotion)  # before hours of work, not after
    registry = registry_of(context)
    sample = training_sample(context, partition, name, model)
    found = out_of_sample(context, name, model, partition, sample)
    latest_rows = latest(sample, walk_of(model))
    book = book_of(context, {"research": model.research})
    texts = {feature: text for feature, text in book.config.features.items() if feature in latest_rows.names}
    ((_, fresh),) = fitted(context, model, latest_rows, [np.arange(len(latest_rows), dtype=np.int64)])
    learned = with_features(fresh, texts)  # so that a strategy computes them alike
    files = with_reference(learned, latest_rows)
    made = card(
        name,
        files,
        latest_rows,
        found,
        label=_label_words(model),
        learner=asdict(model.learner),
        walk=asdict(walk_of(model)),
        as_of_ns=context.clock.now_ns(),
        tables=_versions_read(context, book),
        code=__version__,
        trials=len(registry.versions(name)) + 1 if registry.has(name) else 1,
        partition=partition,
    )
    kept = registry.record(files, made, params={"partition": partition, "research": model.research}, alias=CHALLENGER)

    def of_partition(other: str) -> OutOfSample:
        return out_of_sample(context, name, model, other, sample)

    said = proposal(registry, kept, found, rule, of_partition)
    context.progress(f"{name}: version {kept.version} {'may become' if said.is_proposed else 'does not become'} the champion: {said.why}")
    return JobResult(
        state="done",
        rows_in=len(sample),
        detail={
            "version": kept.version,
            "sha256": kept.sha256,
            "scores": dict(made.scores),
            "features": dict(made.features),
            "promotion": said.as_json(),
            "questions": [question(kept, said, made)] if said.is_proposed and params.get("ask", True) else [],
        },
    )


def out_of_sample(context: Context, name: str, model: ModelConfig, partition: str, sample: Sample) -> OutOfSample:
    """What the folds of this training run foretold. Raises Missing where none has run."""
    table = out_of_sample_table(model.research)
    rows = context.lake.read(table, as_of_ns=FAR_FUTURE_NS).filter((pl.col("model") == name) & (pl.col("trained") == partition))
    if rows.is_empty():
        raise Missing(f"model {name}: no fold of {partition} is there, expected the jobs train.fold to have run")
    place = {one: index for index, one in enumerate(sample.universe)}
    rows = rows.filter(pl.col("instrument").is_in(list(place)))
    rows = rows.with_columns(place=pl.col("instrument").replace_strict(place, return_dtype=pl.Int64)).sort("start_ns", "place")
    columns = ("fold", "start_ns", "place")
    fold_, times, instruments = (rows[one].to_numpy() for one in columns)
    said = rows["score"].fill_null(float("nan")).to_numpy()
    return OutOfSample(
        sample.universe, fold_, times, instruments, said, rows["label"].to_numpy(), rows["label_start_ns"].to_numpy(),
        rows["label_end_ns"].to_numpy(),
    )  # fmt: skip


def _versions_read(context: Context, book: Book) -> dict[str, int]:
    """The last commit of each partition that the features of this training came from."""
    table = features_table(book.name, book.config.features)
    return {f"{table.name}/{part}": context.lake.version(table, part) for part in sorted(context.lake.partitions(table))}


def model_named(context: Context, params: Mapping[str, Any]) -> tuple[str, ModelConfig]:
    """(name, configuration) of the model that params name."""
    models = context.config.models
    name = params.get("model") or (next(iter(models)) if len(models) == 1 else None)
    if name not in models:
        raise Rejected(f"{context.job}: model {name!r}, expected one of {sorted(models)} in the workspace's models folder")
    return str(name), models[str(name)]


def folds_of(model: ModelConfig, sample: Sample) -> tuple[Split, ...]:
    """The walk through the sample."""
    return walk_forward(sample, walk_of(model))


def walk_of(model: ModelConfig) -> WalkForward:
    """How the model's history is walked."""
    return WalkForward(model.train_sessions, model.test_sessions, model.window, model.embargo_sessions, model.folds_max)


def training_sample(context: Context, partition: str, name: str, model: ModelConfig) -> Sample:
    """Rows of the book's features as they were known at each decision, with labels that began later. Raises Rejected for a label that does
    not lie in the future."""
    book = book_of(context, {"research": model.research})
    since_ns = _since_ns(book, model, partition)
    panel = bars_panel(context, book, partition, view="first", since_ns=since_ns)
    features = stored_features(context, book, start_ns=since_ns, end_ns=day_ns(partition) + 24 * NS_PER_HOUR)
    decided = decision_ns(book, panel)
    label = label_of(_label_words(model), panel.event_ns, panel.close, decision_ns=decided)
    check_future(label, panel.close)
    values, known = aligned(features, panel, decided)
    wanted = model.features or features.names
    unknown = sorted(set(wanted) - set(features.names))
    if unknown:
        raise Rejected(f"model {name}: features {unknown}, expected some of {', '.join(features.names)}")
    return sample_of(features.names, panel.instruments, decided, values, label, known_ns=known).only(wanted)


def _since_ns(book: Book, model: ModelConfig, partition: str) -> int | None:
    """Where the sessions begin that a rolling walk reads; None: all of the book's, for an expanding one."""
    if model.window == "expanding":
        return None
    walk = model.train_sessions + model.folds_max * model.test_sessions + model.embargo_sessions + model.label.horizon
    sessions = calendar(book.config.calendar)
    days = sessions.sessions(book.config.since, date.fromisoformat(partition[-10:]))
    wanted = walk + SESSIONS_OF_LABEL
    return sessions.open_ns(days[-wanted]) if wanted < len(days) else None


def decision_ns(book: Book, panel: Panel) -> Ints:
    """(times,) when each session's features are taken."""
    return panel.event_ns + int(book.config.decision_hours * NS_PER_HOUR)


def aligned(features: Features, panel: Panel, decided_ns: Ints) -> tuple[NDArray[np.float64], Ints]:
    """Features on the panel's sessions, NaN where the cell was not known by its decision; (values, known_ns)."""
    row = np.searchsorted(features.times, panel.times)
    has = (row < len(features.times)) & (features.times[np.minimum(row, len(features.times) - 1)] == panel.times)
    values = np.full((*panel.shape, len(features.names)), np.nan)
    known = np.broadcast_to(decided_ns[:, None], panel.shape).copy()
    values[has], known[has] = features.values[row[has]], features.known_ns[row[has]]
    late = known > decided_ns[:, None]
    values[late] = np.nan
    return values, np.where(late, decided_ns[:, None], known)


def _label_words(model: ModelConfig) -> dict[str, Any]:
    words = asdict(model.label)
    if model.label.kind == "forward_return":
        del words["profit"], words["stop"]
    return words


def _foretold(context: Context, name: str, partition: str, number: int, test: Sample, scores: NDArray[np.float64]) -> pl.DataFrame:
    """The rows of a fold; a row is known when its label has ended."""
    return pl.DataFrame(
        {
            "instrument": [test.universe[place] for place in test.instruments.tolist()],
            "start_ns": test.times,
            "event_ns": test.times,
            "known_ns": np.full(len(test), context.clock.now_ns() // 1_000 * 1_000),
            "model": [name] * len(test),
            "trained": [partition] * len(test),
            "fold": [number] * len(test),
            "score": scores,
            "label": test.label,
            "label_start_ns": test.starts_ns,
            "label_end_ns": test.label_end_ns,
        }
    ).with_columns(pl.col("score").fill_nan(None))
