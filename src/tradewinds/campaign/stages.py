"""Which brokers a campaign can trade at, and how each one's stage is made."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from tradewinds.campaign.chaos import Chaos
from tradewinds.campaign.loop import Loop
from tradewinds.campaign.stage import Stage
from tradewinds.core.errors import Rejected

STAGES = {
    "direct": "tradewinds.campaign.direct:DirectStage",
    "binance": "tradewinds.campaign.at_binance:BinanceStage",
    "binance_um": "tradewinds.campaign.at_binance_um:BinanceUmStage",
    "client_portal": "tradewinds.campaign.at_client_portal:ClientPortalStage",
    "ibkr": "tradewinds.campaign.at_tws:TwsStage",
    "oanda": "tradewinds.campaign.at_oanda:OandaStage",
}
BROKERS = tuple(STAGES)


def make_stage(broker: str, loop: Loop, chaos: Chaos, *, is_wide: bool = False) -> Stage:
    """The stage of one broker, new. is_wide: more instruments, so that one whose order is in doubt leaves others to trade."""
    if broker not in STAGES:
        raise Rejected(f"campaign: broker {broker!r}, expected one of {', '.join(STAGES)}")
    module, _, name = STAGES[broker].partition(":")
    make: Callable[..., Stage] = getattr(import_module(module), name)
    return make(loop, chaos, is_wide=is_wide)


def broker_of(seed: int, brokers: tuple[str, ...] = BROKERS) -> str:
    """The seed decides."""
    return brokers[seed % len(brokers)]
