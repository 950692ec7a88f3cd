"""`tradewinds sweep`: thousands of configurations of one strategy, and how much of the best one is luck."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tradewinds.app.arguments import JSON, key_and_value, simulation_options

if TYPE_CHECKING:
    from tradewinds.simulation.sweep import Trial
    from tradewinds.simulation.sweep_run import Swept
    from tradewinds.wiring.house import House
    from tradewinds.wiring.sweep import PreparedSweep, SweepAsked

SHEET_TRIALS_MAX = 200_000


@click.command("sweep", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.argument("strategy")
@click.option("--instruments", help="Ids parted by commas, such as BTCUSDT.BINANCE,ETHUSDT.BINANCE.")
@click.option("--universe", help="Trade who belongs to this universe, as it changes over time.")
@click.option("--from", "start", help="The first decision comes after this time (ISO 8601, UTC); the lookback is read from before it.")
@click.option("--to", "end", help="The last bar ends by then.")
@click.option("--interval", help="Bar length such as 1m, 1h, 1d; otherwise the strategy's, or for --data the file's.")
@click.option("--grid", "grids", multiple=True, help="NAME=LOW:HIGH:STEP or NAME=a,b,c; may be given several times.")
@click.option("--param", "parameters", multiple=True, help="NAME=VALUE of a parameter that stays fixed.")
@click.option("--search", type=click.Choice(["grid", "random", "bayes"]), default="grid", show_default=True, help="What to try.")
@click.option("--trials", default=100, show_default=True, type=click.IntRange(1), help="How many a random or Bayesian search tries.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of the search and of the resampling.")
@click.option(
    "--validate", type=click.Choice(["none", "walk-forward", "purged"]), default="none", show_default=True, help="How the choice is judged."
)
@click.option(
    "--folds", default=5, show_default=True, type=click.IntRange(2, 100), help="Steps of a walk-forward, or parts of the history."
)
@click.option("--rolling", is_flag=True, help="Walk-forward: train on the last parts only instead of on everything before.")
@click.option("--train-parts", default=3, show_default=True, type=click.IntRange(1), help="Walk-forward: parts before the first step.")
@click.option(
    "--test-folds", default=1, show_default=True, type=click.IntRange(1), help="Purged: parts tested at once; from 2 on in paths."
)
@click.option("--purge", default=0, show_default=True, type=click.IntRange(0), help="Bars that a decision is held for.")
@click.option("--embargo", default=0, show_default=True, type=click.IntRange(0), help="Purged: further bars left out after a tested part.")
@click.option(
    "--objective", type=click.Choice(["sharpe", "sortino", "calmar", "return"]), default="sharpe", show_default=True, help="What is best."
)
@simulation_options
@click.option("--engine", type=click.Choice(["local", "ray", "batch"]), default="local", show_default=True, help="Where it runs.")
@click.option(
    "--engine-option", "engine_options", multiple=True, help="ray: address=...; batch: place=s3://BUCKET/PREFIX queue=... definition=..."
)
@click.option("--workers", type=click.IntRange(1), help="How many at once.  [default: this machine's cores]")
@click.option("--resume", is_flag=True, help="Go on with the sweep in the folder.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder of the sweep.  [default: below sweeps in the home]")
@click.option("--no-sheet", is_flag=True, help="Write no page.")
@JSON
def sweep(
    strategy: str,
    *,
    engine: str,
    engine_options: tuple[str, ...],
    workers: int | None,
    resume: bool,
    out: Path | None,
    no_sheet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Try many parameters of STRATEGY (FILE.py, FILE.py:NAME or its YAML) and say how much of the best result is luck.

    Without --grid every parameter is walked over its declared range by its step. Each finished configuration is written to the folder's
    journal at once; --resume goes on with one that was cut off, and refuses when strategy, data or setup have changed. One that fails
    is listed with its error and stops nothing.

    \b
    tradewinds sweep sma_cross.py --data GOOG.csv --grid fast=5:50:5 --grid slow=20,50,100
    tradewinds sweep sma_cross.py --instruments BTCUSDT.BINANCE --from 2024-01-01 --search bayes --trials 200 --validate walk-forward
    tradewinds sweep sma_cross.py --data bars.parquet --validate purged --folds 6 --test-folds 2 --embargo 10 --json

    Exit code 1: no configuration has a score. 2: asked wrongly. 65: bars are missing. 130: interrupted; --resume goes on.
    """
    from tradewinds.app.backtest import OpenedHouse, asked_of
    from tradewinds.wiring.sweep import prepare

    house = OpenedHouse()
    prepared = prepare(asked_of(strategy, options), _wish(options), house.open)
    name = prepared.name
    folder = out if out is not None else house.home() / "sweeps" / f"{prepared.strategy.name}-{name}"
    chosen = dict(key_and_value(told, "--engine-option") for told in engine_options)
    found = _run(prepared, folder, engine, chosen, workers, resume=resume)
    stored = None if options["data"] is not None else _stored(house.open(), prepared, folder, name)
    page = None if no_sheet or found.best is None else _write_page(prepared, found, folder)
    from tradewinds.app.sweep_screen import as_object, show

    if as_json:
        from tradewinds.app.output import print_json

        print_json(as_object(prepared, found, folder, page, stored))
    else:
        show(prepared, found, folder, page)
    if found.best is None:
        from tradewinds.core.errors import ANSWER_IS_NO

        sys.exit(ANSWER_IS_NO)


