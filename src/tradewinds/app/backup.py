"""`tradewinds backup`: ledger, journals, lake, models and configuration into one folder, while everything runs."""

from __future__ import annotations

from pathlib import Path

import click

from tradewinds.app.arguments import JSON
from tradewinds.app.output import cell, log, print_json, print_table, when
from tradewinds.core.errors import Rejected


@click.command("backup")
@click.argument("folder", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option("--to", type=click.Path(path_type=Path, file_okay=False), help="Make a folder named by the time in this one.")
@click.option("--raw", "has_raw", is_flag=True, help="With the vendors' bytes, from which the lake can be made again.")
@JSON
def backup(folder: Path | None, to: Path | None, *, has_raw: bool, as_json: bool) -> None:
    """Back up to FOLDER, which is new or empty, or to a dated folder below --to. The service goes on trading meanwhile.

    In it: ledger, journals, lake, models, pages, configuration without secrets; a manifest with the SHA-256 of every file and the head of
    every journal's hash chain. `tradewinds restore FOLDER --check` reads it all again.

    \b
    tradewinds backup /mnt/other/monday
    tradewinds backup --to /mnt/other --raw
    """
    from tradewinds.app.build import build_hash
    from tradewinds.core.instant import text
    from tradewinds.wiring.backup import make_backup
    from tradewinds.wiring.clock import SystemClock
    from tradewinds.wiring.house import House
    from tradewinds.wiring.settings import load_config

    if (folder is None) == (to is None):
        raise Rejected("backup: neither or both of FOLDER and --to given, expected one of them")
    house = House(load_config(), clock=SystemClock())
    if folder is None:
        assert to is not None
        folder = to / f"tradewinds-{text(house.clock.now_ns())[:19].replace(':', '').replace('-', '')}Z"
    try:
        made = make_backup(house, folder, has_raw=has_raw, build=build_hash(), say=lambda line: log(f"backing up: {line}"))
    finally:
        house.close()
    if as_json:
        print_json({
            "backup": str(folder.absolute()), "made_ns": made.made_ns, "files": len(made.files), "bytes": made.size, "parts": made.parts,
            "journals": list(made.journals), "ledger": made.ledger, "left_out": made.left_out,
        })  # fmt: skip
        return
    print_table(
        "", ("journal", "kind", "entries", "head"), [(one.account, one.kind, one.sequence, one.hash[:16]) for one in made.journals],
        if_empty="no journals yet",
    )  # fmt: skip
    print_table("", ("part", "bytes"), sorted(made.parts.items()), if_empty="nothing to back up yet")
    for line in made.left_out:
        click.echo(f"not in it: {line}")
    click.echo(f"{folder.absolute()}: {cell(len(made.files))} files, {cell(made.size)} bytes, {when(made.made_ns)}")
