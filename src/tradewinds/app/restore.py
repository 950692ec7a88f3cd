"""`tradewinds restore`: a backup brought back, all of it checked before anything is touched."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import click

from tradewinds.app.arguments import JSON
from tradewinds.app.output import cell, log, print_json, when
from tradewinds.core.errors import Rejected


@click.command("restore")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--check", "only_check", is_flag=True, help="Read all of the backup and say whether it is whole; change nothing.")
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Restore to this home instead of the configured one.")
@click.option(
    "--workspace", type=click.Path(path_type=Path, file_okay=False), help="Put the backup's configuration there first, and use it."
)
@click.option("--replace", "is_replacing", is_flag=True, help="Where something stands already, keep it beside the restored.")
@click.option("--no-halt", "is_not_halted", is_flag=True, help="Let accounts trade at once, without a person's resume.")
@JSON
def restore(
    folder: Path, home: Path | None, workspace: Path | None, *, only_check: bool, is_replacing: bool, is_not_halted: bool, as_json: bool
) -> None:
    """Bring the backup in FOLDER back to this configuration's home, ledger, journals and lake.

    A home that something uses, or that holds something, is refused. The new home is built beside it and put in its place in one step.
    Accounts that traded start halted: their broker may know more than the backup's journal does.

    \b
    tradewinds restore /mnt/other/monday --check
    tradewinds restore /mnt/other/monday --home /var/lib/tradewinds --workspace firm
    """
    from tradewinds.app.airflow_folder import read_state
    from tradewinds.wiring.backup_restore import restore_backup, restore_workspace, verify
    from tradewinds.wiring.clock import SystemClock
    from tradewinds.wiring.house import House
    from tradewinds.wiring.settings import load_config

    if only_check:
        manifest = verify(folder)
        if as_json:
            print_json({
                "is_whole": True, "made_ns": manifest.made_ns, "version": manifest.version, "files": len(manifest.files),
                "bytes": manifest.size, "journals": list(manifest.journals), "revision": manifest.revision,
            })  # fmt: skip
            return
        for one in manifest.journals:
            click.echo(f"journal of {one.account} ({one.kind}): {cell(one.sequence)} entries, chain holds up to {one.hash[:16]}")
        click.echo(f"{folder}: whole; {cell(len(manifest.files))} files, {cell(manifest.size)} bytes, made {when(manifest.made_ns)}")
        return
    if workspace is not None:
        os.environ["TRADEWINDS_CONFIG"] = str(restore_workspace(folder, workspace.absolute()).absolute())
    config = load_config()
    if home is not None:
        config = replace(config, home=str(home.absolute()))
    airflow = read_state(Path(config.home) / "airflow")
    if airflow is not None and airflow.is_running:
        raise Rejected(
            f"restore to {config.home}: its Airflow runs, process {airflow.launcher}, expected a home at rest; `tradewinds down` stops it"
        )
    house = House(config, clock=SystemClock())
    try:
        done = restore_backup(
            house, folder, is_replacing=is_replacing, starts_halted=not is_not_halted, say=lambda line: log(f"restoring: {line}")
        )
    finally:
        house.close()
    if as_json:
        print_json({
            "home": str(done.home), "before": None if done.before is None else str(done.before), "made_ns": done.manifest.made_ns,
            "journals": list(done.manifest.journals), "said": done.lines,
        })  # fmt: skip
        return
    for line in done.lines:
        click.echo(line)
    if done.before is not None:
        click.echo(f"what was there is kept at {done.before}")
    click.echo(f"{done.home}: as it was at {when(done.manifest.made_ns)}; next: tradewinds doctor")
