"""`tradewinds trade`: runs the trading service. What is said to a running one stands in `trade_orders` and `trade_status`."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tradewinds.app.arguments import JSON

if TYPE_CHECKING:
    from tradewinds.wiring.trade import Plan

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
RUN = "run"
_ALERT = re.compile(r"(info|warning|critical): account ")  # stands in the structured log as an alert, with its account

# name -> (module:attribute, one line for --help)
ACTS: dict[str, tuple[str, str]] = {
    RUN: ("tradewinds.app.trade:run", "Run the service; the word may be left out."),
    "status": ("tradewinds.app.trade_status:status", "Say what trades, what is held, and what waits."),
    "orders": ("tradewinds.app.trade_status:orders", "Orders that work, or every one."),
    "approvals": ("tradewinds.app.trade_status:approvals", "Orders that wait for a person."),
    "gains": ("tradewinds.app.trade_status:gains", "Gains realised, lot by lot."),
    "order": ("tradewinds.app.trade_orders:order", "Place an order by hand."),
    "cancel": ("tradewinds.app.trade_orders:cancel", "Cancel an order, or all of an account, strategy or instrument."),
    "close": ("tradewinds.app.trade_orders:close", "Close one position."),
    "approve": ("tradewinds.app.trade_orders:approve", "Let an order pass that waits."),
    "deny": ("tradewinds.app.trade_orders:deny", "Refuse an order that waits."),
    "override": ("tradewinds.app.trade_orders:override", "Forbid a strategy or instrument to trade, to open, or to grow."),
    "limits": ("tradewinds.app.limits:limits", "Show and change limits, and who changed them."),
    "resume": ("tradewinds.app.trade_orders:resume", "Trade again after a halt."),
    "evening": ("tradewinds.app.evening:evening", "Compare a day with the broker's own statement, and sign it."),
    "verify": ("tradewinds.app.evening:verify", "Say whether a day's signed file is as it was signed."),
    "project": ("tradewinds.app.trade_project:project", "Bring the ledger up to date with the journals."),
    "decide": ("tradewinds.app.trade_orders:decide", "Have a strategy decide at a time, once."),
}


class TradeGroup(click.Group):
    """Acts by name; anything else is what the service is to run."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(ACTS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        place = ACTS.get(name)
        if place is None:
            return None
        if name == RUN:
            return run
        from importlib import import_module

        module, _, attribute = place[0].partition(":")
        found = getattr(import_module(module), attribute)
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in ACTS.items()])

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in ACTS and args[0] not in ("-h", "--help")):
            args = [RUN, *args]
        return super().parse_args(context, args)


@click.group("trade", cls=TradeGroup, context_settings=HELP)
def trade() -> None:
    """Trade: run the service on strategies' YAML files, or speak to the one that runs.

    \b
    tradewinds trade                         every strategy of the workspace that says mode: shadow, paper or live
    tradewinds trade strategies/trend.yaml   one of them
    tradewinds trade trend.yaml --data DIR   over files of bars, on paper, as fast as it goes
    tradewinds trade status                  what the running one does

    `tradewinds trade run --help` has the options of a run. Exit codes: 0 done, 1 the gate refused the order, 2 wrong usage or refused,
    75 no service runs, or trouble that may pass.
    """


@click.command(RUN, context_settings=HELP)
@click.argument("places", nargs=-1, type=click.Path(path_type=Path, exists=True), metavar="[FILES|FOLDERS...]")
@click.option("--data", type=click.Path(path_type=Path, exists=True), help="Replay bars of these files instead of a venue's; never live.")
@click.option("--account", "accounts", multiple=True, help="Bring this account up too, though no strategy trades it: for orders by hand.")
@click.option("--run-for", "run_for_s", type=click.FloatRange(min=0), metavar="SECONDS", help="Stop after so many seconds.")
@click.option("--check", "only_check", is_flag=True, help="Say what would be traded, and start nothing.")
@JSON
def run(
    places: tuple[Path, ...], *, data: Path | None, accounts: tuple[str, ...], run_for_s: float | None, only_check: bool, as_json: bool
) -> None:
    """Run the service until it is told to stop (Ctrl-C or SIGTERM). Orders stay at the venues; the next start finds them.

    Without FILES every YAML of the workspace's strategies/ is read; one that is broken is set aside and said. Mode and account of each
    stand in its file: paper never reaches an account of environment live, and live wants both to say so.
    """
    import asyncio

    from tradewinds.app.output import log
    from tradewinds.app.watched import collect_as_usual, kept
    from tradewinds.core.errors import Rejected
    from tradewinds.wiring.house import open_house
    from tradewinds.wiring.trade import plan
    from tradewinds.wiring.trade_service import assemble

    house = open_house()
    planned = plan(house.config, places, house=house, idle_accounts=accounts)
    _say(planned)
    if only_check:
        _show(planned, as_json=as_json)
        return
    if not planned.accounts:
        raise Rejected(
            "trade: nothing to trade, expected a strategy's YAML with mode and account, or --account NAME; docs/trading.md has one"
        )
    if data is not None and any(one.mode == "live" or one.account.is_live for one in planned.accounts.values()):
        raise Rejected("trade --data: bars of files would drive real orders, expected mode: paper or shadow on a paper or test account")
    made = assemble(house, planned, data=data, say=log)
    try:
        made.lock()
        with kept(made.watching.log, lambda message: _ALERT.match(message) is None):
            asyncio.run(made.run(until_s=run_for_s, ready=collect_as_usual))
    finally:
        made.close()
    if as_json:
        from tradewinds.app.output import print_json
        from tradewinds.wiring.trade_read import status_of

        print_json(status_of(house.config))


def _say(planned: Plan) -> None:
    """What is about to happen, loudly where it moves money."""
    from tradewinds.app.output import log

    for name, why in planned.troubles.items():
        log(f"set aside: {name}: {why}")
    for name in planned.untraded:
        log(f"not traded: {name} (mode backtest)")
    for account in planned.accounts.values():
        shares = [f"{name} ({one.capital:f} {one.account.currency})" for name, one in account.shares.items()]
        what = ", ".join(shares) or "orders by hand"
        config = account.account.config
        if account.mode == "live":
            log(f"*** LIVE *** account {account.account.name} at {config.broker}: orders move real money. Strategies: {what}")
        else:
            log(f"{account.mode}: account {account.account.name} at {config.broker} ({config.environment}): {what}")


def _show(planned: Plan, *, as_json: bool) -> None:
    from tradewinds.app.output import print_json, print_table

    rows: list[dict[str, Any]] = [
        {
            "strategy": one.name, "mode": one.mode, "account": one.account.name, "broker": one.account.config.broker,
            "environment": one.account.config.environment, "instruments": list(one.instruments), "interval": one.strategy.interval,
            "capital": str(one.capital), "currency": one.account.currency, "file": one.file.name,
            "elsewhere": [
                {"account": each.account.name, "capital": str(each.capital), "currency": each.account.currency,
                 "instruments": list(each.instruments)}
                for each in one.elsewhere
            ],
        }
        for one in planned.strategies
    ]  # fmt: skip
    if as_json:
        print_json({"strategies": rows, "set_aside": dict(planned.troubles), "not_traded": list(planned.untraded)})
    else:
        columns = ("strategy", "mode", "account", "broker", "environment", "interval", "capital", "currency")
        print_table("Would trade", columns, [[row[name] for name in columns] for row in rows], if_empty="nothing")
    if planned.troubles:
        sys.exit(1)
