"""The socket protocol of TWS: frames, numbers as text, and the messages that are long.

A frame is a length of four bytes, big end first, and fields that each end in a zero byte. The client opens with `API\\0` and a frame
`v157..178`; the server answers its version and the time, and from then on both send frames. Layouts depend on the version agreed on.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

from tradewinds.core.order import OrderKind, TimeInForce
from tradewinds.sandbox.exchange import VenueOrder
from tradewinds.sandbox.tws_contracts import Listed

GREETING = b"API\0"
FRAME_BYTES_MAX = 0xFFFFFF
KINDS: dict[str, OrderKind] = {"MKT": "market", "LMT": "limit", "STP": "stop", "STP LMT": "stop_limit", "TRAIL": "trailing_stop"}
TIMES: dict[str, TimeInForce] = {"DAY": "day", "GTC": "gtc", "IOC": "ioc", "FOK": "fok"}
_LENGTH = struct.Struct(">I")


def frame(*fields: object) -> bytes:
    """One message."""
    text = "\0".join([one if type(one) is str else said(one) for one in fields]) + "\0"
    body = text.encode()
    return _LENGTH.pack(len(body)) + body


def said(value: object) -> str:
    """A value as the wire has it: no exponent, true as 1, nothing as an empty text."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bool):
        return "1" if value else "0"
    return "" if value is None else str(value)


@dataclass(slots=True)
class Frames:
    """Bytes as they arrive, cut into messages. Raises ValueError for a length that no message has."""

    _rest: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> Iterator[list[str]]:
        """The messages that are whole now."""
        self._rest += data
        while True:
            if len(self._rest) < 4:
                return
            (size,) = _LENGTH.unpack_from(self._rest)
            if size > FRAME_BYTES_MAX:
                raise ValueError(f"a message of {size} bytes, expected at most {FRAME_BYTES_MAX}")
            if len(self._rest) < 4 + size:
                return
            body = bytes(self._rest[4 : 4 + size])
            del self._rest[: 4 + size]
            fields = body.decode(errors="backslashreplace").split("\0")
            yield fields[:-1] if fields[-1] == "" else fields

    def take(self, size: int) -> bytes | None:
        """The first bytes as they are, None while there are not so many."""
        if len(self._rest) < size:
            return None
        taken = bytes(self._rest[:size])
        del self._rest[:size]
        return taken

    def keep(self, data: bytes) -> None:
        """Add bytes without looking for messages."""
        self._rest += data