def _wish(options: dict[str, Any]) -> SweepAsked:
    """Takes what only a sweep is asked out of the options."""
    from tradewinds.simulation.sweep_run import Validation
    from tradewinds.wiring.sweep import SweepAsked

    validation = Validation(
        options.pop("validate"), options.pop("folds"), not options.pop("rolling"), options.pop("train_parts"), options.pop("test_folds"),
        options.pop("purge"), options.pop("embargo"),
    )  # fmt: skip
    grid = dict(key_and_value(told, "--grid") for told in options.pop("grids"))
    return SweepAsked(grid, options.pop("search"), options.pop("trials"), options.pop("seed"), validation, options.pop("objective"))


def _run(prepared: PreparedSweep, folder: Path, kind: str, options: dict[str, str], workers: int | None, *, resume: bool) -> Swept:
    import tempfile

    from tradewinds.simulation.sweep_run import swept
    from tradewinds.wiring.sweep import block_size, engine_of
    from tradewinds.wiring.sweep_journal import begun, resumed

    search = prepared.search()
    journal, known = resumed(folder, prepared.what) if resume else (begun(folder, prepared.what), {})
    with (
        journal,
        tempfile.TemporaryDirectory(prefix="tradewinds-sweep-") as scratch,
        _progress(search.size * (1 + len(prepared.plan.folds))) as tell,
    ):
        engine = engine_of(kind, prepared.work, prepared.place, Path(scratch, "parcel"), workers=workers, options=options)
        block = block_size(kind, prepared.strategy, search.size, engine.workers)

        def seen(trial: Trial) -> None:
            if trial.number not in known.get(trial.fold, ()):
                journal.add(trial)
            tell(trial)

        try:
            return swept(
                prepared.plan, prepared.search, engine, objective=prepared.asked.objective, seed=prepared.asked.seed, block=block,
                known=known, on_trial=seen,
            )  # fmt: skip
        except KeyboardInterrupt:
            from tradewinds.app.output import log

            log(f"sweep: stopped; --resume --out {folder} goes on")
            raise
        finally:
            engine.close()


@contextmanager
def _progress(total: int) -> Iterator[Callable[[Trial], None]]:
    """A bar with rate and best so far, on a terminal's standard error; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield lambda trial: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    best = float("-inf")
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[best]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total, rate="", best="")

        def tell(trial: Trial) -> None:
            nonlocal best
            score = trial.score("sharpe") if trial.fold == 0 else None
            best = best if score is None else max(best, score)
            speed = bar.tasks[0].speed
            said = "" if best == float("-inf") else f"best Sharpe ratio {best:.2f}"
            bar.update(task, advance=1, rate="" if speed is None else f"{speed:,.0f}/s", best=said)

        yield tell


def _stored(house: House, prepared: PreparedSweep, folder: Path, name: str) -> int:
    from tradewinds.wiring.sweep import publish_trials
    from tradewinds.wiring.sweep_journal import journal_trials

    return publish_trials(house, prepared, journal_trials(folder), name)


def _write_page(prepared: PreparedSweep, found: Swept, folder: Path) -> Path | None:
    from itertools import islice

    from tradewinds.app.sweep_screen import sheet_figures
    from tradewinds.report.sweep_sheet import sweep_sheet
    from tradewinds.wiring.sweep_journal import journal_trials

    trials = list(islice((trial for trial in journal_trials(folder) if trial.fold == 0), SHEET_TRIALS_MAX))
    trials.sort(key=lambda trial: trial.number)
    path = folder / "sweep.html"
    path.write_text(sweep_sheet(sheet_figures(prepared, found, trials)).html, encoding="utf-8")
    return path
