"""`tradewinds campaign`: try to break order handling, by seeded faults in virtual time, planted bugs, or real kills of real processes."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from tradewinds.app.arguments import JSON
from tradewinds.app.output import log, print_json
from tradewinds.core.errors import ANSWER_IS_NO, Rejected

if TYPE_CHECKING:
    from tradewinds.campaign.run import SeedResult

ZEROS = ("lost", "duplicated", "unexplained_positions", "stuck", "errors")
SEEDS_OF_A_MUTANT = 500
LINES_TOLD = 20


@click.command()
@click.option("--seeds", type=click.IntRange(min=1), default=200, show_default=True, help="How many seeds.")
@click.option("--start", type=click.IntRange(min=0), default=0, show_default=True, help="The first seed.")
@click.option("--broker", help="Only this broker; otherwise the seed decides.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="How many processes simulate, or rounds of kills run side by side.",
)
@click.option("--seed-trace", type=click.IntRange(min=0), metavar="SEED", help="Print the event log of one seed.")
@click.option(
    "--mutant", metavar="NAME", help="Plant a bug and say at which seed it is caught; `all` for each, `healed` for those that do no harm."
)
@click.option("--list-mutants", is_flag=True, help="Name the bugs that can be planted.")
@click.option("--kill", type=click.IntRange(min=1), metavar="N", help="Kill real trading processes N times instead of simulating.")
@click.option(
    "--journal",
    default="sqlite",
    show_default=True,
    help="What killed processes write to: sqlite, postgresql (the embedded one), or a postgresql:// URL.",
)
@JSON
def campaign(
    seeds: int,
    start: int,
    broker: str | None,
    jobs: int,
    seed_trace: int | None,
    mutant: str | None,
    list_mutants: bool,
    kill: int | None,
    journal: str,
    as_json: bool,
) -> int:
    """Try to break order handling, and say what was lost, sent twice, unexplained or stuck (all zero, or exit code 1).

    Each seed is a day of bad luck in virtual time: the trading core, its journal and the real adapters against local venues, with
    faults at every await, write, send and receive, then quiet until all is settled. The venue's own book is the judge. The same seed
    gives the same event hash on every machine.
    """
    if list_mutants:
        return _list_mutants(as_json=as_json)
    if mutant is not None:
        return _mutants(mutant, seeds, start, broker, jobs, as_json=as_json)
    if seed_trace is not None:
        return _trace(seed_trace, broker)
    if kill is not None:
        return _kill(kill, start, broker, journal, jobs, as_json=as_json)
    return _run(seeds, start, broker, jobs, as_json=as_json)


def _run(seeds: int, start: int, broker: str | None, jobs: int, *, as_json: bool) -> int:
    from tradewinds.campaign.many import run_seeds

    begin = time.perf_counter()
    numbers = range(start, start + seeds)
    with click.progressbar(length=seeds, label="seeds", file=sys.stderr, show_pos=True) as bar:

        def told(_: SeedResult) -> bool:
            bar.update(1)
            return True

        report = run_seeds(numbers, broker=broker, jobs=min(jobs, seeds), told=told)
    seconds = time.perf_counter() - begin
    found = report.as_object() | {"start": start, "seconds": round(seconds, 2), "seeds_per_s": round(seeds / seconds, 1)}
    if as_json:
        print_json(found)
    else:
        _show(found)
    return 0 if report.is_clean else ANSWER_IS_NO


def _show(found: dict[str, Any]) -> None:
    click.echo(
        f"{found['seeds']:,} seeds in {found['seconds']} s: {found['orders']:,} orders, {found['fills']:,} fills, "
        f"{sum(found['faults'].values()):,} faults of {len(found['faults'])} kinds"
    )
    click.echo("  " + ", ".join(f"{kind} {count:,}" for kind, count in found["faults"].items()))
    click.echo("  brokers: " + ", ".join(f"{name} {count:,}" for name, count in found["brokers"].items()))
    click.echo("  " + "   ".join(f"{name} {found[name]}" for name in ZEROS))
    click.echo(f"  event_hash {found['event_hash']}")
    for seed, lines in found["failures"].items():
        click.echo(f"  seed {seed}: " + "; ".join(lines))
    if found["failing_seeds"]:
        log(f"{len(found['failing_seeds'])} seeds fail; `tradewinds campaign --seed-trace {found['failing_seeds'][0]}` prints one's events")


def _trace(seed: int, broker: str | None) -> int:
    from tradewinds.campaign.run import simulate
    from tradewinds.campaign.stages import broker_of

    result = simulate(seed, broker or broker_of(seed), keeps_lines=True)
    for line in result.lines:
        click.echo(line.replace("\x1f", " "))
    for error in result.errors:
        click.echo(f"error {error}")
    click.echo(f"event_hash {result.event_hash}")
    return 0 if result.is_clean else ANSWER_IS_NO


def _kill(kills: int, start: int, broker: str | None, journal: str, jobs: int, *, as_json: bool) -> int:
    from tradewinds.campaign.kill import KILLED_AT, run_kills
    from tradewinds.campaign.postgres import journal_url

    if journal not in ("sqlite", "postgresql") and not journal.startswith("postgresql://"):
        raise Rejected(f"--journal {journal!r}, expected sqlite, postgresql or a postgresql:// URL")
    begin = time.perf_counter()
    with (
        journal_url(journal) as place,
        click.progressbar(length=kills, label="kills", file=sys.stderr, show_pos=True) as bar,
    ):
        report = run_kills(kills, broker or KILLED_AT, place, start=start, jobs=jobs, told=bar.update)
    seconds = time.perf_counter() - begin
    verdict = report.verdict
    found: dict[str, Any] = {
        "kills": report.kills,
        "broker": broker or KILLED_AT,
        "journal": journal.partition(":")[0],
        "rounds": report.rounds,
        "orders": report.orders,
        "fills": report.fills,
        "lost": len(verdict.lost),
        "duplicated": len(verdict.duplicated),
        "unexplained_positions": len(verdict.unexplained),
        "stuck": len(verdict.stuck),
        "errors": len(report.errors),
        "failures": [*report.errors, *verdict.lost, *verdict.duplicated, *verdict.unexplained, *verdict.stuck][:LINES_TOLD],
        "seconds": round(seconds, 2),
        "kills_per_s": round(kills / seconds, 1),
    }
    if as_json:
        print_json(found)
    else:
        where = f"at {found['broker']}, journal on {found['journal']}"
        click.echo(f"{kills:,} kills in {seconds:.1f} s {where}: {report.orders:,} orders, {report.fills:,} fills")
        click.echo("  " + "   ".join(f"{name} {found[name]}" for name in ZEROS))
        for line in found["failures"]:
            click.echo(f"  {line}")
    return 0 if report.is_clean else ANSWER_IS_NO


def _list_mutants(*, as_json: bool) -> int:
    from tradewinds.campaign.mutants import HEALED, MUTANTS

    if as_json:
        print_json({kind: {name: one.what for name, one in found.items()} for kind, found in (("mutants", MUTANTS), ("healed", HEALED))})
    else:
        for name, one in MUTANTS.items():
            click.echo(f"{name:<32} {one.what}")
        click.echo("\nhealed by the core, so that no seed may show them:")
        for name, one in HEALED.items():
            click.echo(f"{name:<32} {one.what}")
    return 0


def _mutants(name: str, seeds: int, start: int, broker: str | None, jobs: int, *, as_json: bool) -> int:
    from tradewinds.campaign.catching import caught_at
    from tradewinds.campaign.mutants import HEALED, MUTANTS, all_bugs
    from tradewinds.campaign.stages import broker_of

    groups = {"all": MUTANTS, "healed": HEALED}
    if name not in groups and name not in all_bugs():
        raise Rejected(f"--mutant {name!r}, expected `all`, `healed` or one of {', '.join(all_bugs())}")
    rows: list[dict[str, Any]] = []
    for one in groups.get(name, [name]):
        at = caught_at(one, range(start, start + max(seeds, SEEDS_OF_A_MUTANT)), broker, jobs)
        where = None if at is None else broker or all_bugs()[one].broker or broker_of(at)
        rows.append({"mutant": one, "caught_at": at, "broker": where, "as_expected": (at is None) is (one in HEALED)})
        if not as_json:
            click.echo(f"{one:<32} " + ("not caught" if at is None else f"caught at seed {at} ({where})"))
    if as_json:
        print_json({"mutants": rows, "caught": sum(1 for row in rows if row["caught_at"] is not None), "planted": len(rows)})
    return 0 if all(row["as_expected"] for row in rows) else ANSWER_IS_NO
