"""`tradewinds trade order|cancel|close|approve|deny|override|resume|decide`: acts of a person, through the running service's gate."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from tradewinds.app.arguments import JSON
from tradewinds.app.output import print_json
from tradewinds.core.errors import ANSWER_IS_NO

REASON = click.option("--reason", default="", help="Why; it is journalled.")
ALONE = click.option("--alone", is_flag=True, help="Where no service runs: bring the account up for this one act, without its strategies.")
STRATEGY = click.option("--strategy", help="In this strategy's book instead of nobody's.")


@click.command("order")
@click.argument("account")
@click.argument("instrument")
@click.argument("side", type=click.Choice(["buy", "sell"]))
@click.argument("quantity")
@click.option("--limit", help="Limit price; without any price it is a market order.")
@click.option("--stop", help="Stop price; with --limit a stop-limit order.")
@click.option("--trail", help="Distance of a trailing stop.")
@click.option("--time-in-force", type=click.Choice(["gtc", "day", "ioc", "fok"]), default="gtc", show_default=True)
@click.option("--reduce-only", is_flag=True, help="Only ever make the position smaller.")
@STRATEGY
@ALONE
@JSON
def order(account: str, instrument: str, side: str, quantity: str, *, alone: bool, as_json: bool, **options: Any) -> None:
    """Place an order by hand. It passes the account's gate and journal like any other; refused it ends with exit code 1.

    \b
    tradewinds trade order main BTCUSDT.BINANCE buy 0.01
    tradewinds trade order main BTCUSDT.BINANCE sell 0.01 --limit 70000
    """
    words = {"account": account, "instrument": instrument, "side": side, "quantity": quantity, **options}
    _tell_verdicts([_asked("order", words, account if alone else None)], as_json=as_json)


@click.command("cancel")
@click.argument("order_id", required=False)
@click.option("--account", help="Every order of this account.")
@click.option("--strategy", help="Every order of this strategy.")
@click.option("--instrument", help="Every order of this instrument.")
@click.option("--all", "is_every", is_flag=True, help="Every order there is.")
@REASON
@ALONE
@JSON
def cancel(order_id: str | None, *, is_every: bool, alone: bool, as_json: bool, **options: Any) -> None:
    """Cancel one order by its id, or every one that fits."""
    if order_id is None and not is_every and not any(options[name] for name in ("account", "strategy", "instrument")):
        raise click.UsageError("which one? an id, --account, --strategy, --instrument or --all")
    if alone and not options["account"]:
        raise click.UsageError("--alone brings one account up: which one? --account")
    told = _asked("cancel", {"id": order_id, **options}, options["account"] if alone else None)
    if as_json:
        print_json(told)
    else:
        click.echo("\n".join(f"cancel asked for: {name}" for name in told["asked"]) or "no order of ours works there")


@click.command("close")
@click.argument("account")
@click.argument("instrument")
@STRATEGY
@REASON
@ALONE
@JSON
def close(account: str, instrument: str, *, alone: bool, as_json: bool, **options: Any) -> None:
    """Close what ACCOUNT holds of INSTRUMENT, at market, each strategy's part by an order of its own."""
    told = _asked("close", {"account": account, "instrument": instrument, **options}, account if alone else None)
    _tell_verdicts(told["orders"], as_json=as_json)


@click.command("approve")
@click.argument("order_id")
@REASON
@JSON
def approve(order_id: str, *, reason: str, as_json: bool) -> None:
    """Let an order pass that waits for a person; every other rule is judged anew."""
    _tell_verdicts([_asked("approve", {"id": order_id, "reason": reason})], as_json=as_json)


@click.command("deny")
@click.argument("order_id")
@REASON
@JSON
def deny(order_id: str, *, reason: str, as_json: bool) -> None:
    """Refuse an order that waits for a person."""
    told = _asked("deny", {"id": order_id, "reason": reason})
    if as_json:
        print_json(told)
    else:
        click.echo(_line(told))


@click.command("override")
@click.argument("what", type=click.Choice(["no-trading", "close-only", "reduce-only", "trade"]))
@click.option("--account", help="On this account; on all when left out.")
@click.option("--strategy", help="For this strategy; for all when left out.")
@click.option("--instrument", help="For this instrument; for all when left out.")
@REASON
@JSON
def override(what: str, *, as_json: bool, **options: Any) -> None:
    """Forbid to trade, to open, or to grow; `trade` lifts it again. It stands over restarts."""
    told = _asked("override", {"override": what.replace("-", " "), **options})
    if as_json:
        print_json(told)
    else:
        whom = f"{told['strategy'] or 'all strategies'}, {told['instrument'] or 'all instruments'}"
        click.echo(f"{told['override']}: {', '.join(told['accounts'])}; {whom}")


@click.command("resume")
@click.option("--account", help="This account; all when left out.")
@REASON
@JSON
def resume(*, account: str | None, reason: str, as_json: bool) -> None:
    """Trade again after a halt."""
    told = _asked("resume", {"account": account, "reason": reason})
    if as_json:
        print_json(told)
    else:
        click.echo(f"resumed: {', '.join(told['resumed']) or 'none'}")


@click.command("decide")
@click.argument("strategy")
@click.option("--at", required=True, help="When (ISO 8601, UTC): the end of the bar that it decides on.")
@JSON
def decide(strategy: str, *, at: str, as_json: bool) -> None:
    """Have STRATEGY decide at a time. Asked again it answers what it decided then: it never decides twice."""
    told = _asked("decide", {"strategy": strategy, "at": at})
    if as_json:
        print_json(told)
        return
    click.echo(
        f"{told['strategy']} at {told['at']}: " + (", ".join(f"{name} {value}" for name, value in told["targets"].items()) or "nothing")
    )
    for kind in ("orders", "waiting", "refused"):
        for one in told[kind]:
            click.echo(f"  {kind.removesuffix('s')}: {one['text']} {one.get('state') or one.get('why') or ''}".rstrip())


def _asked(act: str, words: Mapping[str, Any], alone: str | None = None) -> dict[str, Any]:
    """The running service's answer; raises Transient where none runs. alone: the account that is brought up for it then."""
    from tradewinds.wiring.control import ask, is_running
    from tradewinds.wiring.settings import load_config

    home, told = Path(load_config().home), {"by": _me(), **words}
    if alone is None or is_running(home):
        return ask(home, act, told)
    from tradewinds.app.output import log
    from tradewinds.wiring.house import open_house
    from tradewinds.wiring.trade_alone import alone as act_alone

    return act_alone(open_house(), alone, act, told, log)


def _me() -> str:
    """Who asks, for the journal."""
    with suppress(OSError, KeyError):
        return getpass.getuser()
    return f"user {os.getuid()}"


def _tell_verdicts(told: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(told[0] if len(told) == 1 else {"orders": told})
    else:
        for one in told:
            click.echo(_line(one))
    if any(one["verdict"] == "refused" for one in told):
        sys.exit(ANSWER_IS_NO)


def _line(one: Mapping[str, Any]) -> str:
    why = f": {one['why']}" if one.get("why") else ""
    note = f" ({one['note']})" if one.get("note") else ""
    return f"{one['verdict']}  {one['id']}  {one['text']}{why}{note}"
