"""The records that the kernel reads and writes: structured arrays, so that one argument carries many fields into compiled code.

Quantities are whole lots (int64), signed where a side is not stated; prices and money are float64 in the instrument's currency;
rows are positions in the market's time axis. Codes are small integers that stand here once, for the kernel and for people.
ORDER, FILL and POSTING have no padding: the kernel writes every byte of a row, so that logs need not be zeroed and equal logs are equal to
the byte.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Order kinds, times in force, when, and states
MARKET, LIMIT, STOP, STOP_LIMIT, TRAILING_STOP, TAKE_PROFIT = range(6)
GTC, DAY, IOC, FOK = range(4)
ANY_TIME, ON_OPEN, ON_CLOSE = range(3)
WAITING, WORKING, FILLED, CANCELLED, EXPIRED, REFUSED = range(6)  # WAITING: not there yet (latency), or for its parent's fill
KINDS = ("market", "limit", "stop", "stop_limit", "trailing_stop", "take_profit")
TIMES_IN_FORCE = ("gtc", "day", "ioc", "fok")
WHENS = ("any", "open", "close")
STATUSES = ("waiting", "working", "filled", "cancelled", "expired", "refused")

# Why an order ended without filling whole
NO_REASON, NO_CASH, NO_PRICE, BELOW_MINIMUM, DELISTED, OCO, PARENT_ENDED = range(7)
NOT_REDUCING, ASKED, MARGIN_CALL, NO_SHORT, NOT_TRADABLE = range(7, 12)
REASONS = (
    "", "cash", "no price", "below minimum", "delisted", "other side filled", "parent ended", "would not reduce", "asked", "margin call",
    "no short sale", "not tradable",
)  # fmt: skip

ORDER = np.dtype(
    [
        ("id", "i8"),  # from 1, in order of decision
        ("parent", "i8"),  # the order whose fill starts this one (bracket); 0: none
        ("group", "i8"),  # one cancels other: orders of one group; 0: none
        ("decided_row", "i8"),  # the bar at whose close it was decided, -1: before the first
        ("working_row", "i8"),  # the first bar in which it may fill
        ("expires_row", "i8"),  # the bar with which its time in force ended, -1: it has not
        ("quantity", "i8"),  # lots, positive
        ("filled", "i8"),  # lots
        ("limit", "f8"),  # NaN: none
        ("stop", "f8"),  # NaN: none; moves for a trailing stop
        ("trail", "f8"),  # distance of a trailing stop: price, or fraction with is_trail_fraction
        ("tag", "i8"),  # the strategy's own number
        ("inside_row", "i8"),  # the bar inside which its parent filled: no limit of it is touched there; -1: none
        ("instrument", "i4"),
        ("book", "i4"),  # whose: position of the strategy in a portfolio
        ("side", "i1"),  # +1 buy, -1 sell
        ("kind", "i1"),
        ("tif", "i1"),
        ("when", "i1"),
        ("status", "i1"),
        ("reason", "i1"),
        ("is_trail_fraction", "i1"),
        ("is_reduce_only", "i1"),
        ("is_target", "i2"),  # made by sizing a target: trimmed to the cash there is instead of refused
        ("is_triggered", "i2"),  # of a stop-limit: its stop was touched, so it is a limit now
        ("rank", "i4"),  # within its bar: 0 it reduces a position and goes first, 1 it does not, 2 it had its turn
    ],
    align=True,
)

# How a fill came about
AT_OPEN, AT_LIMIT, AT_STOP, AT_CLOSE, AT_DELISTING, AT_LIQUIDATION = range(6)
TOUCHES = ("open", "limit", "stop", "close", "delisting", "liquidation")

FILL = np.dtype(
    [
        ("order", "i8"),  # 0: none (a delisting)
        ("row", "i8"),
        ("quantity", "i8"),  # lots, signed: positive bought
        ("price", "f8"),
        ("amount", "f8"),  # quantity x lot x multiplier x price, signed: what the position cost
        ("commission", "f8"),  # positive: paid
        ("slippage", "f8"),  # what spread and impact cost, within the price already; positive: lost
        ("realised", "f8"),  # profit booked by average cost, before commission
        ("instrument", "i4"),
        ("book", "i4"),
        ("touch", "i4"),
        ("is_maker", "i4"),
    ],
    align=True,
)

# What moves cash or positions besides fills
SPLIT, DIVIDEND, DELISTING, RENAME, FUNDING, FINANCING, BORROW, INTEREST, CASH_IN_LIEU, EXCHANGE = range(10)
EVENTS = (
    "split", "dividend", "delisting", "rename", "funding", "financing", "borrow", "interest", "cash in lieu", "exchange"
)  # fmt: skip

EVENT = np.dtype([("row", "i8"), ("instrument", "i4"), ("kind", "i1"), ("value", "f8"), ("price", "f8")], align=True)
"""What happens before the open of `row`. value: split = new shares per old, dividend = cash per unit held at the close before,
delisting = last price paid out (NaN: the last close), funding = rate on the notional at `price` (NaN: the last close). Sorted by row and
instrument, and within both funding, dividend, split, rename, delisting (`market.events_sorted`)."""

POSTING = np.dtype(
    [
        ("row", "i8"),
        ("instrument", "i4"),  # -1: none (interest, exchange)
        ("book", "i4"),
        ("kind", "i4"),
        ("currency", "i4"),  # position in the market's currencies
        ("amount", "f8"),
        ("quantity", "i8"),
    ],
    align=True,
)
"""Cash that moved without a fill, in the posting's currency; positive: received. `quantity`: lots that a split added to the position."""

