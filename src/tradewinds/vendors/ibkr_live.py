"""Live bars of TWS or Gateway: closed bars made of the venue's bars of five seconds, with a `Gap` wherever something may be missing.

A bar leaves when its last five seconds have come, or the first of a later one. The bar in which listening began is not whole; it is left
out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ib_async import IB, StartupFetchNONE

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import NS_PER_SECOND
from tradewinds.core.ports import Clock
from tradewinds.vendors.ibkr import NOT_SUBSCRIBED, address_of, contract_of, what_of
from tradewinds.wire.stream import Gap

CLIENT_ID = 28
LINES_MAX = 100
PART_S = 5
CONNECT_S, AGAIN_S, SILENCE_S = 10.0, 2.0, 60.0
DATA_LOST = 1101


@dataclass(frozen=True, slots=True)
class LiveBar:
    """A closed bar. volume: None where the venue has none."""

    instrument: str
    start_ns: int
    end_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float | None


async def live_bars(
    address: str, instruments: Sequence[str], clock: Clock, *, length_s: int = 60, client_id: int = CLIENT_ID, silence_s: float = SILENCE_S
) -> AsyncIterator[LiveBar | Gap]:
    """Until cancelled; connects again by itself. Raises Rejected for instruments, lengths and data that the venue does not give."""
    if not 1 <= len(instruments) <= LINES_MAX:
        raise Rejected(f"ibkr live: {len(instruments)} instruments, expected 1 to {LINES_MAX}")
    if length_s % PART_S or length_s <= 0:
        raise Rejected(f"ibkr live: bars of {length_s} s, expected a multiple of {PART_S} s")
    host, port = address_of(address)
    heard_ns, reason = clock.now_ns(), "listening begins"
    while True:
        ib, queue = IB(), asyncio.Queue[tuple[str, Any] | str]()
        try:
            await ib.connectAsync(host, port, client_id, CONNECT_S, readonly=True, fetchFields=StartupFetchNONE)
            _subscribe(ib, instruments, queue)
            parts: dict[str, LiveBar] = {}
            begun_ns = clock.now_ns()
            yield Gap(heard_ns, begun_ns, reason)
            while True:
                got = await asyncio.wait_for(queue.get(), silence_s)
                if isinstance(got, str):
                    if got.startswith("refused"):
                        raise Rejected(f"ibkr live: {got}")
                    reason = got
                    break
                heard_ns = clock.now_ns()
                for done in _grown(parts, *got, length_s):
                    if done.start_ns >= begun_ns:
                        yield done
        except TimeoutError:
            reason = f"nothing for {silence_s:g} s"
        except (OSError, ConnectionError) as error:
            reason = str(error) or "no connection"
        finally:
            ib.disconnect()
        await asyncio.sleep(AGAIN_S)


def _subscribe(ib: IB, instruments: Sequence[str], queue: asyncio.Queue[tuple[str, Any] | str]) -> None:
    """Every bar, and every reason to begin anew, goes to the queue."""
    names: dict[int, str] = {}

    def on_error(about: int, code: int, text: str, contract: Any) -> None:
        if code == DATA_LOST:
            queue.put_nowait(f"{code} {text}")
        elif code in (200, 321, *NOT_SUBSCRIBED) and about > 0:
            queue.put_nowait(f"refused: {names.get(about, about)}: {code} {text}")

    def on_bar(bars: Any, is_new: bool) -> None:
        if bars and bars.reqId in names:
            queue.put_nowait((names[bars.reqId], bars[-1]))
            del bars[:-1]  # the library keeps every bar for ever

    ib.errorEvent += on_error
    ib.barUpdateEvent += on_bar
    ib.disconnectedEvent += lambda: queue.put_nowait("the connection ended")
    for name in instruments:
        contract = contract_of(name)
        made = ib.reqRealTimeBars(contract, PART_S, what_of(contract).replace("AGGTRADES", "TRADES"), useRTH=False)
        names[made.reqId] = name


def _grown(parts: dict[str, LiveBar], name: str, bar: Any, length_s: int) -> list[LiveBar]:
    """Take in five seconds; the bars that are whole by them."""
    at_s = int(bar.time.timestamp())
    start_ns = at_s // length_s * length_s * NS_PER_SECOND
    end_ns = start_ns + length_s * NS_PER_SECOND
    volume = None if bar.volume < 0 else float(bar.volume)
    part, done = parts.get(name), []
    if part is not None and part.start_ns != start_ns:
        done.append(parts.pop(name))
        part = None
    if part is None:
        part = LiveBar(name, start_ns, end_ns, bar.open_, bar.high, bar.low, bar.close, volume)
    else:
        added = None if volume is None or part.volume is None else part.volume + volume
        part = replace(part, high=max(part.high, bar.high), low=min(part.low, bar.low), close=bar.close, volume=added)
    if (at_s + PART_S) * NS_PER_SECOND >= end_ns:
        parts.pop(name, None)
        done.append(part)
    else:
        parts[name] = part
    return done
