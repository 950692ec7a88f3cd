"""Live bars of the local TWS, over a real socket with the unmodified client."""

from __future__ import annotations

import asyncio

import pytest

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import NS_PER_MINUTE, parse
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.server import Sandbox
from tradewinds.vendors.ibkr_live import LiveBar, live_bars
from tradewinds.wire.stream import Gap

NOW_NS = parse("2024-06-12T15:00:00Z")


def test_closed_minutes_of_the_live_bars_are_those_of_history_and_a_cut_is_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradewinds.vendors.ibkr_live.AGAIN_S", 0.01)

    async def heard(venues: Sandbox) -> list[LiveBar | Gap]:
        found: list[LiveBar | Gap] = []
        async for one in live_bars(venues.urls["tws"], ["AAPL.XNAS", "EUR_USD.IDEALPRO"], venues.world.clock):
            found.append(one)
            bars = [each for each in found if isinstance(each, LiveBar)]
            if isinstance(one, Gap):
                venues.tws.call(lambda gateway: gateway.tick())  # both subscriptions have arrived before time moves on
                await asyncio.sleep(0.1)
                venues.world.clock.advance(121)
            elif len(bars) == 4:
                venues.tws.call(lambda gateway: gateway.go_down())
                venues.tws.call(lambda gateway: gateway.come_back())
            elif len(bars) == 6:
                break
        return found

    with Sandbox(SandboxConfig(now_ns=NOW_NS)) as venues:
        found = asyncio.run(asyncio.wait_for(heard(venues), 20))
        shares = [one for one in found if isinstance(one, LiveBar) and one.instrument == "AAPL.XNAS"]
        history = venues.tws.call(
            lambda gateway: (gateway.feed or (lambda *_: []))("AAPL.XNAS", "TRADES", 60, NOW_NS, NOW_NS + 2 * NS_PER_MINUTE)
        )

    assert [one.start_ns for one in shares[:2]] == [NOW_NS, NOW_NS + NS_PER_MINUTE]
    assert [(one.open, one.high, one.low, one.close, one.volume) for one in shares[:2]] == [
        (float(bar.open), float(bar.high), float(bar.low), float(bar.close), float(bar.volume)) for bar in history
    ]
    assert {one.volume for one in found if isinstance(one, LiveBar) and one.instrument.startswith("EUR")} == {None}
    assert [type(one) for one in found].count(Gap) == 2
    # The minute that was under way when listening began again is not whole.
    assert shares[2].start_ns == NOW_NS + 3 * NS_PER_MINUTE


def test_what_it_cannot_listen_to_is_refused() -> None:
    async def first(*names: str, length_s: int = 60, address: str = "127.0.0.1:1") -> None:
        async for _ in live_bars(address, names, Sandbox(SandboxConfig(now_ns=NOW_NS)), length_s=length_s):  # type: ignore[arg-type]  # not asked
            return

    for names, length_s in (((), 60), (("AAPL.XNAS",), 7)):
        with pytest.raises(Rejected):
            asyncio.run(first(*names, length_s=length_s))


def test_an_unknown_share_ends_it_with_its_name() -> None:
    async def run(venues: Sandbox) -> None:
        async for _ in live_bars(venues.urls["tws"], ["NOSUCH.XNAS"], venues.world.clock):
            continue

    with Sandbox(SandboxConfig(now_ns=NOW_NS)) as venues, pytest.raises(Rejected, match="NOSUCH"):
        asyncio.run(asyncio.wait_for(run(venues), 10))