POSITION = np.dtype(
    [
        ("quantity", "i8"),  # lots, signed
        ("cost", "f8"),  # of what is held, signed as the quantity, in the instrument's currency
        ("realised", "f8"),
        ("last", "f8"),  # close of the last bar that traded, NaN before; prices the position while it is halted
        ("last_row", "i8"),  # bars before this one have been looked at for `last`
        ("open_orders", "i8"),  # lots of working and waiting target orders, signed
        ("refused", "f8"),  # the target that was refused or trimmed last, NaN: none; not tried again until it changes
        ("target", "f8"),  # the target that was followed last
        ("used", "i8"),  # lots filled in bar `used_row`, for the participation limit
        ("used_row", "i8"),
        ("slot", "i8"),  # place in the list of held instruments, -1: not held
    ],
    align=True,
)

TERMS = np.dtype(
    [
        ("lot", "f8"),
        ("tick", "f8"),  # 0: prices are not rounded
        ("multiplier", "f8"),
        ("unit", "f8"),  # lot x multiplier: value of one lot at price 1
        ("minimum_notional", "f8"),
        ("per_unit", "f8"),  # commission per unit (share, coin)
        ("per_trade", "f8"),
        ("maker", "f8"),  # fraction of the amount; may be negative
        ("taker", "f8"),
        ("minimum", "f8"),  # the per-unit part of a fill's commission is at least this
        ("maximum", "f8"),  # and at most this fraction of its amount; inf: no limit
        ("fraction_minimum", "f8"),  # the maker or taker part is at least this; -inf: no limit
        ("half_spread", "f8"),  # fraction of the price
        ("half_spread_price", "f8"),  # and a distance in price
        ("impact", "f8"),  # fraction of the price, times (share of the bar's volume) to the power of `impact_power`
        ("impact_power", "f8"),
        ("participation", "f8"),  # largest share of a bar's volume that fills; inf: no limit
        ("borrow", "f8"),  # yearly, on the value of a short position
        ("long_rate", "f8"),  # yearly financing paid on a long position's value
        ("short_rate", "f8"),  # yearly financing received on a short position's value
        ("initial_margin", "f8"),  # fraction of the value that must be there as equity to open
        ("currency", "i4"),
        ("schedule", "i4"),  # position of its turnover tiers, -1: none
        ("is_tradable", "i1"),
        ("is_slipping", "i1"),  # whether spread or impact is not zero
    ],
    align=True,
)
"""One row an instrument: its rules and what trading it costs."""

TIER = np.dtype([("schedule", "i8"), ("start", "f8"), ("maker", "f8"), ("taker", "f8"), ("days", "i8")], align=True)
"""Turnover tiers of all schedules, each rising from 0: maker and taker fractions from a turnover on."""

