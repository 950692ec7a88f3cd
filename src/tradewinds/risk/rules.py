"""The rules, each a function of one order and one scope: None where it passes, else what is wrong, in words.

A rule that an order may break because it lessens risk begins with `if view.is_exit`. Where something that a rule needs is not known
(a price, equity), it does not pass: unknown is not zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from tradewinds.core.instant import text
from tradewinds.core.order import OrderTerms
from tradewinds.risk import static
from tradewinds.risk.bounds import NS, Limits
from tradewinds.risk.memory import UNSENT_S, Marks, Memory, Messages, ScopeKey
from tradewinds.risk.situation import Exposure, WideSituation
from tradewinds.risk.standing import EXACT

IsOpen = Callable[[str, int], bool | None]


@dataclass(slots=True)  # not frozen, as View: made for each judgement, and a frozen one takes three times as long to make
class Case:
    """One order before the gate. unit: base currency per unit at the last price. notional: at the dearest of last and own prices.

    approved_ns: when the very same order was last approved.
    """

    strategy: str
    terms: OrderTerms
    now_ns: int
    day_start_ns: int
    situation: WideSituation
    memory: Memory
    currency: str
    is_open: IsOpen | None
    price: Decimal | None
    unit: Decimal | None
    notional: Decimal | None
    is_buy: bool
    signed: Decimal
    approved_ns: int | None


@dataclass(slots=True)
class Part:
    """The account (strategy None) or a strategy's part of it as the order finds it. Units, signed.

    before, after: the position when everything on the order's side filled, without it and with it. more: what it adds on its side, less
    what it replaces there. high, low: without it, when everything bought filled, or everything sold. here, there: what the instrument adds
    to gross exposure, without the order and with it.
    """

    strategy: str | None
    before: Decimal
    after: Decimal
    more: Decimal
    high: Decimal
    low: Decimal
    is_exit: bool
    here: Decimal
    there: Decimal
    exposure: Exposure | None
    equity: Decimal | None


@dataclass(slots=True)
class View:
    """The order as one scope sees it. owner: whose limit it is, in words."""

    key: ScopeKey
    owner: str
    limits: Limits
    part: Part
    is_exit: bool

    @property
    def is_instrument(self) -> bool:
        return self.key[0] == "instrument"


Rule = Callable[[Case, View], str | None]


def restricted(case: Case, view: View) -> str | None:
    if case.terms.instrument in view.limits.restricted:
        return f"it is on the restricted list of {view.owner}"
    return None


def duplicate(case: Case, view: View) -> str | None:
    window = view.limits.duplicate_window_s
    before = case.approved_ns
    if window is None or before is None or case.now_ns - before >= int(window * NS):
        return None
    return f"the same order was approved at {text(before)}, {view.owner} allows it again after {shown(window)} s"


def hours(case: Case, view: View) -> str | None:
    if case.terms.when == "open":
        return None
    is_open = None if case.is_open is None else case.is_open(case.terms.instrument, case.now_ns)
    if is_open is None:
        return f"its sessions are not known, {view.owner} trades in them only"
    return None if is_open else f"no session is under way at {text(case.now_ns)}, {view.owner} trades in sessions only"


def stale(case: Case, view: View) -> str | None:
    if view.is_exit:
        return None
    at = case.situation.price_ns(case.terms.instrument)
    oldest = view.limits.price_age_max_s
    assert oldest is not None
    if case.price is None or at is None:
        return f"no price is known, {view.owner} wants one of the last {shown(oldest)} s"
    if abs(case.now_ns - at) <= int(oldest * NS):
        return None
    return f"the last price is of {text(at)}, {view.owner} wants one of the last {shown(oldest)} s"


def collar(case: Case, view: View) -> str | None:
    fraction = view.limits.collar
    assert fraction is not None
    terms = case.terms
    if case.price is None:
        is_free = view.is_exit and terms.limit is None and terms.stop is None
        return None if is_free else f"no price is known to compare with, {view.owner} has a price collar"
    room = abs(EXACT.multiply(case.price, fraction))
    for name, price in (("limit", terms.limit), ("stop", terms.stop)):
        if price is not None and static.is_above(abs(EXACT.subtract(price, case.price)), room):
            return f"{name} {shown(price)}, {view.owner} allows {percent(fraction)} around the last price {shown(case.price)}"
    if terms.trail is not None and static.is_above(terms.trail, room):
        return f"trail {shown(terms.trail)}, {view.owner} allows {percent(fraction)} of the last price {shown(case.price)}"
    return None


def quantity(case: Case, view: View) -> str | None:
    limit = view.limits.quantity_max
    assert limit is not None
    if not static.is_above(case.terms.quantity, limit):
        return None
    return f"{shown(case.terms.quantity)} units, the limit of {view.owner} is {shown(limit)}"


def notional(case: Case, view: View) -> str | None:
    limit = view.limits.notional_max
    assert limit is not None
    amount = case.notional
    if amount is None:
        return None if view.is_exit else f"its notional is not known for want of a price, the limit of {view.owner} is {money(case, limit)}"
    if not static.is_above(amount, limit):
        return None
    return f"notional {money(case, amount)}, the limit of {view.owner} is {money(case, limit)}"


def long_only(case: Case, view: View) -> str | None:
    if case.is_buy or view.is_exit or view.part.after >= 0:
        return None
    return f"it would leave {shown(view.part.after)} units, {view.owner} may only be long"


def position(case: Case, view: View) -> str | None:
    limit = view.limits.position_max
    assert limit is not None
    if view.is_exit or not static.is_beyond(view.part.after, view.part.before, limit):
        return None
    return f"position of {shown(view.part.after)} units with what works, the limit of {view.owner} is {shown(limit)}"


def gross(case: Case, view: View) -> str | None:
    limit = view.limits.gross_max
    assert limit is not None
    return _size(case, view, "gross exposure", limit, lambda: money(case, limit))


def net(case: Case, view: View) -> str | None:
    limit = view.limits.net_max
    assert limit is not None
    if view.is_exit:
        return None
    found, unknown = _exposure(case, view)
    if found is None or case.unit is None:
        return f"net exposure is not known ({unknown}), the limit of {view.owner} is {money(case, limit)}"
    after = EXACT.add(found.high if case.is_buy else found.low, EXACT.multiply(view.part.more, case.unit))
    if not static.is_net_beyond(after, 1 if case.is_buy else -1, limit):
        return None
    return f"net exposure {money(case, after)}, the limit of {view.owner} is {money(case, limit)}"


def leverage(case: Case, view: View) -> str | None:
    limit = view.limits.leverage_max
    assert limit is not None
    if view.is_exit:
        return None
    equity = view.part.equity
    if equity is None:
        return f"equity is not known, the leverage of {view.owner} may be {shown(limit)}"
    room = EXACT.multiply(max(equity, Decimal(0)), limit)
    return _size(
        case, view, "exposure", room, lambda: f"{money(case, room)}, {shown(limit)} times its equity of {money(case, equity)}"
    )  # fmt: skip


def concentration(case: Case, view: View) -> str | None:
    share = view.limits.concentration_max
    assert share is not None
    if view.is_exit:
        return None
    equity = view.part.equity
    if equity is None or case.unit is None:
        return f"its share of equity is not known, the limit of {view.owner} is {percent(share)}"
    limit = EXACT.multiply(max(equity, Decimal(0)), share)
    if not static.is_beyond(view.part.there, view.part.here, limit):
        return None
    return f"{money(case, view.part.there)} in one instrument, the limit of {view.owner} is {percent(share)} of {money(case, equity)}"


def day_loss(case: Case, view: View) -> str | None:
    if view.is_exit:
        return None
    equity = view.part.equity
    first = _marks(case, view).day_equity(case.day_start_ns)
    if equity is None or first is None:
        return f"the day's result of {view.owner} is not known, it has a loss limit"
    lost = EXACT.subtract(first, equity)
    amount, fraction = view.limits.day_loss_max, view.limits.day_loss_fraction_max
    if amount is not None and lost >= amount and lost > 0:
        return f"{money(case, lost)} lost since {text(case.day_start_ns)}, the limit of {view.owner} for a day is {money(case, amount)}"
    if fraction is not None and lost > 0 and lost >= EXACT.multiply(fraction, first):
        told = f"{percent(fraction)} of {money(case, first)}"
        return f"{money(case, lost)} lost since {text(case.day_start_ns)}, the limit of {view.owner} for a day is {told}"
    return None


def drawdown(case: Case, view: View) -> str | None:
    if view.is_exit:
        return None
    limit = view.limits.drawdown_max
    assert limit is not None
    equity, peak = view.part.equity, _marks(case, view).peak
    if equity is None or peak is None:
        return f"the drawdown of {view.owner} is not known, it has a limit"
    below = EXACT.subtract(peak, equity)
    if below <= 0 or below < EXACT.multiply(limit, peak):
        return None
    told = percent(below / peak) if peak > 0 else money(case, below)
    return f"equity {money(case, equity)} is {told} below its peak of {money(case, peak)}, the limit of {view.owner} is {percent(limit)}"


def cooldown(case: Case, view: View) -> str | None:
    count = view.limits.cooldown_losses
    assert count is not None
    exits = case.memory.exits.get(view.key)
    until = 0 if exits is None else exits.until_ns(count, int(view.limits.cooldown_s * NS))
    if view.is_exit or case.now_ns >= until:
        return None
    return f"{count} losses in a row, {view.owner} pauses until {text(until)}"


def messages(case: Case, view: View) -> str | None:
    limit = view.limits.messages_max
    assert limit is not None
    window = int(view.limits.messages_window_s * NS)
    sent = case.memory.messages.get(view.key) or Messages()
    unsent_since = case.now_ns - max(window, UNSENT_S * NS)
    if not sent.is_full(limit, case.now_ns - window, unsent_since, with_cancels=view.limits.does_count_cancels):
        return None
    return f"{limit} messages in the last {shown(view.limits.messages_window_s)} s, which is the limit of {view.owner}"


def repeats(case: Case, view: View) -> str | None:
    limit = view.limits.repeats_max
    assert limit is not None
    window = view.limits.repeats_window_s
    if view.is_exit or not case.memory.is_repeated(case.strategy, case.terms, limit, case.now_ns - int(window * NS)):
        return None
    return f"{limit} such orders were executed in the last {shown(window)} s, which is the limit of {view.owner}"


def approval(case: Case, view: View) -> str | None:
    above = view.limits.approval_above
    assert above is not None
    if view.is_exit:
        return None
    amount = case.notional
    if amount is None:
        return f"its notional is not known, {view.owner} wants a person's word above {money(case, above)}"
    return f"notional {money(case, amount)}, {view.owner} wants a person's word above {money(case, above)}" if amount > above else None


# name, the limits that switch it on, the rule; judged in this order
ALL: tuple[tuple[str, tuple[str, ...], Rule], ...] = (
    ("restricted", ("restricted",), restricted),
    ("duplicate", ("duplicate_window_s",), duplicate),
    ("hours", ("is_in_hours_only",), hours),
    ("stale price", ("price_age_max_s",), stale),
    ("collar", ("collar",), collar),
    ("quantity", ("quantity_max",), quantity),
    ("notional", ("notional_max",), notional),
    ("long only", ("is_long_only",), long_only),
    ("position", ("position_max",), position),
    ("gross", ("gross_max",), gross),
    ("net", ("net_max",), net),
    ("leverage", ("leverage_max",), leverage),
    ("concentration", ("concentration_max",), concentration),
    ("day loss", ("day_loss_max", "day_loss_fraction_max"), day_loss),
    ("drawdown", ("drawdown_max",), drawdown),
    ("cool-down", ("cooldown_losses",), cooldown),
    ("message rate", ("messages_max",), messages),
    ("repeats", ("repeats_max",), repeats),
    ("approval", ("approval_above",), approval),
)
_EACH_SCOPE_OF_ITS_OWN = {"leverage", "day loss", "drawdown"}  # of an instrument there is no equity


def active(limits: Limits, kind: str) -> tuple[tuple[str, Rule], ...]:
    """The rules that these limits switch on in a scope of this kind."""
    on = [(name, rule) for name, keys, rule in ALL if any(getattr(limits, key) not in (None, False, frozenset()) for key in keys)]
    return tuple((name, rule) for name, rule in on if kind != "instrument" or name not in _EACH_SCOPE_OF_ITS_OWN)


def shown(number: Decimal) -> str:
    """A number as a person reads it: 350,000 and 0.00000812."""
    plain = number.normalize()
    return f"{plain:,f}" if plain else "0"


def percent(fraction: Decimal) -> str:
    return f"{shown((fraction * 100).quantize(Decimal('0.01')))} %"


def money(case: Case, amount: Decimal) -> str:
    """An amount of base currency, rounded for reading where it is long."""
    brief = amount.quantize(Decimal("0.01")) if abs(amount) >= 1 and abs(amount) < Decimal("1e20") else amount
    return f"{shown(brief)} {case.currency}".strip()


def _marks(case: Case, view: View) -> Marks:
    return case.memory.marks.get(view.part.strategy) or Marks()


def _exposure(case: Case, view: View) -> tuple[Exposure | None, str]:
    """The exposure of the scope before the order, or None and why not."""
    if view.is_instrument:
        if case.unit is None:
            return None, "it has no price"
        high, low = EXACT.multiply(view.part.high, case.unit), EXACT.multiply(view.part.low, case.unit)
        return Exposure(static.worst_size(high, low), high, low), ""
    found = view.part.exposure
    if found is None:
        return None, "nobody keeps count"
    return (None, f"{found.unpriced} has no price") if found.unpriced else (found, "it has no price")


def _size(case: Case, view: View, what: str, limit: Decimal, told: Callable[[], str]) -> str | None:
    """The gross exposure of the scope against an amount."""
    if view.is_exit:
        return None
    found, unknown = _exposure(case, view)
    if found is None or case.unit is None:
        return f"{what} is not known ({unknown}), the limit of {view.owner} is {told()}"
    after = EXACT.add(found.gross, EXACT.subtract(view.part.there, view.part.here))
    if not static.is_beyond(after, found.gross, limit):
        return None
    return f"{what} {money(case, after)}, the limit of {view.owner} is {told()}"
