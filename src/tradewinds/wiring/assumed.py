"""What is assumed of an instrument that is to be traded and that nobody registered: its kind, base, tick and lot, by its venue's habits.

A registered instrument is taken as it stands. What is assumed here is what the books need to be right (an FX pair is margined, a spot
holding is a balance of its base); the venue still refuses a quantity or price that its own filters do not allow.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from tradewinds.core.instrument import Instrument, InstrumentKind, split_id

PAIR_KINDS: dict[str, InstrumentKind] = {"OANDA": "fx", "IDEALPRO": "fx", "PAXOS": "spot"}
LISTED = ("ARCX", "XASE", "BATS")  # venues of the United States that keep the hours of New York
SYMBOL_KINDS: dict[str, InstrumentKind] = {"BINANCE": "spot", "BINANCE_UM": "perpetual"}
FX_TICK, FX_TICK_OF_YEN = Decimal("0.00001"), Decimal("0.001")


def with_habits(instrument: Instrument) -> Instrument:
    """The instrument with what its venue's name says of it; one whose kind is known stays as it is."""
    if instrument.kind != "other":
        return instrument
    symbol, venue = split_id(instrument.id)
    if venue in LISTED:
        return replace(instrument, kind="equity", currency="USD", calendar="XNYS")
    if venue in PAIR_KINDS:
        base, _, currency = symbol.replace("/", "_").partition("_")
        if not base or not currency:
            return instrument
        kind = PAIR_KINDS[venue]
        if kind != "fx":
            return replace(instrument, kind=kind, base=base, currency=currency)
        tick = FX_TICK_OF_YEN if "JPY" in (base, currency) else FX_TICK
        return replace(instrument, kind="fx", base=base, currency=currency, calendar="FX", tick=instrument.tick or tick, lot=Decimal(1))
    if venue in SYMBOL_KINDS and symbol.endswith(instrument.currency):
        return replace(instrument, kind=SYMBOL_KINDS[venue], base=symbol.removesuffix(instrument.currency) or None)
    return instrument
