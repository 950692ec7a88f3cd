"""Trading as it goes: accounts, positions, orders, candles with fills, gains; closing and cancelling from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from nicegui import ui

from tradewinds.app.console.chart import candles, chart, lines
from tradewinds.app.console.frame import page
from tradewinds.app.console.markup import Markup, joined, link, moment, options, pill, shown, table, tag, tiles
from tradewinds.app.console.visit import Visit, act_button, card, live, show
from tradewinds.wiring.desk import trade, trade_pages
from tradewinds.wiring.desk.trade_pages import Holding

EVERY_S = 2.0
GAINS_EVERY_S = 10.0
ORDERS_SHOWN = 50
FILLS_SHOWN = 100
SEPARATOR = "|"


@dataclass(frozen=True, slots=True)
class _Now:
    status: dict[str, Any]
    held: tuple[Holding, ...]
    open: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Past:
    fills: list[dict[str, Any]]
    ended: list[dict[str, Any]]


@page("/trading", "Trading", group="Trade")
async def build(visit: Visit) -> None:
    """Live parts first, then the charts, which follow at the same rhythm."""

    async def close(on: str) -> None:
        account, instrument = on.split(SEPARATOR)
        words = {"account": account, "instrument": instrument, "reason": "closed on the console"}
        await visit.do("close", words, done=f"Closing {instrument} on {account}, at market, through the gate.")

    async def cancel(on: str) -> None:
        await visit.do("cancel", {"id": on, "reason": "cancelled on the console"}, done="Cancel asked for.")

    async def resume(on: str) -> None:
        await visit.do("resume", {"account": on, "reason": "resumed on the console"}, done=f"{on} trades again.")

    deeds = {"close": close, "cancel": cancel, "resume": resume}
    await live(visit, lambda: _now(visit), partial(_top, visit), every_s=EVERY_S, acts=deeds)
    await _candles(visit)
    await _gains(visit)
    await live(visit, lambda: _past(visit), _bottom, every_s=EVERY_S)


def _now(visit: Visit) -> _Now:
    house = visit.house
    return _Now(visit.console.standing.status(), trade_pages.held(house, visit.console.seen), trade.orders(house, is_open=True).rows)


def _past(visit: Visit) -> _Past:
    return _Past(trade.fills(visit.house, limit=FILLS_SHOWN).rows, trade.orders(visit.house, limit=ORDERS_SHOWN, is_open=False).rows)


def _top(visit: Visit, seen: _Now) -> Markup:
    status = seen.status
    still = Markup("") if status["running"] else tag(
        "p", "No trading service runs; this is what the journals say. ", tag("code", "tradewinds trade"), " starts it.", class_="note"
    )  # fmt: skip
    return joined((
        still,
        tiles((
            ("Accounts", len(status["accounts"]), ""),
            ("Open orders", sum(one["open_orders"] for one in status["accounts"]), ""),
            *(_gain("Not realised", currency, gain) for currency, gain in trade_pages.gain_by_currency(seen.held).items()),
            ("Waiting for a person", tag("a", sum(one["waiting"] for one in status["accounts"]), href="/approvals"), ""),
        )),
        card("Accounts", _accounts(visit, status)),
        card("Positions", _positions(visit, seen.held)),
        card("Open orders", _orders(visit, seen.open, "no order works")),
    ))  # fmt: skip


def _gain(what: str, currency: str, gain: float) -> tuple[str, object, str]:
    return f"{what}, {currency}", f"{gain:+,.2f}", "good" if gain >= 0 else "bad"


def _bottom(seen: _Past) -> Markup:
    return joined((card("Fills", _fills(seen.fills)), card("Orders that ended", _orders(None, seen.ended, "none yet"))))


def _accounts(visit: Visit, status: dict[str, Any]) -> Markup:
    rows = []
    for one in status["accounts"]:
        mode = tag("b", "LIVE", class_="pill bad") if one["mode"] == "live" else pill(one["mode"])
        halted = joined((pill("halted"), " ", act_button("Resume", "resume", one["account"], label=f"Resume {one['account']}")))
        rows.append((
            link(one["account"], "/trading/risk", account=one["account"]), mode, pill(one["state"]), pill(one["link"]),
            (halted if visit.may("do:resume") else pill("halted")) if one["halted"] else "no",
            one["open_orders"], tag("b", one["unknown_orders"], class_="bad") if one["unknown_orders"] else 0, one["waiting"],
            one["failure"] or "",
        ))  # fmt: skip
    columns = ("account", "mode", "state", "link", "halted", "open", "unknown", "waiting", "failure")
    return table(columns, rows, numbers=("open", "unknown", "waiting"), empty="no account has traded yet", label="Accounts")


def _positions(visit: Visit, held: tuple[Holding, ...]) -> Markup:
    rows = []
    for one in held:
        gain = Markup("-") if one.gain is None else tag("b", f"{one.gain:+,.2f}", class_="good" if one.gain >= 0 else "bad")
        on = SEPARATOR.join((one.account, one.instrument))
        button = act_button("Close", "close", on, label=f"Close {one.instrument} on {one.account}") if visit.may("do:trade") else ""
        rows.append((
            link(one.instrument, "/trading", account=one.account, instrument=one.instrument), one.account, one.strategy or "by hand",
            one.quantity, None if one.average_price is None else round(one.average_price, 8), one.price, one.value, gain, one.currency,
            button,
        ))  # fmt: skip
    columns = ("instrument", "account", "strategy", "quantity", "average", "price", "value", "gain", "currency", "do")
    numbers = ("quantity", "average", "price", "value", "gain")
    return table(columns, rows, numbers=numbers, empty="nothing is held", label="Positions")


def _orders(visit: Visit | None, found: list[dict[str, Any]], empty: str) -> Markup:
    """visit: of a person who may cancel them; None for orders that ended."""
    rows = []
    for one in found:
        name = one["client_order_id"]
        cancel = act_button("Cancel", "cancel", name, label=f"Cancel order {name}") if visit is not None and visit.may("do:trade") else ""
        price = one["limit_price"] if one["limit_price"] is not None else one["stop_price"]
        rows.append((
            moment(one["approved_ns"]), one["instrument"], one["side"], one["quantity"], one["kind"], price, one["filled"],
            pill(one["state"]), one["reason"] or "" if visit is None else cancel, one["strategy"] or "by hand",
            link(name, "/logs", order=name),
        ))  # fmt: skip
    last = "reason" if visit is None else "do"
    columns = ("approved", "instrument", "side", "quantity", "kind", "price", "filled", "state", last, "strategy", "id")
    return table(columns, rows, numbers=("quantity", "price", "filled"), empty=empty, label="Orders")


def _fills(found: list[dict[str, Any]]) -> Markup:
    rows = [
        (moment(one["event_ns"]), one["instrument"], one["side"], one["quantity"], one["price"], one["currency"],
         f"{shown(one['commission'])} {one['commission_currency']}", one["strategy"] or "by hand", one["account"],
         link("Explain this fill", "/explain", account=one["account"], fill=one["id"]))
        for one in found
    ]  # fmt: skip
    columns = ("at", "instrument", "side", "quantity", "price", "currency", "commission", "strategy", "account", "why")
    return table(columns, rows, numbers=("quantity", "price", "commission"), empty="no fill yet", label="Fills")


async def _candles(visit: Visit) -> None:
    """The bars that the account was told, with its fills, for the instrument that the address names."""
    traded = await visit.read(trade_pages.traded, visit.house)
    if not traded:
        return
    asked = (visit.query.get("account", ""), visit.query.get("instrument", ""))
    chosen = asked if asked in traded else traded[0]
    account, instrument = chosen

    def read() -> dict[str, Any]:
        _, bars = visit.console.seen.candles(account, instrument)
        booked = trade.fills(visit.house, account=account, instrument=instrument).rows
        return candles(bars[-500:], [_mark(one) for one in booked])

    with ui.element("section").classes("card"):
        choices = [(SEPARATOR.join(one), f"{one[1]} on {one[0]}") for one in traded]
        picked = tag("select", options(choices, SEPARATOR.join(chosen)), id="candles-of", aria_label="Instrument")
        show(tag("div", tag("h2", "Candles with fills"), picked, class_="row-of"))
        drawn = chart(await visit.read(read), f"{instrument} with the fills of {account}")
    ui.run_javascript(_PICK)

    async def again() -> None:
        if await visit.is_over():
            return
        fresh = await visit.read(read)
        if fresh != drawn.options:
            drawn.options.clear()
            drawn.options.update(fresh)
            drawn.update()

    ui.timer(EVERY_S, again, immediate=False)


_PICK = """
document.getElementById("candles-of")?.addEventListener("change", event => {
  const [account, instrument] = event.target.value.split("|");
  location.search = new URLSearchParams({account, instrument});
});
"""


def _mark(one: dict[str, Any]) -> dict[str, Any]:
    words = f"{one['side']} {shown(one['quantity'])} at {shown(one['price'])}, {one['strategy'] or 'by hand'}"
    return {"at_ns": one["event_ns"], "price": Decimal(one["price"]), "side": one["side"], "text": words}


async def _gains(visit: Visit) -> None:
    """What closed lots gained: figures that are read again now and then, and the curve as it was when the page was opened."""

    def realised() -> Mapping[str, float]:
        return trade_pages.realised_by_currency(visit.console.standing.gains())

    def drawn(found: Mapping[str, float]) -> Markup:
        return tiles(_gain("Realised", currency, gain) for currency, gain in found.items())

    await live(visit, realised, drawn, every_s=GAINS_EVERY_S)
    curves = await visit.read(lambda: trade_pages.gain_curves(visit.console.standing.gains()))
    if curves:
        with ui.element("section").classes("card"):
            show(tag("h2", "Gains realised"))
            chart(lines({name: list(points) for name, points in curves.items()}), "gains realised over time, by strategy")
