"""The table of conditions as `tradewinds alerts` shows it: what came true of it, and what each line says now."""

from __future__ import annotations

import sys
from typing import Any

import click

from tradewinds.app.output import print_json, print_table, when
from tradewinds.core.errors import ANSWER_IS_NO, DataFault, TradewindsError


def print_crossings(instrument: str | None, limit: int, *, as_json: bool) -> None:
    """What came true, newest first. None ends with exit code 1."""
    from tradewinds.wiring.house import open_house

    found = open_house().ledger.alerts.alerts(instrument=instrument, limit=limit)
    if as_json:
        print_json({"alerts": [{"id": one.id, **_plain(one)} for one in found]})
    else:
        rows = [
            (one.instrument, one.interval, when(one.event_ns), one.condition, _figures(one.values), one.note, when(one.raised_ns))
            for one in found
        ]
        columns = ("instrument", "interval", "bar's end", "condition", "values", "note", "raised")
        print_table("Conditions that came true", columns, rows, spare=("raised", "note", "interval"))
    if not found:
        sys.exit(ANSWER_IS_NO)


def print_lines(partition: str | None, *, as_json: bool) -> None:
    """Whether each line of the table can be read and holds in the last bar. Nothing is written; a line that is wrong ends with 65."""
    from tradewinds.core.instant import to_date
    from tradewinds.jobs.alerts import checked, table_of
    from tradewinds.wiring.house import open_house

    house = open_house()
    context = house.context("alerts", "")
    chosen = partition or to_date(house.clock.now_ns()).isoformat()
    table = table_of(house.config)
    wrong = dict(table.wrong)
    told: list[dict[str, Any]] = []
    for rule in table.rules:
        try:
            holds, seen = checked(context, rule, chosen)
        except TradewindsError as error:
            wrong[f"{rule.place} {rule.instrument}"] = str(error)
            continue
        told.append(
            {
                "place": rule.place, "instrument": rule.instrument, "condition": rule.condition.text, "interval": rule.interval,
                "holds": holds, "values": seen.values(-1), "bar_ns": int(seen.event_ns[-1]),
            }
        )  # fmt: skip
    if as_json:
        print_json({"lines": [{**one, "bar_ns": when(one["bar_ns"])} for one in told], "wrong": wrong})
    else:
        rows = [
            (one["place"], one["instrument"], one["interval"], one["condition"], one["holds"], _figures(one["values"]), when(one["bar_ns"]))
            for one in told
        ]
        columns = ("line", "instrument", "interval", "condition", "holds", "values", "bar's end")
        print_table("Lines", columns, rows, spare=("bar's end", "interval"))
        for place, reason in wrong.items():
            click.echo(f"{place}: {reason}")
    sys.exit(DataFault.exit_code if wrong else 0)


def _figures(values: Any) -> str:
    return ", ".join(f"{name} {'-' if value is None else f'{value:.6g}'}" for name, value in values.items())


def _plain(one: object) -> Any:
    from tradewinds.app.output import plain

    return plain(one)
