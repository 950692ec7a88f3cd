"""What a limit may say: the record of one scope (account, strategy or instrument), and how it is read from text.

Absent is None: no limit. Several scopes apply to one order; each is judged by itself, so the tightest wins.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal

from tradewinds.core.errors import Rejected
from tradewinds.core.money import decimal

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one scope. Money in the account's base currency, quantities in units, fractions as 0.05, times in seconds.

    quantity_max, notional_max: of one order. collar: how far its prices may lie from the last one, as a fraction of that.
    price_age_max_s: an older price counts as none. approval_above: a notional from which a person has to allow it, waiting
    approval_wait_s for the answer. is_long_only, is_in_hours_only, restricted (instruments that may not be traded at all).
    position_max: units held, working and ordered, either side. gross_max, net_max, leverage_max (gross to equity), concentration_max (one
    instrument to equity): of everything held, working and ordered.
    day_loss_max (amount), day_loss_fraction_max (of equity at day start), drawdown_max (fraction below the peak).
    cooldown_losses: so many losing exits in a row stop new orders for cooldown_s.
    messages_max in messages_window_s: orders sent, and cancels too with does_count_cancels. repeats_max in repeats_window_s: executed
    orders of one strategy, instrument and side. duplicate_window_s: the same order again within it is refused.
    """

    quantity_max: Decimal | None = None
    notional_max: Decimal | None = None
    collar: Decimal | None = None
    price_age_max_s: Decimal | None = None
    is_long_only: bool = False
    is_in_hours_only: bool = False
    restricted: frozenset[str] = frozenset()
    approval_above: Decimal | None = None
    approval_wait_s: Decimal = Decimal(900)
    position_max: Decimal | None = None
    gross_max: Decimal | None = None
    net_max: Decimal | None = None
    leverage_max: Decimal | None = None
    concentration_max: Decimal | None = None
    day_loss_max: Decimal | None = None
    day_loss_fraction_max: Decimal | None = None
    drawdown_max: Decimal | None = None
    cooldown_losses: int | None = None
    cooldown_s: Decimal = Decimal(3600)
    messages_max: int | None = None
    messages_window_s: Decimal = Decimal(1)
    does_count_cancels: bool = False
    repeats_max: int | None = None
    repeats_window_s: Decimal = Decimal(60)
    duplicate_window_s: Decimal | None = None

    def __post_init__(self) -> None:
        for name in (*NUMBERS, *COUNTS):
            _check(name, getattr(self, name))
        for name in FRACTIONS:
            value = getattr(self, name)
            if value is not None and value > 1:
                raise Rejected(f"limit {name}: {value}, expected a fraction from 0 to 1 such as 0.05")

    @property
    def is_empty(self) -> bool:
        """Whether it limits nothing."""
        return self == NO_LIMITS


NUMBERS = (
    "quantity_max", "notional_max", "collar", "price_age_max_s", "approval_above", "approval_wait_s", "position_max", "gross_max",
    "net_max", "leverage_max", "concentration_max", "day_loss_max", "day_loss_fraction_max", "drawdown_max", "cooldown_s",
    "messages_window_s", "repeats_window_s", "duplicate_window_s",
)  # fmt: skip
COUNTS = {"cooldown_losses": 256, "messages_max": 10_000, "repeats_max": 1_000}  # and the most that is remembered
FLAGS = ("is_long_only", "is_in_hours_only", "does_count_cancels")
FRACTIONS = ("collar", "day_loss_fraction_max", "drawdown_max")
_ABOVE_ZERO = ("price_age_max_s", "approval_wait_s", "cooldown_losses", "cooldown_s", "messages_window_s", "repeats_window_s")


def _check(name: str, value: object) -> None:
    if value is None:
        return
    kind = int if name in COUNTS else Decimal
    if not isinstance(value, kind) or isinstance(value, bool):
        raise Rejected(f"limit {name}: {value!r}, expected {'a whole number' if kind is int else 'a Decimal'}")
    if isinstance(value, Decimal) and not value.is_finite():
        raise Rejected(f"limit {name}: {value}, expected a finite number")
    if value < 0 or (name in _ABOVE_ZERO and value == 0):
        raise Rejected(f"limit {name}: {value}, expected {'more than zero' if name in _ABOVE_ZERO else 'zero or more'}")
    if isinstance(value, int) and value > COUNTS[name]:
        raise Rejected(f"limit {name}: {value}, expected at most {COUNTS[name]}")


NO_LIMITS = Limits()
NAMES = tuple(field.name for field in fields(Limits))


def limits_from(given: Mapping[str, object], what: str) -> Limits:
    """Limits from a mapping as YAML or the database gives it; raises Rejected naming an unknown key or an impossible value.

    given: numbers or their text; true or false; a list of instruments. A float of YAML is taken as it is written. what: for the message,
    such as "strategies/trend.yaml limits".
    """
    if not isinstance(given, Mapping):
        raise Rejected(f"{what}: {given!r}, expected limits by name such as notional_max: 100000")
    unknown = [str(name) for name in given if name not in NAMES]
    if unknown:
        raise Rejected(f"{what}: unknown key {unknown[0]!r}, expected one of {', '.join(NAMES)}")
    try:
        return Limits(**{name: _value(name, value, what) for name, value in given.items() if value is not None})  # type: ignore[arg-type]  # each is checked by _value
    except Rejected as error:
        raise error if str(error).startswith(what) else Rejected(f"{what}: {error}") from None


def limits_to(limits: Limits) -> dict[str, object]:
    """What `limits_from` reads back: only what differs from no limit, numbers as text."""
    found: dict[str, object] = {}
    for name in NAMES:
        value = getattr(limits, name)
        if value != getattr(NO_LIMITS, name):
            found[name] = sorted(value) if isinstance(value, frozenset) else format(value, "f") if isinstance(value, Decimal) else value
    return found


def limits_text(limits: Limits) -> str:
    """JSON that `limits_of_text` reads back; equal limits give equal text."""
    return json.dumps(limits_to(limits), sort_keys=True, separators=(",", ":"))


def limits_of_text(text: str, what: str) -> Limits:
    """Limits from `limits_text`; raises Rejected."""
    try:
        return limits_from(json.loads(text), what)
    except ValueError:
        raise Rejected(f"{what}: {text[:80]!r}, expected limits as JSON") from None


def limit_value(name: str, value: object, what: str) -> object:
    """One value as it stands in `Limits`, checked; raises Rejected. None takes the limit away."""
    return getattr(limits_from({name: value}, what), name)


def _value(name: str, value: object, what: str) -> object:
    if name in FLAGS:
        if not isinstance(value, bool):
            raise Rejected(f"{what}: {name} {value!r}, expected true or false")
        return value
    if name == "restricted":
        if not isinstance(value, list | tuple | set | frozenset) or not all(isinstance(one, str) for one in value):
            raise Rejected(f"{what}: restricted {value!r}, expected a list of instruments")
        return frozenset(value)
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise Rejected(f"{what}: {name} {value!r}, expected a number")
    number = decimal(repr(value) if isinstance(value, float) else value, what=f"{what}: {name}")
    if name not in COUNTS:
        return number
    if number != number.to_integral_value():
        raise Rejected(f"{what}: {name} {value!r}, expected a whole number")
    return int(number)
