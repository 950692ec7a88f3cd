"""What `tradewinds sweep` shows: the best configurations and words on luck for people, one object for programs, figures for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from tradewinds.app.output import log, print_table
from tradewinds.core.instant import text
from tradewinds.simulation.sweep_verdict import words

if TYPE_CHECKING:
    from tradewinds.report.sweep_sheet import SweepFigures
    from tradewinds.simulation.sweep import Trial
    from tradewinds.simulation.sweep_run import Stitched, Swept
    from tradewinds.wiring.sweep import PreparedSweep

FAILURES_SHOWN = 5
_COLUMNS = ("sharpe", "sortino", "calmar", "total_return", "drawdown", "fills")


def show(prepared: PreparedSweep, found: Swept, folder: Path, page: Path | None) -> None:
    """Print the top, the luck, and what validation says; failures and places follow."""
    tally, market = found.tally, prepared.prepared.market
    begin, end = prepared.what["start"], prepared.what["end"]
    click.echo(f"{prepared.strategy.name}: {', '.join(market.ids[:5])}, bars of {prepared.prepared.interval}, {begin} to {end}")
    click.echo(f"{prepared.what['search']}: {tally.tried:,} tried, {tally.failed:,} failed, {tally.unscored:,} without a score")
    names = list(prepared.strategy.parameters)
    rows = [(*(one.parameters[name] for name in names), *_figures(one)) for one in tally.top]
    print_table(f"Best by {prepared.asked.objective}", (*names, *(name.replace("_", " ") for name in _COLUMNS)), rows)
    if found.luck is not None:
        for sentence in words(found.luck):
            click.echo(sentence)
    for sentence in judgement(prepared, found):
        click.echo(sentence)
    for trial in tally.failures[:FAILURES_SHOWN]:
        assert trial.failure is not None
        log(f"failed: {_pairs(trial.parameters)}: {trial.failure.kind}: {trial.failure.message}")
    if tally.failed > FAILURES_SHOWN:
        log(f"{tally.failed - FAILURES_SHOWN:,} more failed; the journal lists them")
    for note in (*found.notes, *prepared.prepared.notes):
        log(f"note: {note}")
    click.echo(f"journal     {folder / 'sweep.jsonl'}")
    if page is not None:
        click.echo(f"sheet       {page}")


def judgement(prepared: PreparedSweep, found: Swept) -> list[str]:
    """What the validation found, in words."""
    said = []
    if found.walk_forward is not None and found.best is not None:
        figures, best = found.walk_forward.figures, found.best.figures
        assert best is not None
        chosen = sum(step.chosen is not None for step in found.walk_forward.steps)
        said.append(
            f"Walk-forward: chosen on the past and run on what came next, {chosen} of {len(found.walk_forward.steps)} steps give a Sharpe "
            f"ratio of {_number(figures.sharpe)} and a return of {figures.total_return:.1%}, against {_number(best.sharpe)} for the best "
            "over the whole history."
        )
    if found.purged is not None:
        scale = np.sqrt(prepared.plan.year)
        inside, outside = (float(np.nanmean(one)) * scale for one in (found.purged.inside, found.purged.outside))
        losing = float(np.mean(found.purged.outside < 0))
        said.append(
            f"Purged cross-validation: over {len(found.purged.outside)} splits the chosen configuration's Sharpe ratio is {inside:.2f} "
            f"where it was chosen and {outside:.2f} where it was not; it loses there in {losing:.0%} of them."
        )
        if len(found.purged.paths) > 1:
            low, high = np.nanmin(found.purged.paths) * scale, np.nanmax(found.purged.paths) * scale
            said.append(f"Its {len(found.purged.paths)} out-of-sample paths have Sharpe ratios from {low:.2f} to {high:.2f}.")
    return said


def as_object(prepared: PreparedSweep, found: Swept, folder: Path, page: Path | None, stored: int | None) -> dict[str, Any]:
    """Everything `show` shows and more, as one object."""
    tally = found.tally
    luck = None if found.luck is None else asdict(found.luck)
    return {
        **prepared.what,
        "sweep": prepared.name,
        "instruments": list(prepared.prepared.market.ids),
        "interval": prepared.prepared.interval,
        "tried": tally.tried,
        "failed": tally.failed,
        "unscored": tally.unscored,
        "best": None if found.best is None else _object(found.best),
        "top": [_object(trial) for trial in tally.top],
        "luck": luck,
        "words": [*([] if found.luck is None else words(found.luck)), *judgement(prepared, found)],
        "walk_forward": None if found.walk_forward is None else _walk_object(prepared, found.walk_forward),
        "purged": None if found.purged is None else _purged_object(prepared, found),
        "failures": [
            {"number": one.number, "parameters": dict(one.parameters), "kind": one.failure.kind, "message": one.failure.message}
            for one in tally.failures
            if one.failure is not None
        ],
        "notes": [*found.notes, *prepared.prepared.notes],
        "journal": str(folder / "sweep.jsonl"),
        "sheet": None if page is None else str(page),
        "stored": stored,
    }


def sheet_figures(prepared: PreparedSweep, found: Swept, trials: Sequence[Trial]) -> SweepFigures:
    """What the page draws. trials: those over the whole history."""
    from tradewinds.report.sweep_sheet import SweepFigures

    objective, luck = prepared.asked.objective, found.luck
    is_sharpe = objective == "sharpe"
    scores = [trial.score(objective) for trial in trials]
    interval = None
    if luck is not None and is_sharpe and luck.low is not None and luck.high is not None:
        interval = (luck.low, luck.high)
    return SweepFigures(
        strategy=prepared.strategy.name,
        parameters=[trial.parameters for trial in trials],
        values=np.array([np.nan if score is None else score for score in scores]),
        objective=objective,
        luck_maximum=luck.expected if luck is not None and is_sharpe else None,
        deflated=None if luck is None else luck.deflated,
        overfitting=None if luck is None else luck.overfitting,
        interval=interval,
        segments=() if found.walk_forward is None else _segments(prepared, found.walk_forward),
        failures=tuple(
            (_pairs(one.parameters), f"{one.failure.kind}: {one.failure.message}")
            for one in found.tally.failures
            if one.failure is not None
        ),
        vintage=prepared.what["vintage"],
        notes=(*found.notes, *prepared.prepared.notes),
    )


def _segments(prepared: PreparedSweep, walk: Stitched) -> tuple[Any, ...]:
    from tradewinds.report.sweep_sheet import Segment

    end_ns, objective = prepared.prepared.market.end_ns, prepared.asked.objective
    made = []
    for step in walk.steps:
        if step.chosen is None:
            continue
        inside = step.chosen.score(objective)
        outside = None if step.outside is None else step.outside.score(objective)
        fold = step.fold
        made.append(
            Segment(
                int(end_ns[fold.train_first]),
                int(end_ns[fold.train_last - 1]),
                int(end_ns[fold.test_first]),
                int(end_ns[fold.test_last - 1]),
                step.chosen.parameters,
                np.nan if inside is None else inside,
                np.nan if outside is None else outside,
            )
        )
    return tuple(made)


def _walk_object(prepared: PreparedSweep, walk: Stitched) -> dict[str, Any]:
    end_ns = prepared.prepared.market.end_ns
    return {
        "figures": asdict(walk.figures),
        "steps": [
            {
                "train": [text(int(end_ns[step.fold.train_first])), text(int(end_ns[step.fold.train_last - 1]))],
                "test": [text(int(end_ns[step.fold.test_first])), text(int(end_ns[step.fold.test_last - 1]))],
                "chosen": None if step.chosen is None else _object(step.chosen),
                "outside": None if step.outside is None else _object(step.outside),
            }
            for step in walk.steps
        ],
    }


def _purged_object(prepared: PreparedSweep, found: Swept) -> dict[str, Any]:
    assert found.purged is not None
    assert prepared.plan.purged is not None
    scale = float(np.sqrt(prepared.plan.year))
    numbers = found.tally.numbers
    return {
        "groups": [[text(int(prepared.prepared.market.end_ns[row])) for row in (a, b - 1)] for a, b in prepared.plan.purged.groups],
        "splits": [
            {"tested": list(split), "chosen": int(numbers[chosen]), "inside": float(inside) * scale, "outside": float(outside) * scale}
            for split, chosen, inside, outside in zip(
                prepared.plan.purged.splits, found.purged.chosen, found.purged.inside, found.purged.outside, strict=True
            )
        ],
        "paths": (found.purged.paths * scale).tolist(),
    }


def _object(trial: Trial) -> dict[str, Any]:
    failure = None if trial.failure is None else {"kind": trial.failure.kind, "message": trial.failure.message}
    return {
        "number": trial.number,
        "parameters": dict(trial.parameters),
        "figures": None if trial.figures is None else asdict(trial.figures),
        "failure": failure,
    }


def _figures(trial: Trial) -> list[Any]:
    assert trial.figures is not None
    return [_rounded(getattr(trial.figures, name)) for name in _COLUMNS]


def _rounded(value: float) -> float:
    return value if isinstance(value, int) else round(value, 4)


def _number(value: float) -> str:
    return "-" if value != value else f"{value:.2f}"


def _pairs(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in parameters.items())
