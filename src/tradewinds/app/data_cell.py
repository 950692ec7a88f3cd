"""`tradewinds data findings|lineage|release`: what is wrong with a cell of the history, where it came from, what a person decides."""

from __future__ import annotations

import getpass
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from tradewinds.app.arguments import AS_OF, INSTRUMENTS, JSON, instant, opened
from tradewinds.app.output import print_json, print_table, when
from tradewinds.core.errors import ANSWER_IS_NO, Missing, Rejected

if TYPE_CHECKING:
    from tradewinds.jobs.context import Context


@click.command("findings")
@INSTRUMENTS
@click.option("--vendor", help="Only about this vendor; * where nobody can tell.")
@click.option("--kind", help="Only this kind.")
@click.option("--holds", is_flag=True, help="What is held and waits for a release.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1), help="At most so many.")
@JSON
def findings(instruments: tuple[str, ...], vendor: str | None, kind: str | None, limit: int, *, holds: bool, as_json: bool) -> None:
    """What was found wrong, and what is held.

    \b
    tradewinds data findings --instrument AAPL.XNAS --kind spike
    tradewinds data findings --holds
    """
    from tradewinds.stores.ledger_findings import FindingFilter

    ledger = opened("data.findings")[0].ledger
    if holds:
        open_holds = ledger.holds(instruments=instruments or None, is_open=True)[:limit]
        if as_json:
            print_json({"holds": open_holds})
            return
        rows = [(hold.instrument, hold.dataset, when(hold.start_ns), hold.reason, when(hold.opened_ns)) for hold in open_holds]
        print_table("Held", ("instrument", "dataset", "start", "reason", "since"), rows)
        if open_holds:
            click.echo("release one: tradewinds data release INSTRUMENT START --accept (or --reject)")
        return
    found = ledger.findings(FindingFilter(instruments=instruments or None, vendor=vendor, kind=kind), limit=limit)
    if as_json:
        print_json({"findings": found})
    else:
        lines = [(f.instrument, when(f.start_ns), f.vendor, f.kind, f.field, f.detail) for f in found]
        print_table("Findings", ("instrument", "start", "vendor", "kind", "field", "detail"), lines, if_empty="none")


@click.command("lineage")
@click.argument("instrument")
@click.argument("time")
@click.option("--dataset", default="bars-1d", show_default=True, help="Which dataset.")
@AS_OF
@JSON
def lineage(instrument: str, time: str, dataset: str, as_of: str | None, *, as_json: bool) -> None:
    """Walk one published fact of INSTRUMENT back to vendor bytes.

    TIME is when the fact starts, or the date of its session. Nothing published there ends with exit code 65.

    \b
    tradewinds data lineage AAPL.XNAS 2024-03-28
    tradewinds data lineage BTCUSDT.BINANCE 2024-03-28T14:30 --dataset bars-1m
    """
    from tradewinds.history.lineage import to_dict, to_lines
    from tradewinds.jobs.lineage import lineage_of

    house, context = opened("data.lineage")
    as_of_ns = instant(as_of, "--as-of") if as_of else house.clock.now_ns()
    start_ns = _start_of(context, dataset, instrument, time, as_of_ns)
    root = lineage_of(context, dataset, {"instrument": instrument, "start_ns": start_ns}, as_of_ns)
    if as_json:
        print_json(to_dict(root))
    else:
        click.echo("\n".join(to_lines(root)))


@click.command("release")
@click.argument("instrument")
@click.argument("time")
@click.option("--dataset", default="bars-1d", show_default=True, help="Which dataset.")
@click.option("--accept", "decision", flag_value="accept", help="The held value is right.")
@click.option("--reject", "decision", flag_value="reject", help="It is wrong and stays held.")
@click.option("--note", help="Why.")
@JSON
def release(instrument: str, time: str, dataset: str, decision: str | None, note: str | None, *, as_json: bool) -> None:
    """Decide a held value; the next reconciliation of its session publishes the decision as a restatement.

    TIME is when the held bar starts, or the date of its session. Where nothing is held the exit code is 1.

    \b
    tradewinds data findings --holds
    tradewinds data release AAPL.XNAS 2024-03-28 --accept --note "seen on the tape"
    """
    if decision not in ("accept", "reject"):
        raise Rejected("release: no decision, expected --accept or --reject")
    house, context = opened("data.release")
    now_ns = house.clock.now_ns()
    held = {hold.start_ns for hold in house.ledger.holds(instruments=[instrument], dataset=dataset, is_open=True)}
    at_ns = instant(time, "TIME")
    of_day = sorted(start for start in held if not _is_exact(time) and at_ns <= start < at_ns + _DAY_NS)
    start_ns = of_day[0] if len(of_day) == 1 else at_ns if at_ns in held else _start_of(context, dataset, instrument, time, now_ns)
    closed = house.ledger.release(
        instrument,
        dataset,
        start_ns,
        decision=decision,  # type: ignore[arg-type]  # checked above
        released_by=_user(),
        released_ns=now_ns,
        note=note,
    )
    if as_json:
        print_json({"instrument": instrument, "dataset": dataset, "start": when(start_ns), "decision": decision, "closed": closed})
    else:
        click.echo(f"{instrument} {when(start_ns)}: {closed} holds closed")
    if not closed:
        sys.exit(ANSWER_IS_NO)


_DAY_NS = 86_400 * 10**9


def _is_exact(time: str) -> bool:
    return "T" in time or " " in time.strip()


def _start_of(context: Context, dataset: str, instrument: str, time: str, as_of_ns: int) -> int:
    """The start of the fact that is meant: the exact time, or the only fact that starts on that date."""
    from tradewinds.jobs.tables import table_named

    table: Any = table_named(context, dataset)
    at_ns = instant(time, "TIME")
    if _is_exact(time):
        return at_ns
    rows = context.lake.read(
        table, as_of_ns=as_of_ns, instruments=[instrument], start_ns=at_ns, end_ns=at_ns + _DAY_NS, columns=["start_ns"]
    )
    starts = rows["start_ns"].unique().sort().to_list()
    if not starts:
        raise Missing(f"{table.name} of {instrument} on {time}, as of {when(as_of_ns)}: nothing published, expected a row")
    if len(starts) > 1:
        raise Rejected(f"{table.name} of {instrument} on {time}: {len(starts)} rows start then; give the time, such as {when(starts[0])}")
    return int(starts[0])


def _user() -> str:
    """Who decides; the number where a container knows no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
