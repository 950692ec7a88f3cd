"""`tradewinds check`: does a strategy look ahead?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tradewinds.app.arguments import JSON, key_and_value
from tradewinds.core.errors import ANSWER_IS_NO, Rejected

if TYPE_CHECKING:
    from tradewinds.simulation.lookahead_finding import Verdict
    from tradewinds.simulation.lookahead_scene import Scene
    from tradewinds.simulation.rules import Setup
    from tradewinds.wiring.research import Plan, PlannedBook

HASH_SEEDS = ("1", "2")
CHILD_SECONDS_MAX = 600


@click.command("check", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.argument("strategy")
@click.option("--instruments", help="Ids parted by commas; their history is read. Without them, and without --data, on a made market.")
@click.option("--universe", help="Check on who belongs to this universe.")
@click.option("--from", "start", help="First decision after this time (ISO 8601, UTC).")
@click.option("--to", "end", help="The last bar ends by then.")
@click.option("--interval", help="Bar length such as 1m, 1h, 1d; otherwise the strategy's.")
@click.option("--param", "parameters", multiple=True, help="NAME=VALUE of a parameter; may be given several times.")
@click.option("--fill", type=click.Choice(["next_open", "same_close"]), help="Where market orders fill.  [default: next_open]")
@click.option("--data", type=click.Path(path_type=Path, exists=True), help="A CSV or Parquet file of bars, or a folder; needs no house.")
@click.option("--view", type=click.Choice(["first", "latest"]), default="first", show_default=True, help="As first known, or corrected.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the made market and the cuts.")
@click.option("--one-process", is_flag=True, help="Do not ask two more processes whether they decide the same.")
@click.option("--digest", is_flag=True, hidden=True, help="Print what was decided as a digest, and nothing else.")
@JSON
def check(strategy: str, *, seed: int, one_process: bool, digest: bool, as_json: bool, **options: Any) -> None:
    """Say whether STRATEGY uses anything that nobody knew at the time: a Python file, FILE.py:NAME, or YAML.

    Its decisions must not change when the future is cut off or altered, when facts not yet published are, when it sees no more than its
    declared lookback, or when it is asked again. What is found comes with the bar, the instrument, both decisions and how to mend it.

    \b
    tradewinds check sma_cross.py
    tradewinds check sma_cross.py --data GOOG.csv --param fast=10
    tradewinds check momentum.py --universe crypto_binance --from 2024-01-01 --json

    Exit code 0: nothing found. 1: it looks ahead. 2: asked wrongly, or it cannot run.
    """
    planned = _planned(strategy, options)
    setup, scenes = _scenes(planned)
    if digest:
        click.echo(" ".join(_digest(book, scene, setup, seed) for book, scene in scenes))
        return
    verdicts = [_verdict(book, scene, setup, seed) for book, scene in scenes]
    if not one_process:
        verdicts = _asked_elsewhere(verdicts, strategy, seed, options)
    if as_json:
        from tradewinds.app.output import print_json

        print_json({"is_clean": all(one.is_clean for one in verdicts), "strategies": [_object(one) for one in verdicts]})
    else:
        for one in verdicts:
            _show(one)
    if not all(one.is_clean for one in verdicts):
        sys.exit(ANSWER_IS_NO)


def _planned(strategy: str, options: dict[str, Any]) -> Plan:
    from tradewinds.trading.declared import Terms
    from tradewinds.wiring.bars import Reading
    from tradewinds.wiring.research import Asked, plan

    names = [name.strip() for name in (options["instruments"] or "").split(",") if name.strip()]
    fills = {} if options["fill"] is None else {"at": options["fill"]}
    terms = Terms(
        instruments=tuple(names), universe=options["universe"], interval=options["interval"], fills=fills, start=options["start"],
        end=options["end"],
    )  # fmt: skip
    parameters = dict(key_and_value(text, "--param") for text in options["parameters"])
    planned = plan(Asked(place=strategy, terms=terms, parameters=parameters, data=options["data"], reading=Reading(options["view"], None)))
    brings_data = bool(names) or any(options[name] is not None for name in ("universe", "start", "end", "data"))
    return planned if brings_data else _on_a_made_market(planned, options["interval"])


def _on_a_made_market(planned: Plan, interval: str | None) -> Plan:
    from dataclasses import replace

    books = planned.books
    if interval is not None:
        books = tuple(replace(one, strategy=replace(one.strategy, interval=interval)) for one in books)
    return replace(planned, books=books, data=None, wanted=replace(planned.wanted, instruments=(), universe=None))


def _scenes(planned: Plan) -> tuple[Setup, list[tuple[PlannedBook, Scene | None]]]:
    """Each strategy with what it is checked on, None: a made market."""
    from dataclasses import replace

    from tradewinds.simulation.lookahead_scene import Scene
    from tradewinds.wiring.market import market_of_files, market_of_house

    wanted = planned.wanted
    if planned.data is None and not wanted.instruments and wanted.universe is None:
        return planned.setup, [(book, None) for book in planned.books]
    if planned.data is not None:
        prepared = market_of_files(planned.data, wanted)
    else:
        from tradewinds.wiring.house import open_house

        prepared = market_of_house(open_house(), wanted)
    setup = replace(planned.setup, account=replace(planned.setup.account, currency=prepared.market.currencies[0]))
    scenes: list[tuple[PlannedBook, Scene | None]] = []
    for book in planned.books:
        if book.instruments and book.instruments != prepared.market.ids:
            raise Rejected(f"check: {book.name} trades {list(book.instruments)[:5]} of a portfolio, expected its own file to be checked")
        others = {name: prepared.others[name] for name in (*book.strategy.other_intervals, *book.strategy.datasets)}
        scenes.append((book, Scene(prepared.market, prepared.panel, others, prepared.decisions(book.strategy.rhythm))))
    return setup, scenes


def _verdict(book: PlannedBook, scene: Scene | None, setup: Setup, seed: int) -> Verdict:
    from tradewinds.simulation.lookahead import check_strategy

    return check_strategy(book.strategy, scene, book.parameters, setup, seed=seed)


def _digest(book: PlannedBook, scene: Scene | None, setup: Setup, seed: int) -> str:
    from tradewinds.simulation.lookahead import decisions_digest

    return decisions_digest(book.strategy, scene, book.parameters, setup, seed=seed)


def _asked_elsewhere(verdicts: list[Verdict], strategy: str, seed: int, options: dict[str, Any]) -> list[Verdict]:
    """Two new processes whose sets and dicts of text are ordered differently must decide the same."""
    from dataclasses import replace

    from tradewinds.simulation.lookahead_finding import Finding

    if any(one.kind == "not repeatable" for verdict in verdicts for one in verdict.findings):
        return verdicts
    command = [sys.executable, "-m", "tradewinds", "check", strategy, "--digest", "--seed", str(seed), *_words(options)]
    waiting = [
        subprocess.Popen(  # noqa: S603 -- this program itself, with the options that it was called with
            command, env=os.environ | {"PYTHONHASHSEED": number}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for number in HASH_SEEDS
    ]
    said = [one.communicate(timeout=CHILD_SECONDS_MAX) for one in waiting]
    failed = [error.strip().rpartition("\n")[2] for one, (_, error) in zip(waiting, said, strict=True) if one.returncode]
    if failed:
        finding = Finding("not repeatable", f"in a new process it raised: {failed[0]}")
        return [replace(verdict, findings=(*verdict.findings, finding)) for verdict in verdicts]
    finding = Finding("not repeatable", "in two processes whose sets and hashes of text are ordered differently")
    return [
        verdict if left == right else replace(verdict, findings=(*verdict.findings, finding))
        for verdict, left, right in zip(verdicts, *(answer.split() for answer, _ in said), strict=True)
    ]


def _words(options: dict[str, Any]) -> list[str]:
    """The options as they stand on a command line."""
    names = {"start": "from", "end": "to"}
    words = [f"--param={one}" for one in options["parameters"]]
    return words + [f"--{names.get(name, name)}={value}" for name, value in options.items() if name != "parameters" and value is not None]


def _show(verdict: Verdict) -> None:
    from tradewinds.simulation.lookahead_finding import told

    looked = f"{verdict.rows:,} bars, {verdict.decisions:,} decisions"
    if verdict.is_clean:
        click.echo(f"{verdict.name}: nothing found ({looked})")
        if verdict.decisions == 0:
            click.echo("it never decided anything new on this data, which proves little; try --data or --instruments")
    for one in verdict.findings:
        click.echo(f"{verdict.name}: {told(one)}")


def _object(verdict: Verdict) -> dict[str, Any]:
    findings = [
        {
            "kind": one.kind, "how": one.how, "row": one.row, "event_ns": one.event_ns, "instrument": one.instrument or None,
            "before": one.before, "after": one.after, "lookback_needed": one.lookback_needed, "meaning": one.meaning, "mend": one.mend,
        }
        for one in verdict.findings
    ]  # fmt: skip
    return {
        "name": verdict.name, "is_clean": verdict.is_clean, "bars": verdict.rows, "decisions": verdict.decisions, "findings": findings,
    }  # fmt: skip
