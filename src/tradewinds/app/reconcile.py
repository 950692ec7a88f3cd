"""`tradewinds reconcile`: folders of vendor files into one history."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("reconcile")
@click.argument("drops", type=click.Path(path_type=Path, file_okay=False))
@click.option("--calendar", required=True, help="The exchange calendar, such as XNYS.")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Where the three files go.")
@click.option(
    "--lateness-hours", default=12.0, show_default=True, type=click.FloatRange(0), help="How long after the close a vendor may come."
)
@click.option("--prefer", help="Vendors to take values from first where several agree, comma-separated.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def reconcile(drops: Path, calendar: str, out: Path, lateness_hours: float, prefer: str | None, *, as_json: bool) -> None:
    """Reconcile DROPS/<vendor>/*.csv into OUT/history.parquet, versions.parquet and findings.parquet.

    Columns: symbol,session,open,high,low,close,volume and optionally received_at, currency, split_factor, dividend. A file that cannot
    be read ends with exit code 65 and writes nothing. docs/reconciliation.md has the rest.

    \b
    tradewinds reconcile drops --calendar XNYS --out history
    """
    from tradewinds.app.output import print_json, print_table
    from tradewinds.core.errors import Rejected
    from tradewinds.jobs.reconcile_drops import reconcile_drops

    preference = tuple(name.strip() for name in prefer.split(",")) if prefer else ()
    unknown = [name for name in preference if not (drops / name).is_dir()]
    if unknown:
        raise Rejected(f"reconcile {drops}: --prefer {', '.join(unknown)}, expected names of folders in it")
    counts = reconcile_drops(drops, calendar, out, lateness_hours=lateness_hours, preference=preference)
    if as_json:
        print_json(counts)
        return
    rows = []
    for name, value in counts.items():
        if isinstance(value, dict):
            rows += [(f"{name}: {key}", count) for key, count in value.items()]
        else:
            rows.append((name, value))
    print_table(f"Reconciled {drops} into {out}", ("what", "count"), rows)
