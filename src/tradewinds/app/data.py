"""`tradewinds data list|fetch|import|export|show|findings|lineage|release`."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tradewinds.app.output import log, print_json, print_table, when
from tradewinds.core.errors import ANSWER_IS_NO, NOTHING_TO_DO, Rejected

if TYPE_CHECKING:
    import polars as pl

    from tradewinds.jobs.context import Context
    from tradewinds.wiring.house import House

AS_OF = click.option("--as-of", help="What was known then (ISO 8601, UTC); now when left out.")
FROM = click.option("--from", "start", help="First time (ISO 8601, UTC).")
TO = click.option("--to", "end", help="End, not included (ISO 8601, UTC).")
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group("data", context_settings={"help_option_names": ["-h", "--help"]})
def data() -> None:
    """Fetch, import, export and look at data, findings and lineage."""


@data.command("list")
@JSON
def list_tables(*, as_json: bool) -> None:
    """What the lake holds: tables, partitions, versions."""
    from tradewinds.jobs.tables import tables

    house, context = _open()
    rows = []
    for table in tables(context):
        names = house.lake.partitions(table)
        commits = sum(house.lake.version(table, name) for name in names)
        rows.append((table.name, len(names), names[0] if names else None, names[-1] if names else None, commits, table.dataset.description))
    columns = ("table", "partitions", "first", "last", "commits", "what")
    if as_json:
        print_json({"tables": [dict(zip(columns, row, strict=True)) for row in rows]})
    else:
        print_table(f"Lake of {house.home}", columns, rows)


@data.command("fetch")
@click.argument("symbol")
@click.option("--interval", default="1d", show_default=True, help="Bar length such as 1m, 1h, 1d.")
@FROM
@TO
@JSON
def fetch(symbol: str, interval: str, start: str | None, end: str | None, *, as_json: bool) -> None:
    """Fetch bars of SYMBOL (such as BTCUSDT) from the archive and over REST into the history."""
    from tradewinds.core.instrument import instrument_id
    from tradewinds.core.market import Interval
    from tradewinds.jobs.config import CryptoConfig
    from tradewinds.wiring.house import House, open_house, run_job

    Interval(interval)
    house = open_house()
    market, config = next(iter(house.config.crypto.items()), ("binance", CryptoConfig()))
    if market not in house.config.crypto:
        from dataclasses import replace

        house = House(replace(house.config, crypto={market: config}), clock=house.clock)
    instrument = symbol if "." in symbol else instrument_id(symbol.upper(), config.venue_name)
    since_ns = _instant(start) if start else house.clock.now_ns() - 30 * 86_400 * 10**9
    params: dict[str, Any] = {"market": market, "interval": interval, "instruments": [instrument], "since_ns": since_ns}
    if start:
        params["is_from_since"] = True
    if end:
        params["to"] = end
    result = run_job("crypto_incremental.ingest", f"{instrument}", params, house=house, progress=log)
    if as_json:
        print_json({"instrument": instrument, "interval": interval, **result})
    else:
        click.echo(
            f"{instrument} {interval}: {result['rows_published']} new, {result['rows_restated']} restated, {result['findings']} findings"
        )
    if result["state"] == "nothing":
        sys.exit(NOTHING_TO_DO)


@data.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--instrument", required=True, help="Whose bars they are, such as AAPL.XNAS.")
@click.option("--interval", default="1d", show_default=True, help="Bar length.")
@click.option("--columns", help="Where each column stands: time=Date,open=O,high=H,low=L,close=C,volume=V.")
@click.option("--option", "options", multiple=True, metavar="KEY=VALUE", help="How the file is written; see docs/vendors.md, bar_files.")
@JSON
def import_file(file: Path, instrument: str, interval: str, columns: str | None, options: tuple[str, ...], *, as_json: bool) -> None:
    """Import any OHLCV CSV or Parquet file as a vendor of its own, and publish it."""
    from tradewinds.app.import_file import import_bars

    given = dict(_pair(text) for text in options)
    result = import_bars(_open()[1], file, instrument, interval, columns, given)
    if as_json:
        print_json(result)
    else:
        click.echo(f"{file.name}: {result['rows_in']} rows, {result['rows_published']} new, {result['findings']} findings")
    if not result["rows_published"]:
        sys.exit(NOTHING_TO_DO)


@data.command("show")
@click.argument("table")
@click.option("--instrument", "instruments", multiple=True, help="Only these; may be given several times.")
@FROM
@TO
@AS_OF
@click.option("--versions", is_flag=True, help="Every version instead of the one known then.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="At most so many rows, the last ones.")
@JSON
def show(
    table: str,
    instruments: tuple[str, ...],
    start: str | None,
    end: str | None,
    as_of: str | None,
    limit: int,
    *,
    versions: bool,
    as_json: bool,
) -> None:
    """Rows of TABLE (bars-1d, history/bars-1m, vendor/alpha/bars-1d) as known at a time."""
    rows = _read(table, instruments, start, end, as_of, is_versions=versions).tail(limit)
    named = _readable(rows)
    if as_json:
        print_json({"table": table, "rows": named.to_dicts()})
    else:
        print_table(f"{table}, the last {rows.height} rows", named.columns, named.rows())
    if rows.is_empty():
        sys.exit(ANSWER_IS_NO)


@data.command("export")
@click.argument("table")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--instrument", "instruments", multiple=True, help="Only these; may be given several times.")
@FROM
@TO
@AS_OF
@click.option("--versions", is_flag=True, help="Every version instead of the one known then.")
def export(
    table: str, file: Path, instruments: tuple[str, ...], start: str | None, end: str | None, as_of: str | None, *, versions: bool
) -> None:
    """Write rows of TABLE to FILE (.parquet or .csv), whole or not at all."""
    if file.suffix not in (".parquet", ".csv"):
        raise Rejected(f"export: {file.name}, expected a name that ends in .parquet or .csv")
    rows = _readable(_read(table, instruments, start, end, as_of, is_versions=versions))
    partial = file.with_name(f".{file.name}.partial")
    if file.suffix == ".csv":
        rows.write_csv(partial)
    else:
        rows.write_parquet(partial)
    partial.replace(file)
    click.echo(f"{file}: {rows.height} rows")


@data.command("findings")
@click.option("--instrument", "instruments", multiple=True, help="Only these; may be given several times.")
@click.option("--vendor", help="Only about this vendor; * where nobody can tell.")
@click.option("--kind", help="Only this kind.")
@click.option("--holds", is_flag=True, help="What is held and waits for a release.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1), help="At most so many.")
@JSON
def findings(instruments: tuple[str, ...], vendor: str | None, kind: str | None, limit: int, *, holds: bool, as_json: bool) -> None:
    """What was found wrong, and what is held."""
    from tradewinds.stores.ledger_findings import FindingFilter

    ledger = _open()[0].ledger
    if holds:
        open_holds = ledger.holds(instruments=instruments or None, is_open=True)[:limit]
        if as_json:
            print_json({"holds": open_holds})
        else:
            rows = [(hold.instrument, hold.dataset, when(hold.start_ns), hold.reason, when(hold.opened_ns)) for hold in open_holds]
            print_table("Held", ("instrument", "dataset", "start", "reason", "since"), rows)
            click.echo("release one: tradewinds data release INSTRUMENT START --accept (or --reject)")
        return
    found = ledger.findings(FindingFilter(instruments=instruments or None, vendor=vendor, kind=kind), limit=limit)
    if as_json:
        print_json({"findings": found})
    else:
        lines = [(f.vendor, f.instrument, f.dataset, when(f.start_ns), f.kind, f.field, f.severity, f.detail) for f in found]
        print_table("Findings", ("vendor", "instrument", "dataset", "start", "kind", "field", "severity", "detail"), lines)


@data.command("lineage")
@click.argument("instrument")
@click.argument("time")
@click.option("--dataset", default="bars-1d", show_default=True, help="Which dataset.")
@AS_OF
@JSON
def lineage(instrument: str, time: str, dataset: str, as_of: str | None, *, as_json: bool) -> None:
    """Walk one published fact of INSTRUMENT, starting at TIME (or in the session of that date), back to vendor bytes."""
    from tradewinds.history.lineage import to_dict, to_lines
    from tradewinds.jobs.lineage import lineage_of
    from tradewinds.jobs.tables import table_named

    house, context = _open()
    as_of_ns = _instant(as_of) if as_of else house.clock.now_ns()
    start_ns = _start_of(context, table_named(context, dataset), instrument, time, as_of_ns)
    root = lineage_of(context, dataset, {"instrument": instrument, "start_ns": start_ns}, as_of_ns)
    if as_json:
        print_json(to_dict(root))
    else:
        click.echo("\n".join(to_lines(root)))


@data.command("release")
@click.argument("instrument")
@click.argument("time")
@click.option("--dataset", default="bars-1d", show_default=True, help="Which dataset.")
@click.option("--accept", "decision", flag_value="accept", help="The held value is right.")
@click.option("--reject", "decision", flag_value="reject", help="It is wrong and stays held.")
@click.option("--note", help="Why.")
def release(instrument: str, time: str, dataset: str, decision: str | None, note: str | None) -> None:
    """Decide a held value; the next reconciliation of its session publishes the decision as a restatement."""
    if decision not in ("accept", "reject"):
        raise Rejected("release: no decision, expected --accept or --reject")
    from tradewinds.jobs.tables import table_named

    house, context = _open()
    now_ns = house.clock.now_ns()
    start_ns = _start_of(context, table_named(context, dataset), instrument, time, now_ns)
    closed = house.ledger.release(
        instrument,
        dataset,
        start_ns,
        decision=decision,  # type: ignore[arg-type]  # checked above
        released_by=getpass.getuser(),
        released_ns=now_ns,
        note=note,
    )
    click.echo(f"{instrument} {when(start_ns)}: {closed} holds closed")
    if not closed:
        sys.exit(ANSWER_IS_NO)


def _open() -> tuple[House, Context]:
    from tradewinds.wiring.house import open_house

    house = open_house()
    return house, house.context("data", "")


def _instant(text: str) -> int:
    from tradewinds.core.instant import parse

    return parse(text)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise Rejected(f"--option {text!r}, expected KEY=VALUE")
    return key, value


def _read(
    table: str, instruments: tuple[str, ...], start: str | None, end: str | None, as_of: str | None, *, is_versions: bool
) -> pl.DataFrame:
    from tradewinds.jobs.tables import table_named

    house, context = _open()
    chosen = table_named(context, table)
    start_ns, end_ns = _instant(start) if start else None, _instant(end) if end else None
    if is_versions:
        return house.lake.versions(chosen, instruments=instruments or None, start_ns=start_ns, end_ns=end_ns)
    as_of_ns = _instant(as_of) if as_of else house.clock.now_ns()
    return house.lake.read(chosen, as_of_ns=as_of_ns, instruments=instruments or None, start_ns=start_ns, end_ns=end_ns)


def _readable(rows: pl.DataFrame) -> pl.DataFrame:
    """Times as UTC timestamps without the suffix, as in the lake's files."""
    import polars as pl

    times = [name for name in rows.columns if name.endswith("_ns")]
    return rows.with_columns(
        pl.from_epoch(pl.col(name), time_unit="ns").dt.cast_time_unit("us").dt.replace_time_zone("UTC") for name in times
    ).rename({name: name.removesuffix("_ns") for name in times})


def _start_of(context: Context, table: Any, instrument: str, time: str, as_of_ns: int) -> int:
    """The start of the fact that is meant: the exact time, or the only fact that starts on that date."""
    at_ns = _instant(time)
    if "T" in time or " " in time.strip():
        return at_ns
    day_ns = 86_400 * 10**9
    rows = context.lake.read(
        table, as_of_ns=as_of_ns, instruments=[instrument], start_ns=at_ns, end_ns=at_ns + day_ns, columns=["start_ns"]
    )
    starts = rows["start_ns"].unique().to_list()
    if len(starts) != 1:
        raise Rejected(
            f"{table.name} of {instrument} on {time}: {len(starts)} facts start then, expected one; give the time, such as {time}T14:30"
        )
    return int(starts[0])
