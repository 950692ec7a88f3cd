"""An order by hand: it passes the account's gate and journal as a strategy's does."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from tradewinds.app.console.asking import Field, asked, field, values
from tradewinds.app.console.frame import page
from tradewinds.app.console.markup import tag
from tradewinds.app.console.visit import Visit, button, show
from tradewinds.wiring.desk import trade

IN_FORCE = {"gtc": "until cancelled", "day": "for the day", "ioc": "at once or not", "fok": "all of it at once or not"}


@page("/trading/order", "Order by hand", group="Trade")
async def build(visit: Visit) -> None:
    """The form; what it would do is said once more before it does it."""
    accounts = await visit.read(trade.accounts, visit.house)
    if not visit.may("do:trade"):
        show(tag("p", "Your role may look and not trade.", class_="note"))
        return
    fields = (
        Field("account", "Account", "choice", choices={one.name: f"{one.name}{' (LIVE)' if one.is_live else ''}" for one in accounts}),
        Field("instrument", "Instrument"), Field("side", "Side", "choice", value="buy", choices={"buy": "buy", "sell": "sell"}),
        Field("quantity", "Quantity"), Field("limit", "Limit price, none for market"), Field("stop", "Stop price"),
        Field("time_in_force", "In force", "choice", value="gtc", choices=IN_FORCE),
        Field("strategy", "In the book of this strategy"), Field("reduce_only", "Only ever make the position smaller", "check"),
    )  # fmt: skip
    with ui.element("section").classes("card box").style("max-width:520px"):
        inputs: dict[str, Any] = {one.name: field(one) for one in fields}
        told = ui.html("", sanitize=False)

        async def place() -> None:
            given = {name: value for name, value in values(inputs).items() if value not in (None, False)}
            price = f"limit {given['limit']}" if "limit" in given else f"stop {given['stop']}" if "stop" in given else "at market"
            line = f"{given.get('side')} {given.get('quantity', '?')} {given.get('instrument', '?')} {price} on {given.get('account', '?')}"
            if await asked("Place this order?", line, [], "Place order", kind="main") is None:
                return
            done = await visit.do("order", given, done=lambda found: f"{found['verdict']}: {found['text']}")
            if done is not None:
                tone = "note" if done["verdict"] == "waiting" else "trouble" if done["verdict"] == "refused" else "good"
                told.set_content(tag("p", f"{done['verdict']}: {done['text']} {done.get('why') or ''}", class_=tone, role="status"))

        button("Place order", place, kind="main", name="place")
