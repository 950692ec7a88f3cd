"""The page of a running demo: pull the plug, and see the books come back."""

from __future__ import annotations

import asyncio
from typing import Any

from nicegui import ui

from tradewinds.app.console.frame import page
from tradewinds.app.console.markup import Markup, joined, link, moment, pill, shown, table, tag, tiles
from tradewinds.app.console.visit import TROUBLE, Visit, button, card, live, show
from tradewinds.app.demo_live import WRONG, LiveDemo, Pulled
from tradewinds.wiring.desk import explain, trade

PATH = "/demo"
EVERY_S = 0.5
FILLS_SHOWN = 8
LIED = (
    "Two more vendors tell the minutes of the coins. One lies about every third, planted on purpose; the minutes reach the history after "
    "each pull, and reconciliation names who lied."
)
WORDS = {
    "starting": "The trading process starts.",
    "trading": "Three strategies trade.",
    "waiting for an order": "The plug goes with the next order: its venue will have it, and its answer will never arrive.",
    "killed": "SIGKILL. Nothing was saved, nothing was said. The next process starts and asks the brokers.",
    "comparing": "Every account trades again. Journal and venue are compared: each order, fill and position.",
    "stopped": "Nothing trades.",
}


def add_demo_page(demo: LiveDemo) -> None:
    """Register the page; before the console is made."""

    @page(PATH, "Break it", group="Now")
    async def build(visit: Visit) -> None:
        show(tag("p", "Three strategies trade on paper, each at a local venue: Binance, OANDA, Interactive Brokers. "
            "Cut the power while an order is on its way, and see what is lost.", class_="soft"))  # fmt: skip

        async def pull() -> None:
            try:
                await asyncio.to_thread(demo.pull)
            except TROUBLE as error:
                ui.notify(f"{type(error).__name__}: {error}", type="warning")

        pressed = button("Pull the plug", pull, kind="danger big", name="plug")
        if not visit.may("do:halt"):
            pressed.props("disabled")
        await live(visit, lambda: _read(visit, demo), _drawn, every_s=EVERY_S)


def _read(visit: Visit, demo: LiveDemo) -> dict[str, Any]:
    fills = trade.fills(visit.house, limit=FILLS_SHOWN).rows
    lied = explain.lied_about(visit.house, demo.trading.began_ns) if demo.pulls else []
    return {"state": demo.state, "pulls": demo.pulls, "fills": fills, "lied": lied}


def _drawn(seen: dict[str, Any]) -> Markup:
    pulls: tuple[Pulled, ...] = seen["pulls"]
    last = pulls[-1] if pulls else None
    return joined((
        tag("p", pill(seen["state"]), " ", WORDS[seen["state"]], role="status", class_="note"),
        _figures(last) if last is not None else Markup(""),
        card("Each time the plug was pulled", _table(pulls)) if pulls else Markup(""),
        card("A vendor lied about these", _lied(seen["lied"]), note=LIED) if pulls else Markup(""),
        card("The last fills", _fills(seen["fills"]), note="Each leads from the fill to the order, the decision and the bar behind it."),
    ))  # fmt: skip


def _figures(last: Pulled) -> Markup:
    """What the last pull cost."""
    parity = "comparing" if last.parity_percent is None else f"{last.parity_percent:g} %"
    back = "not yet" if last.agreed_s is None else f"{last.agreed_s:.1f} s"
    return tiles((
        ("Trading again after", f"{last.trading_s:.1f} s", "good"),
        ("Books agree after", back, "good" if last.agreed_s is not None else "bad"),
        *((name.capitalize(), last.counts[name], "bad" if last.counts[name] else "good") for name in WRONG),
        ("Parity", parity, "good" if last.parity_percent == 100.0 else "bad" if last.parity_percent is not None else ""),
    ))  # fmt: skip


def _table(pulls: tuple[Pulled, ...]) -> Markup:
    columns = (
        "at",
        "order on its way",
        "in the journal then",
        "at the venue",
        "now",
        "trading after",
        "books agree after",
        *WRONG,
        "differs",
    )
    rows = [
        (
            moment(one.at_ns), tag("code", one.order.client_order_id), one.order.at_kill, one.order.is_at_venue, pill(one.order.afterwards),
            f"{one.trading_s:.2f} s", "-" if one.agreed_s is None else f"{one.agreed_s:.2f} s", *(one.counts[name] for name in WRONG),
            "; ".join(one.lines),
        )
        for one in reversed(pulls)
    ]  # fmt: skip
    return table(columns, rows, label="Pulls")


def _lied(rows: list[dict[str, Any]]) -> Markup:
    given = [
        (moment(one["event_ns"]), f"{one['side']} {shown(one['quantity'])} {one['instrument']} at {shown(one['price'])}",
         tag("span", one["liar"], class_="pill bad"), link("Explain this fill", "/explain", account=one["account"], fill=one["id"]))
        for one in rows
    ]  # fmt: skip
    return table(("at", "fill", "who lied", "why"), given, empty="the minutes are on their way into the history", label="Lied about")


def _fills(rows: list[dict[str, Any]]) -> Markup:
    columns = ("at", "account", "fill", "why")
    given = [
        (
            moment(one["event_ns"]), one["account"],
            f"{one['side']} {shown(one['quantity'])} {one['instrument']} at {shown(one['price'])}",
            link("Explain this fill", "/explain", account=one["account"], fill=one["id"]),
        )
        for one in rows
    ]  # fmt: skip
    return table(columns, given, empty="nothing yet; a bar takes two and a half seconds", label="Last fills")
