"""Kline messages of the stream."""

from __future__ import annotations

import json

import pytest

from tradewinds.core.errors import Rejected, Unreadable
from tradewinds.core.instant import parse
from tradewinds.vendors.binance_stream import is_final_bar, is_shutdown, kline_payload, stream_rows, stream_url, subscriptions


def message(symbol="BNBBTC", start="2024-01-01", *, closed=True, interval="1m", combined=True) -> str:
    start_ms = parse(start) // 1_000_000
    kline = {"t": start_ms, "T": start_ms + 59_999, "s": symbol, "i": interval, "f": 100, "L": 200, "x": closed, "n": 100, "B": "123456"}
    kline |= {"o": "0.0010", "c": "0.0020", "h": "0.0025", "l": "0.0015", "v": "1000", "q": "1.0000", "V": "500", "Q": "0.500"}
    event = {"e": "kline", "E": start_ms + 60_001, "s": symbol, "k": kline}
    return json.dumps({"stream": f"{symbol.lower()}@kline_{interval}", "data": event} if combined else event)


CAPTURED_NS = parse("2024-01-01T00:10")


def test_only_closed_bars_become_rows():
    batch = [message(start="2024-01-01T00:01"), message(), message(start="2024-01-01T00:02", closed=False), '{"result":null,"id":1}']

    rows = stream_rows(kline_payload(batch, "1m", CAPTURED_NS))

    assert rows["start_ns"].to_list() == [parse("2024-01-01T00:00"), parse("2024-01-01T00:01")]
    first = rows.row(0, named=True)
    assert first["instrument"] == "BNBBTC.BINANCE"
    assert [first[name] for name in ("open", "high", "low", "close", "volume")] == [0.001, 0.0025, 0.0015, 0.002, 1000.0]
    assert [first[name] for name in ("quote_volume", "trades", "taker_base", "taker_quote")] == [1.0, 100, 500.0, 0.5]
    assert first["event_ns"] == parse("2024-01-01T00:01")


def test_symbols_are_sorted_and_raw_messages_are_read_too():
    batch = [message("ETHBTC", combined=False), message("ADABTC", combined=False)]

    assert stream_rows(kline_payload(batch, "1m", CAPTURED_NS))["instrument"].to_list() == ["ADABTC.BINANCE", "ETHBTC.BINANCE"]


def test_a_closed_bar_counts_from_the_moment_it_arrives():
    rows = stream_rows(kline_payload([message()], "1m", parse("2024-01-01T00:01:00.050Z")))

    assert rows["known_ns"].to_list() == [parse("2024-01-01T00:01:01Z")]


def test_another_interval_is_passed_over():
    assert stream_rows(kline_payload([message(interval="1M")], "1m", CAPTURED_NS)).is_empty()


@pytest.mark.parametrize("line", ["nonsense", '{"e":"kline"}', '{"e":"kline","k":{"x":true,"i":"1m","s":"BNBBTC"}}'])
def test_a_broken_message_is_unreadable(line):
    with pytest.raises(Unreadable, match="binance stream"):
        stream_rows(kline_payload([line], "1m", CAPTURED_NS))


def test_the_loop_of_a_feed_can_tell_messages_apart():
    assert is_final_bar(message())
    assert not is_final_bar(message(closed=False))
    assert is_shutdown('{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}')
    assert not is_shutdown(message())


def test_subscriptions_are_lower_case_and_few():
    messages = [json.loads(text) for text in subscriptions([f"S{n}USDT" for n in range(250)], "1mo")]

    assert [len(one["params"]) for one in messages] == [200, 50]
    assert messages[0]["params"][0] == "s0usdt@kline_1M"
    assert [one["id"] for one in messages] == [1, 2]
    assert stream_url("ws://127.0.0.1:1/") == "ws://127.0.0.1:1/stream"
    with pytest.raises(Rejected, match="expected at most 1024"):
        subscriptions(["BTCUSDT"] * 1025, "1m")


@pytest.mark.shared
def test_the_documented_kline_event_is_known(shared):
    examples = json.loads((shared / "api/binance/docs_examples_ws_streams.json").read_text())
    klines = [one["payload"] for one in examples if isinstance(one["payload"], dict) and one["payload"].get("e") == "kline"]

    assert klines
    for one in klines:
        assert stream_rows(kline_payload([json.dumps(one)], "1m", CAPTURED_NS)).is_empty()