def moment(at_ns: int) -> str:
    """A time of an execution or bar: to the second, with its zone."""
    return _second(at_ns // 1_000_000_000)


@lru_cache(4096)
def _second(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y%m%d %H:%M:%S UTC")


@lru_cache(4096)
def contract_row(one: Listed) -> str:
    """The contract as orders, executions and positions tell it: number to trading class, without the primary exchange; several fields."""
    right = "?" if one.sec_type == "CASH" else ""
    names = one.exchange, one.currency, one.local_symbol, one.trading_class
    return joined(one.con_id, one.symbol, one.sec_type, "", "0", right, "", *names)


def joined(*fields: object) -> str:
    """Several fields as one."""
    return "\0".join([said(one) for one in fields])


@dataclass(slots=True)
class Ticket:
    """An order as the gateway keeps it, beside the exchange's: who placed it, under which numbers, and why it is held.

    order_id: of the client, 0 for one made by hand. status: "" while the exchange's says it all.
    """

    listed: Listed
    account: str
    client_id: int
    order_id: int
    perm_id: int
    action: str
    quantity: Decimal
    order_type: str
    limit: str
    aux: str
    time_in_force: str
    reference: str
    trailing_percent: str = ""
    outside_rth: str = "0"
    parent_id: str = "0"
    venue_id: int = 0
    filled: Decimal = Decimal(0)
    average: Decimal = Decimal(0)
    last_price: Decimal = Decimal(0)
    status: str = ""
    why_held: str = ""
    warning: str = ""
    ended_ns: int = 0
    ended_because: str = ""

    def venue_order(self) -> VenueOrder:
        """The order as the exchange takes it."""
        is_stop = self.order_type in ("STP", "STP LMT")
        trails = self.order_type == "TRAIL"
        return VenueOrder(
            self.account, self.reference, self.listed.instrument, "buy" if self.action == "BUY" else "sell", KINDS[self.order_type],
            self.quantity,
            Decimal(self.limit) if self.order_type in ("LMT", "STP LMT") else None, Decimal(self.aux) if is_stop else None,
            TIMES[self.time_in_force], trail=Decimal(self.aux) if trails and self.aux else None,
            trail_rate=Decimal(self.trailing_percent) / 100 if trails and not self.aux else None,
        )  # fmt: skip


def open_order(ticket: Ticket, status: str, version: int) -> bytes:
    """Message 5."""
    limit, aux = ticket.limit or "0.0", ticket.aux or "0.0"
    head = (
        5, ticket.order_id, contract_row(ticket.listed), ticket.action, ticket.quantity, ticket.order_type, limit, aux,
        ticket.time_in_force,
        "", ticket.account, "", "0", ticket.reference, ticket.client_id, ticket.perm_id, ticket.outside_rth, "0", "0", "", "", "", "", "",
    )  # fmt: skip
    profile = ("",) if version < 177 else ()
    end = (
        "0", "0", status, _MARGINS, ticket.warning, "0", "0", "0",
        "None", "", ticket.aux if ticket.order_type == "TRAIL" else "", _AFTER_TRAIL,
    )  # fmt: skip
    late = [
        *(("",) if version >= 159 else ()), *(("",) if version >= 160 else ()), *(("0",) if version >= 162 else ()),
        *(("",) * 5 if version >= 170 else ()),
    ]  # fmt: skip
    stop, percent = (ticket.aux, ticket.trailing_percent) if ticket.order_type == "TRAIL" else ("", "")
    middle = (_TO_PARENT, ticket.parent_id, _AFTER_PARENT, "0", "", stop, percent, _AFTER_PERCENT)
    return frame(*head, *profile, *middle, *end, *late)


def order_status(ticket: Ticket, status: str) -> bytes:
    """Message 3."""
    left = ticket.quantity - ticket.filled
    return frame(
        3, ticket.order_id, status, ticket.filled, left, ticket.average, ticket.perm_id, ticket.parent_id, ticket.last_price,
        ticket.client_id,
        ticket.why_held, "0",
    )  # fmt: skip


def completed_order(ticket: Ticket, status: str, version: int) -> bytes:
    """Message 101."""
    head = (
        101, contract_row(ticket.listed), ticket.action, ticket.quantity, ticket.order_type, ticket.limit or "0.0", ticket.aux or "0.0",
        ticket.time_in_force, "", ticket.account, "", "0", ticket.reference, ticket.perm_id, ticket.outside_rth, "0", "0", "", "", "", "",
    )  # fmt: skip
    profile = ("",) if version < 177 else ()
    end = (
        _TO_STATUS, status, "0", "0", "0", "", "", "", "0", "0", "", ticket.filled, "0", "0", "", "0", "0", "0",
        moment(ticket.ended_ns), ticket.ended_because,
        *(("",) * 5 if version >= 170 else ()),
    )  # fmt: skip
    return frame(*head, *profile, *end)


# Fields of an ordinary order that never differ, many as one. modelCode to deltaNeutralAuxPrice, the parent's between them:
_TO_PARENT = joined("", "", "", "", "", "0", "", "-1", "0", "", "", "", "", "", "", "0", "0", "0", "", "0", "0", "0", "")
_AFTER_PARENT = joined("0", "", "", "", "")
_AFTER_PERCENT = joined("", "", "", "0", "0", "0", "", "", "", "", "", "", "", "0", "0", "")
_MARGINS = joined(*("",) * 13)
_AFTER_TRAIL = joined("", "", "", "", "0", "", "", "", "", "0", "0", "0", "0")
# of an order that ended, modelCode to whatIf:
_TO_STATUS = joined(
    "", "", "", "", "", "0", "", "-1", "", "", "", "", "", "", "0", "0", "", "0", "0", "", "", "", "",
    "0", "", "", "", "", "0", "0", "0", "", "", "", "", "", "", "0", "0", "", "0",
)  # fmt: skip
