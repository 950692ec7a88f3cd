"""`tradewinds trade limits`: what an order may be, who changed it, from when and why."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Any

import click

from tradewinds.app.arguments import AS_OF, JSON

if TYPE_CHECKING:
    from tradewinds.stores.limits import LimitBook, LimitScope

STRATEGY = click.option("--strategy", help="Of this strategy, not of the whole account.")
INSTRUMENT = click.option("--instrument", help="Of this instrument, not of the whole account.")


@click.group("limits", context_settings={"help_option_names": ["-h", "--help"]})
def limits() -> None:
    """Show and change limits, and who changed them.

    What stands here takes the place of what tradewinds.yaml and strategies' YAML files declare, limit by limit.
    """


@limits.command("show")
@click.argument("account")
@AS_OF
@JSON
def show(account: str, as_of: str | None, *, as_json: bool) -> None:
    """Limits kept for ACCOUNT, its strategies and instruments."""
    from tradewinds.app.arguments import instant
    from tradewinds.app.output import print_json, print_table

    book, now_ns = _book()
    kept = book.at(account, instant(as_of, "--as-of") if as_of else now_ns)
    rows = [
        (scope, name or "-", limit, "none" if value is None else _shown(value))
        for (scope, name), limits_ in sorted(kept.by_scope.items())
        for limit, value in sorted(limits_.items())
    ]
    if as_json:
        print_json({"account": account, "limits": [dict(zip(("scope", "name", "limit", "value"), row, strict=True)) for row in rows]})
    else:
        print_table(f"Limits of {account}", ("scope", "name", "limit", "value"), rows, if_empty="none is kept; those declared in YAML hold")


@limits.command("set")
@click.argument("account")
@click.argument("limit")
@click.argument("value")
@STRATEGY
@INSTRUMENT
@click.option("--from", "start", help="In effect from then (ISO 8601, UTC); now when left out.")
@click.option("--by", default=None, help="Who; the user of this machine when left out.")
@click.option("--reason", required=True, help="Why; it stays in the history.")
@JSON
def set_(
    account: str, limit: str, value: str, strategy: str | None, instrument: str | None, start: str | None, by: str | None, reason: str,
    *, as_json: bool,
) -> None:  # fmt: skip
    """Set LIMIT of ACCOUNT to VALUE; `none` takes it away. Lists are separated by commas.

    \b
    tradewinds trade limits set main notional_max 100000 --strategy trend --reason "first week live"
    tradewinds trade limits set main restricted AAPL.XNAS,MSFT.XNAS --reason "compliance"
    """
    from tradewinds.app.arguments import instant
    from tradewinds.app.output import log, print_json
    from tradewinds.core.errors import Rejected
    from tradewinds.core.instant import text
    from tradewinds.stores.limits import LimitChange

    if strategy is not None and instrument is not None:
        raise Rejected(f"limit {limit}: --strategy {strategy} and --instrument {instrument}, expected one of them or none")
    scope: LimitScope = "strategy" if strategy is not None else "instrument" if instrument is not None else "account"
    book, now_ns = _book()
    since_ns = instant(start, "--from") if start else now_ns
    name, who = strategy or instrument or "", by or getpass.getuser()
    changed = book.change(LimitChange(account, scope, name, limit, _value(limit, value), since_ns, now_ns, who, reason))
    if as_json:
        print_json({"change": changed})
    else:
        whose = f"{scope} {changed.name}" if changed.name else "the account"
        log(f"{limit} of {whose} is {_shown(changed.value)} from {text(changed.effective_ns)}")


@limits.command("history")
@click.argument("account", required=False)
@click.option("--name", help="Of this strategy or instrument.")
@click.option("--limit", "limit_name", help="Of this limit.")
@JSON
def history(account: str | None, name: str | None, limit_name: str | None, *, as_json: bool) -> None:
    """Every change, newest first."""
    from tradewinds.app.output import print_json, print_table, when

    book, _ = _book()
    found = book.history(account, name=name, limit_name=limit_name)
    if as_json:
        print_json({"changes": found})
        return
    rows = [
        (when(one.changed_ns), one.changed_by, one.account, one.scope, one.name or "-", one.limit_name, _shown(one.value),
         when(one.effective_ns), one.reason)
        for one in found
    ]  # fmt: skip
    columns = ("changed", "by", "account", "scope", "name", "limit", "value", "from", "reason")
    print_table("Changes of limits", columns, rows, if_empty="none yet", spare=("from", "scope"))


def _book() -> tuple[LimitBook, int]:
    from tradewinds.stores.limits import LimitBook
    from tradewinds.wiring.house import open_house

    house = open_house()
    return LimitBook(house.ledger.database), house.clock.now_ns()


def _value(limit: str, given: str) -> Any:
    """A command line's text as YAML would have it."""
    from tradewinds.risk.bounds import FLAGS

    if given == "none":
        return None
    if limit in FLAGS and given in ("true", "false"):
        return given == "true"
    return [one.strip() for one in given.split(",") if one.strip()] if limit == "restricted" else given


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    return ", ".join(value) if isinstance(value, list) else str(value).lower() if isinstance(value, bool) else str(value)
