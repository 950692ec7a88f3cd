"""What the evenings found: breaks with the brokers' own statements, and parity of every day with its replay."""

from __future__ import annotations

from typing import Any

from tradewinds.app.console.frame import page
from tradewinds.app.console.markup import Markup, joined, moment, pill, table, tag, tiles
from tradewinds.app.console.visit import Visit, card, show
from tradewinds.wiring.desk import trade
from tradewinds.wiring.house import House


@page("/trading/evenings", "Breaks and parity", group="Trade")
async def build(visit: Visit) -> None:
    """Every account's signed days."""
    breaks, days = await visit.read(_read, visit.house)
    show(_drawn(breaks, days))


def _read(house: House) -> tuple[list[dict[str, Any]], list[tuple[str, dict[str, Any]]]]:
    days = [(one.name, day) for one in trade.accounts(house) if not one.trouble for day in trade.evenings(house, one.name)]
    return trade.breaks(house), sorted(days, key=lambda one: (one[1]["day"], one[0]), reverse=True)


def _drawn(breaks: list[dict[str, Any]], days: list[tuple[str, dict[str, Any]]]) -> Markup:
    broken = [
        (one["day"], one["account"], one["kind"], one["subject"], one["ours"], one["theirs"], moment(one["found_ns"])) for one in breaks
    ]
    equal = sum(bool(day["report"].get("parity", {}).get("is_equal")) for _, day in days)
    columns = ("day", "account", "signed", "fills", "breaks", "decisions equal", "orders equal", "parity", "notes")
    return joined((
        tiles((
            ("Breaks", len(breaks), "bad" if breaks else "good"),
            ("Days with full parity", f"{equal} of {len(days)}", "good" if equal == len(days) else "warn"),
        )),
        card("Breaks", table(("day", "account", "kind", "about", "ours", "theirs", "found"), broken, empty="no break was found")),
        card("Days", table(columns, [_day(name, day) for name, day in days], numbers=columns[3:7], empty="no evening was run yet")),
    ))  # fmt: skip


def _day(account: str, day: dict[str, Any]) -> tuple[object, ...]:
    report = day["report"]
    parity = report.get("parity", {})
    signed = pill("ok") if day["is_signed"] else tag("span", day.get("trouble", "no"), class_="bad")
    state = pill("equal" if parity.get("is_equal") else "differs") if parity else pill("-")
    equal = [f"{parity.get(f'{what}_equal', '-')} of {parity.get(what, '-')}" for what in ("decisions", "orders")]
    notes = "; ".join(parity.get("notes", ()))
    return (day["day"], account, signed, len(report.get("fills", ())), len(report.get("breaks", ())), *equal, state, notes)