RULES = np.dtype(
    [
        ("latency", "i8"),  # bars between a decision and the first bar that can fill it, beside the next-open rule
        ("maintenance", "f8"),  # margin call below this fraction of the gross value, 0: never
        ("interest", "f8"),  # yearly, on positive cash
        ("debit", "f8"),  # yearly, paid on negative cash
        ("is_same_close", "i1"),  # market orders fill at the close at which they were decided
        ("is_optimistic", "i1"),  # of two touches in one bar the better one comes first; default is the worse
        ("is_cash_account", "i1"),
        ("is_rejecting", "i1"),  # targets that cost more than there is are refused instead of trimmed
        ("is_accruing", "i1"),  # whether borrow, financing or interest is not zero
        ("is_keeping_log", "i1"),  # False: the slots of ended orders and of fills are used again
        ("target_unit", "i1"),
    ],
    align=True,
)

STATE = np.dtype(
    [
        ("row", "i8"),  # the next bar to be simulated
        ("first_row", "i8"),  # the first that was
        ("orders", "i8"),  # orders there have been
        ("fills", "i8"),  # and fills
        ("postings", "i8"),
        ("active", "i8"),  # orders that wait or work; their positions in `orders` stand in Books.active, rising by id
        ("free", "i8"),  # slots of `orders` on the stack of those to be used again
        ("fresh", "i8"),  # slots of `orders` used so far
        ("held", "i8"),  # instruments with a position; they stand in Books.held
        ("event", "i8"),  # the next event
        ("sample", "i8"),  # the next row of Books.sample_rows
        ("dirty", "i8"),  # instruments whose target has to be looked at again though it did not change
        ("decided_row", "i8"),  # the row of targets that was followed last, -1: none
        ("called_row", "i8"),  # the row of the last margin call, -1: none
        ("failed_row", "i8"),  # where the account went below zero or a target was infinite, -1: nowhere
        ("failed_instrument", "i8"),  # of an infinite target, -1: the account went below zero
        ("equity", "f8"),  # at the last simulated close, base currency
        ("gross", "f8"),  # sum of |value| of positions, base currency
        ("margin", "f8"),  # what they need as equity, base currency; since the last mark at the prices of the fills
        ("commission", "f8"),  # totals in base currency, at the rate of their bar
        ("slippage", "f8"),
        ("turnover", "f8"),
        ("peak", "f8"),  # of equity
        ("trough", "f8"),  # since the peak
        ("drawdown", "f8"),  # largest before the peak, fraction; `Simulator.drawdown` has it all
        ("trips", "i8"),  # times a position came back to zero or through it
        ("linked", "i8"),  # orders with a parent or a group there have been
        ("ended", "i8"),  # orders on the active list that have ended and are to be taken off
        ("started", "i8"),  # children that their parents' fills have started, ever
    ],
    align=True,
)


class Bars(NamedTuple):
    """What the kernel reads of a market. Prices (times, instruments) C-contiguous, NaN where not traded."""

    start_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
    session: NDArray[np.int64]  # (times,) number of the session; a day order ends with it
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    rates: NDArray[np.float64]  # (times or 1, currencies) base currency per unit; column 0 is the base currency, all ones
    events: NDArray[np.void]  # EVENT
    terms: NDArray[np.void]  # TERMS
    tiers: NDArray[np.void]  # TIER
    rules: NDArray[np.void]  # RULES, one


class Books(NamedTuple):
    """What the kernel writes. Logs have room to grow: the caller enlarges them when a run says that they are full."""

    state: NDArray[np.void]  # STATE, one
    cash: NDArray[np.float64]  # (currencies,)
    positions: NDArray[np.void]  # POSITION (instruments,)
    orders: NDArray[np.void]  # ORDER
    active: NDArray[np.int64]  # positions in orders, rising by id
    free: NDArray[np.int64]  # positions in orders that may be used again
    fills: NDArray[np.void]  # FILL
    postings: NDArray[np.void]  # POSTING
    equity: NDArray[np.float64]  # (times,) at each close, or (0,): not kept
    held: NDArray[np.int64]  # (instruments,) those with a position
    dirty: NDArray[np.int64]  # (instruments,) 1: look at its target again
    chosen: NDArray[np.int64]  # (instruments,) scratch of a decision: instruments, and
    lots: NDArray[np.int64]  # (instruments,) the lots to order of each
    sample_rows: NDArray[np.int64]  # rising rows whose equity is kept in `samples`
    samples: NDArray[np.float64]
    turnover: NDArray[np.float64]  # (schedules, days) turnover per UTC day, a ring
    turnover_day: NDArray[np.int64]  # (schedules,) the last day in the ring
