"""`tradewinds trade project`: the ledger's rows of trading, brought up to date with the journals, or made anew."""

from __future__ import annotations

from pathlib import Path

import click

from tradewinds.app.arguments import JSON


@click.command("project")
@click.argument("accounts", nargs=-1, metavar="[ACCOUNTS...]")
@click.option("--rebuild", is_flag=True, help="Drop the rows of these accounts and make them again from the first entry on.")
@JSON
def project(accounts: tuple[str, ...], *, rebuild: bool, as_json: bool) -> None:
    """Project the journals of ACCOUNTS (none: of every one that has traded) into the ledger.

    A running service does so by itself, every second. The journal is the truth of trading; the ledger's rows can always be made again.
    """
    from tradewinds.app.output import print_json
    from tradewinds.core.errors import Rejected
    from tradewinds.wiring.accounts import account_of, journal_path
    from tradewinds.wiring.house import open_house
    from tradewinds.wiring.projection import Projector, instruments_of

    house = open_house()
    home = Path(house.config.home)
    done: list[dict[str, object]] = []
    for name in accounts or house.config.accounts:
        account = account_of(house.config, name)
        if account.config.journal == "sqlite" and not journal_path(home, name).is_file():
            if accounts:
                raise Rejected(f"project {name}: no journal yet, expected an account that has traded")
            continue
        projector = Projector(account, home, house.ledger.trading, instruments_of(account, home, house))
        steps = projector.rebuild() if rebuild else projector.catch_up()
        done.append({"account": name, "steps": steps, "known": house.ledger.trading.projected(name)})
    if as_json:
        print_json({"projected": done})
    else:
        for one in done:
            click.echo(f"{one['account']}: {one['steps']} steps projected, {one['known']} known")
        if not done:
            click.echo("no account has traded yet")
