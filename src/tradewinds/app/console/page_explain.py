"""Explain this fill: from the fill to the bytes of the vendors, step by step."""

from __future__ import annotations

from tradewinds.app.console.frame import page
from tradewinds.app.console.lineage import lineage_list
from tradewinds.app.console.markup import Markup, facts, joined, link, moment, pill, shown, tag
from tradewinds.app.console.visit import Visit, card, show
from tradewinds.core.errors import Rejected
from tradewinds.wiring.desk import explain, trade
from tradewinds.wiring.desk.explain import Explained


@page("/explain", "Explain a fill", group="Trade")
async def build(visit: Visit) -> None:
    """The fill that the address names; without one, the last fills to choose from."""
    account, fill = visit.query.get("account", ""), visit.query.get("fill", "")
    if not fill:
        found = (await visit.read(trade.fills, visit.house, limit=30)).rows
        rows = [
            tag("li", link(f"{one['side']} {shown(one['quantity'])} {one['instrument']} at {shown(one['price'])}", "/explain",
                           account=one["account"], fill=one["id"]), " ", moment(one["event_ns"]))
            for one in found
        ]  # fmt: skip
        show(card("Which fill?", tag("ul", *rows) if rows else tag("p", "There is no fill yet.", class_="empty")))
        return
    if not account:
        raise Rejected(f"fill {fill[:80]}: no account, expected one beside it")
    show(_drawn(await visit.read(explain.explain_fill, visit.house, account, fill)))


def _drawn(found: Explained) -> Markup:
    fill, order, decision, bar = found.fill, found.order, found.decision, found.bar
    what = f"{fill['side']} {shown(fill['quantity'])} {fill['instrument']} at {shown(fill['price'])} {fill['currency']}"
    steps = [_step("Fill", what, {
        "at": moment(fill["event_ns"]), "venue": fill["venue"], "id": fill["id"], "account": fill["account"],
        "commission": f"{shown(fill['commission'])} {fill['commission_currency']}",
    })]  # fmt: skip
    if order is not None:
        steps.append(_step("Order", f"{order['side']} {shown(order['quantity'])} {order['kind']}", {
            "id": link(order["client_order_id"], "/logs", order=order["client_order_id"]), "state": pill(order["state"]),
            "approved by the gate": moment(order["approved_ns"]), "venue's id": order["venue_order_id"],
        }))  # fmt: skip
    if decision is not None:
        targets = ", ".join(f"{name} {value}" for name, value in dict(decision["targets"]).items()) or "flat"
        steps.append(_step("Decision", f"of {decision['strategy']}", {"decided at": moment(decision["decision_ns"]), "targets": targets}))
    if bar is not None:
        steps.append(_step("Bar", f"{found.interval} of {bar.instrument}, as the strategy was told", {
            "open": bar.open, "high": bar.high, "low": bar.low, "close": bar.close, "volume": bar.volume, "known": moment(bar.known_ns),
        }))  # fmt: skip
    told = [tag("p", note, class_="note") for note in found.notes]
    trail = Markup("")
    if found.trail is not None:
        liars = ", ".join(found.trail.liars)
        lied = tag("p", f"Lied about this bar, and was not believed: {liars}", class_="trouble") if liars else Markup("")
        trail = card("The bar in the history, back to the vendors' bytes", lied, lineage_list(found.trail))
    return joined((card("From the fill to its reason", tag("ol", *steps, class_="steps"), *told), trail))


def _step(name: str, title: str, rows: dict[str, object]) -> Markup:
    return tag("li", tag("b", name), " ", title, facts(rows))
