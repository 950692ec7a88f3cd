"""A statement as one page that needs no network, and as CSV: a line for each thing that happened, between opening and closing balances."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from decimal import Decimal, localcontext

from tradewinds.core.instant import text as instant_text
from tradewinds.core.money import NUMBERS
from tradewinds.report.page import document, notes, section, table
from tradewinds.trading.account_statement import AccountStatement, Held

COLUMNS = (
    "account", "line", "at", "instrument", "side", "quantity", "price", "amount", "currency", "commission", "commission_currency",
    "strategy", "reference",
)  # fmt: skip
SHOWN_DECIMALS = 8
REMARK = (
    "From the account's own journal. Positions stand at what they cost; nothing is valued at a market price. "
    f"Times are UTC; amounts are shown to {SHOWN_DECIMALS} decimals."
)


def statement_csv(one: AccountStatement) -> str:
    """CSV text with a heading. amount: what it moves of the currency, commission apart; of positions what they cost; of gains the gain."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_lines(one))
    return out.getvalue()


def statement_html(one: AccountStatement, title: str) -> str:
    """The whole page."""
    currencies = sorted({*one.cash_before, *one.cash_after, *one.traded, *one.commissions})
    cash = [tuple(_cash(one, name)) for name in currencies]
    fills = [
        (
            instant_text(each.fill.event_ns), each.fill.instrument, each.strategy, each.fill.side, plain(each.fill.quantity),
            plain(each.fill.price), money(each.amount), money(each.fill.commission),
        )
        for each in one.fills
    ]  # fmt: skip
    gains = [
        (each.instrument, each.strategy or "by hand", instant_text(each.opened_ns), instant_text(each.closed_ns), plain(each.quantity),
         money(each.cost), money(each.proceeds), f"{money(each.gain)} {each.currency}")
        for each in one.gains
    ]  # fmt: skip
    without = [(instant_text(each.at_ns), each.kind, each.what, each.reason, plain(each.quantity)) for each in one.moved]
    heads = ("instrument", "quantity", "average price", "cost", "currency")
    content = [
        section("cash", "Cash", table(("currency", "before", "fills", "commission", "other", "after"), cash, empty="None was booked.")),
        section("held", "Positions at the end", table(heads, [_held(each) for each in one.held_after], empty="None.")),
        section("before", "Positions at the beginning", table(heads, [_held(each) for each in one.held_before], empty="None.")),
        section("gains", "Gains realised", table(
            ("instrument", "strategy", "opened", "closed", "quantity", "cost", "proceeds", "gain"), gains, texts=4, empty="None.")),
        section("fills", "Fills", table(
            ("at", "instrument", "strategy", "side", "quantity", "price", "amount", "commission"), fills, texts=4, empty="None.")),
        section("moved", "Moved without a fill", table(("at", "kind", "what", "why", "quantity"), without, texts=4, empty="Nothing.")),
        notes([REMARK]),
    ]  # fmt: skip
    span = f"{instant_text(one.start_ns)} to {instant_text(one.end_ns)}, {one.entries} entries of the journal"
    return document(title, span, "".join(content), "Tradewinds")


def _cash(one: AccountStatement, currency: str) -> Iterator[str]:
    """Before, what fills and commission moved, everything else, after."""
    nothing = Decimal(0)
    yield currency
    yield money(one.cash_before.get(currency, nothing))
    yield money(one.traded.get(currency, nothing))
    yield money(-one.commissions.get(currency, nothing))
    yield money(sum((each.quantity for each in one.moved if each.kind == "cash" and each.what == currency), nothing))
    yield money(one.cash_after.get(currency, nothing))


def plain(value: Decimal) -> str:
    """A number without an exponent and without zeros that say nothing."""
    shown = f"{value:f}"
    shown = shown.rstrip("0").rstrip(".") if "." in shown else shown
    return "0" if shown in ("-0", "") else shown


def money(value: Decimal) -> str:
    """An amount as people read it: to 8 decimals, where an exact one may have more."""
    with localcontext(NUMBERS):
        return plain(round(value, SHOWN_DECIMALS))


def _held(one: Held) -> tuple[str, ...]:
    return (one.instrument, plain(one.quantity), plain(one.average_price), money(one.cost), one.currency)


def _lines(one: AccountStatement) -> Iterator[tuple[str, ...]]:
    for word, at_ns, cash, held in (
        ("opening", one.start_ns, one.cash_before, one.held_before),
        ("closing", one.end_ns, one.cash_after, one.held_after),
    ):
        if word == "closing":
            yield from _happened(one)
        for currency, amount in cash.items():
            yield (one.account, f"{word} cash", instant_text(at_ns), "", "", "", "", plain(amount), currency, "", "", "", "")
        for each in held:
            quantity, price, cost = plain(each.quantity), plain(each.average_price), plain(each.cost)
            yield (
                one.account,
                f"{word} position",
                instant_text(at_ns),
                each.instrument,
                "",
                quantity,
                price,
                cost,
                each.currency,
                "",
                "",
                "",
                "",
            )


def _happened(one: AccountStatement) -> Iterator[tuple[str, ...]]:
    for each in one.fills:
        fill = each.fill
        yield (
            one.account, "fill", instant_text(fill.event_ns), fill.instrument, fill.side, plain(fill.quantity), plain(fill.price),
            plain(each.amount), fill.currency, plain(fill.commission), each.commission_currency, each.strategy, fill.id,
        )  # fmt: skip
    for gain in one.gains:
        yield (
            one.account, "gain", instant_text(gain.closed_ns), gain.instrument, "", plain(gain.quantity), "", plain(gain.gain),
            gain.currency, "", "", gain.strategy or "by hand", instant_text(gain.opened_ns),
        )  # fmt: skip
    for moved in one.moved:
        is_cash = moved.kind == "cash"
        yield (
            one.account, f"moved {moved.kind}", instant_text(moved.at_ns), "" if is_cash else moved.what, "",
            "" if is_cash else plain(moved.quantity), "", plain(moved.quantity) if is_cash else "", moved.what if is_cash else "", "", "",
            "", moved.reason,
        )  # fmt: skip
