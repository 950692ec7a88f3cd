"""Kline messages of the Binance stream: what to subscribe to, and what a batch of messages says.

A feed keeps the messages as they came (one per line) as a Payload, and reads that; only bars that the venue calls closed become rows.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import polars as pl

from tradewinds.core.errors import Rejected, Unreadable
from tradewinds.core.instrument import instrument_id
from tradewinds.core.market import Interval, bars, interval_of
from tradewinds.core.observation import Payload, Pull
from tradewinds.vendors.binance_venue import LAG_NS, checked_interval, checked_symbol, end_ns, times_ns, wire_interval
from tradewinds.vendors.observed import nothing, observed

BASE_URL = "wss://data-stream.binance.vision"
STREAMS_MAX = 1024
# The venue takes five messages a second; one SUBSCRIBE may name many streams.
STREAMS_PER_MESSAGE = 200
_FLOATS = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v", "quote_volume": "q", "taker_base": "V", "taker_quote": "Q"}


def stream_url(base_url: str | None = None) -> str:
    """Where combined streams are subscribed to by message."""
    return f"{(base_url or BASE_URL).rstrip('/')}/stream"


def subscriptions(symbols: Sequence[str], interval: str) -> list[str]:
    """The SUBSCRIBE messages for the klines of `symbols`. Symbols are lower-case on the stream."""
    if len(symbols) > STREAMS_MAX:
        raise Rejected(f"binance stream: {len(symbols)} symbols, expected at most {STREAMS_MAX} on one connection")
    suffix = "@kline_" + wire_interval(checked_interval(Interval(interval)))
    names = [checked_symbol(symbol).lower() + suffix for symbol in symbols]
    return [
        json.dumps({"method": "SUBSCRIBE", "params": names[at : at + STREAMS_PER_MESSAGE], "id": at // STREAMS_PER_MESSAGE + 1})
        for at in range(0, len(names), STREAMS_PER_MESSAGE)
    ]


def is_shutdown(message: str) -> bool:
    """Whether the venue announces that it will close the connection."""
    return '"serverShutdown"' in message


def is_final_bar(message: str) -> bool:
    """Whether a message carries a closed bar; quick, for the feed's inner loop."""
    return '"kline"' in message and '"x":true' in message.replace(" ", "")


def kline_payload(messages: Sequence[str], interval: str, captured_ns: int, *, venue: str = "BINANCE") -> Payload:
    """A batch of messages as they came, ready to be stored and parsed."""
    pull = Pull("binance_stream", bars(interval).name, f"stream/@kline_{wire_interval(interval)}", {"venue": venue})
    return Payload(pull, "\n".join(messages).encode(), captured_ns)


def stream_rows(payload: Payload) -> pl.DataFrame:
    """Closed bars of a batch of messages, sorted by instrument and start; replies and other events are passed over.

    Raises Unreadable for a line that is no JSON, or a kline that lacks a field.
    """
    interval = interval_of(payload.pull.dataset)
    assert interval is not None
    dataset = bars(interval)
    venue = payload.pull.params.get("venue", "BINANCE")
    found = [kline for line in payload.content.splitlines() if (kline := _closed(line, interval)) is not None]
    if not found:
        return nothing(dataset)
    try:
        columns: dict[str, list[Any]] = {
            "instrument": [instrument_id(str(kline["s"]), venue) for kline in found],
            "trades": [int(kline["n"]) for kline in found],
        }
        columns |= {name: [float(kline[key]) for kline in found] for name, key in _FLOATS.items()}
        start = times_ns(pl.Series("start_ns", [int(kline["t"]) for kline in found], pl.Int64), "binance stream kline")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise Unreadable(f"binance stream kline: {error}, expected a field with a number") from None
    table = pl.DataFrame(columns).with_columns(start)
    table = table.with_columns(end_ns(pl.col("start_ns"), interval).alias("event_ns")).sort("instrument", "start_ns", maintain_order=True)
    return observed(table, dataset, payload, lag_ns=LAG_NS, are_final=True)


def _closed(line: bytes, interval: Interval) -> dict[str, Any] | None:
    try:
        message = json.loads(line)
    except ValueError:
        raise Unreadable(f"binance stream: {line[:80]!r} is no JSON, expected a message") from None
    event = message.get("data", message) if isinstance(message, dict) else None
    if not isinstance(event, dict) or event.get("e") != "kline":
        return None
    kline = event.get("k")
    if not isinstance(kline, dict):
        raise Unreadable(f"binance stream: {line[:80]!r}, expected a kline")
    return kline if kline.get("x") is True and kline.get("i") == wire_interval(interval.name) else None
