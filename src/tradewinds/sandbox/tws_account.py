"""What the local TWS says of the account, of contracts and of the time."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from tradewinds.sandbox.exchange import ZERO
from tradewinds.sandbox.tws_contracts import Asked, Listed
from tradewinds.sandbox.tws_wire import frame

if TYPE_CHECKING:
    from tradewinds.sandbox.tws_gateway import Gateway
    from tradewinds.sandbox.tws_session import Session

CENT = Decimal("0.01")
BASE = "USD"


def positions(session: Session, fields: list[str]) -> None:
    """Message 61: all, and from then on each that changes."""
    gateway = session.gateway
    session.hears_positions = True
    for listed, held in _held(gateway):
        session.send(gateway.position(listed, held))
    session.send(frame(62, 1))


def end_positions(session: Session, fields: list[str]) -> None:
    """Message 64."""
    session.hears_positions = False


def account_updates(session: Session, fields: list[str]) -> None:
    """Message 6: values, positions with their worth, and the end of the download."""
    gateway = session.gateway
    if fields[2] != "1":
        return
    for tag, value, currency in _values(gateway):
        session.send(frame(6, 2, tag, value, currency, gateway.account))
    for listed, held in _held(gateway):
        price, cost = _price(gateway, listed), gateway.exchange.average(gateway.account, listed.instrument)
        realised = gateway.exchange.realised.get((gateway.account, listed.instrument), ZERO)
        row = (listed.con_id, listed.symbol, listed.sec_type, "", "0", "", "", listed.primary or listed.exchange, listed.currency)
        session.send(
            frame(
                7,
                8,
                *row,
                listed.local_symbol,
                listed.trading_class,
                held,
                price,
                held * price,
                cost,
                held * (price - cost),
                realised,
                gateway.account,
            )
        )
    session.send(frame(8, 1, "00:00"))
    session.send(frame(54, 1, gateway.account))


def account_updates_multi(session: Session, fields: list[str]) -> None:
    """Message 76."""
    gateway, request = session.gateway, int(fields[2])
    if fields[3] not in ("", gateway.account):
        session.fail(request, 321, f"Error validating request.-'bZ' : cause - Invalid account code '{fields[3]}'")
        return
    for tag, value, currency in _values(gateway):
        session.send(frame(73, 1, request, gateway.account, "", tag, value, currency))
    session.send(frame(74, 1, request))


def account_summary(session: Session, fields: list[str]) -> None:
    """Message 62."""
    gateway, request, tags = session.gateway, int(fields[2]), fields[4].split(",")
    is_ledger = any(tag.startswith("$LEDGER") for tag in tags)
    for tag, value, currency in _values(gateway):
        if tag in tags or (is_ledger and tag == "CashBalance"):
            session.send(frame(63, 1, request, gateway.account, tag, value, currency))
    session.send(frame(64, 1, request))


def profit(session: Session, fields: list[str]) -> None:
    """Message 92: gains today and in all, once."""
    unrealised, realised = _gains(session.gateway, None)
    session.send(frame(94, int(fields[1]), unrealised + realised, unrealised, realised))


def profit_of_one(session: Session, fields: list[str]) -> None:
    """Message 94."""
    gateway, request = session.gateway, int(fields[1])
    found = [(listed, held) for listed, held in _held(gateway) if listed.con_id == int(fields[4])]
    unrealised, realised = _gains(gateway, int(fields[4]))
    held = found[0][1] if found else ZERO
    value = held * _price(gateway, found[0][0]) if found else ZERO
    session.send(frame(95, request, held, unrealised + realised, unrealised, realised, value))


def contract_details(session: Session, fields: list[str]) -> None:
    """Message 9."""
    request, asked = int(fields[2]), Asked(*fields[3:15])
    found = session.gateway.catalogue.matching(asked)
    if not found:
        session.fail(request, 200, "No security definition has been found for the request")
        return
    for one in found:
        session.send(_details(one, request, session.version))
    session.send(frame(52, 1, request))


def matching_symbols(session: Session, fields: list[str]) -> None:
    """Message 81."""
    found = session.gateway.catalogue.search(fields[2])
    rows: list[object] = []
    for one in found:
        rows += [one.con_id, one.symbol, one.sec_type, one.primary or one.exchange, one.currency, 0]
        rows += [one.name, ""] if session.version >= 176 else []
    session.send(frame(79, int(fields[1]), len(found), *rows))


def managed_accounts(session: Session, fields: list[str]) -> None:
    """Message 17."""
    session.send(frame(15, 1, session.gateway.account))


def current_time(session: Session, fields: list[str]) -> None:
    """Message 49."""
    session.send(frame(49, 1, session.gateway.now_ns() // 1_000_000_000))


def user_info(session: Session, fields: list[str]) -> None:
    """Message 104."""
    session.send(frame(107, int(fields[1]), ""))


def nothing(session: Session, fields: list[str]) -> None:
    """The end of a subscription that was answered once, and what needs no answer."""


ACCOUNT_REQUESTS: dict[int, Callable[[Session, list[str]], None]] = {
    6: account_updates, 9: contract_details, 14: nothing, 17: managed_accounts, 49: current_time, 61: positions, 62: account_summary,
    63: nothing,
    64: end_positions, 76: account_updates_multi, 77: nothing, 81: matching_symbols, 92: profit, 93: nothing, 94: profit_of_one,
    95: nothing,
    104: user_info,
}  # fmt: skip


def _held(gateway: Gateway) -> list[tuple[Listed, Decimal]]:
    held = [(symbol, size) for (account, symbol), size in gateway.exchange.positions.items() if account == gateway.account and size]
    return [(gateway.catalogue.of(symbol), size) for symbol, size in held]


def _price(gateway: Gateway, listed: Listed) -> Decimal:
    quote = gateway.exchange.quote(listed.instrument)
    return (quote.bid + quote.ask) / 2


def _gains(gateway: Gateway, con_id: int | None) -> tuple[Decimal, Decimal]:
    unrealised = realised = ZERO
    for listed, held in _held(gateway):
        if con_id in (None, listed.con_id):
            unrealised += held * (_price(gateway, listed) - gateway.exchange.average(gateway.account, listed.instrument))
    for (account, symbol), gain in gateway.exchange.realised.items():
        if account == gateway.account and con_id in (None, gateway.catalogue.of(symbol).con_id):
            realised += gain
    return unrealised, realised


def _values(gateway: Gateway) -> list[tuple[str, str, str]]:
    """Tag, value and currency. The sum in the base currency counts other currencies at the quote of their pair, where there is one."""
    cash = gateway.balances()
    rows = [("CashBalance", format(amount, "f"), currency) for currency, amount in sorted(cash.items())]
    total = sum((amount * _rate(gateway, currency) for currency, amount in cash.items()), ZERO)
    shares = [(listed, held) for listed, held in _held(gateway) if listed.sec_type != "CASH"]
    worth = sum((held * _price(gateway, listed) * _rate(gateway, listed.currency) for listed, held in shares), ZERO)
    net = (total + worth).quantize(CENT)
    rows.append(("CashBalance", format(total.quantize(CENT), "f"), "BASE"))
    for tag, value in (("NetLiquidation", net), ("TotalCashValue", total.quantize(CENT)), ("AvailableFunds", total.quantize(CENT)),
                       ("BuyingPower", (total * 4).quantize(CENT)), ("GrossPositionValue", worth.quantize(CENT))):  # fmt: skip
        rows.append((tag, format(value, "f"), BASE))
    rows.append(("AccountType", "INDIVIDUAL", ""))
    return rows


def _rate(gateway: Gateway, currency: str) -> Decimal:
    if currency == BASE:
        return Decimal(1)
    for one in gateway.catalogue:
        if one.sec_type == "CASH" and {one.symbol, one.currency} == {currency, BASE}:
            price = _price(gateway, one)
            return price if one.symbol == currency else 1 / price
    return ZERO


def _details(one: Listed, request: int, version: int) -> bytes:
    """Message 10."""
    head: list[object] = [10] if version >= 164 else [10, 8]
    head += [
        request,
        one.symbol,
        one.sec_type,
        "",
        "0",
        "",
        one.exchange,
        one.currency,
        one.local_symbol,
        one.trading_class,
        one.trading_class,
    ]
    head += [one.con_id, one.tick] if version >= 164 else [one.con_id, one.tick, 1]
    venues = ",".join(dict.fromkeys(name for name in (one.exchange, one.primary) if name))
    head += ["", one.order_types, venues, 1, 0, one.name, one.primary, "", "", "", "", one.zone, "", "", "", "", 0]
    head += [1, "", "", "26", "", "COMMON" if one.sec_type == "STK" else ""]
    if version == 163:
        head.append(one.step)
    if version >= 164:
        head += [one.minimum, one.step, one.step]
    return frame(*head)
