"""Bars by HTTP: as columns, as known at a time, page by page, as Arrow, and never stale."""

from __future__ import annotations

import io
from typing import Any

import polars as pl
import pytest

from tradewinds.core.instant import NS_PER_DAY, NS_PER_HOUR, parse

BARS: dict[str, Any] = {"instrument": "AAPL.XNAS", "interval": "1d"}


def test_bars_come_as_columns_with_times_in_microseconds(furnished: Any) -> None:
    answer = furnished.ask("/bars", **BARS, start="2023-12-01", end="2023-12-03")

    assert answer.status_code == 200
    assert answer.json() == {
        "instrument": "AAPL.XNAS", "table": "history/bars-1d", "as_of": None, "adjusted": None, "rows": 2,
        "columns": {
            "start_us": [1701388800000000, 1701475200000000], "open": [100.0, 101.0], "high": [101.0, 102.0], "low": [99.0, 100.0],
            "close": [100.0, 101.0], "volume": [1000.0, 1000.0],
        },
        "next": None,
    }  # fmt: skip


def test_without_a_start_the_last_bars_come(furnished: Any) -> None:
    columns = furnished.ask("/bars", **BARS, limit=3, columns="close").json()["columns"]

    assert columns["close"] == [137.0, 138.0, 139.0]


def test_pages_over_the_edge_of_a_year_hold_every_bar_once(furnished: Any) -> None:
    closes: list[float] = []
    cursor: dict[str, str] = {}
    for _ in range(10):
        told = furnished.ask("/bars", **BARS, start="2023-12-01", limit=7, **cursor).json()
        closes += told["columns"]["close"]
        if told["next"] is None:
            break
        cursor = {"cursor": told["next"]}

    assert closes == [100.0 + at for at in range(40)]


def test_a_read_as_of_then_does_not_know_what_came_later(furnished: Any) -> None:
    told = furnished.ask("/bars", **BARS, start="2023-12-01", as_of="2023-12-04T00:30:00Z").json()

    assert told["columns"]["close"] == [100.0, 101.0]
    assert told["as_of"] == "2023-12-04T00:30:00Z"


def test_a_restatement_is_seen_by_who_asks_now_and_not_by_who_asks_as_of_before(furnished: Any) -> None:
    then = {"start": "2023-12-01", "end": "2023-12-02", "columns": "close"}
    assert furnished.ask("/bars", **BARS, **then).json()["columns"]["close"] == [100.0]

    furnished.publish("AAPL.XNAS", "2023-12-01", [99.5], lag_ns=30 * NS_PER_DAY)
    furnished.app.state.bars._stamps.clear()  # what a quarter of a second does

    assert furnished.ask("/bars", **BARS, **then).json()["columns"]["close"] == [99.5]
    assert furnished.ask("/bars", **BARS, **then, as_of="2023-12-20").json()["columns"]["close"] == [100.0]


def test_a_split_known_by_then_divides_prices_before_it_when_that_is_asked_for(furnished: Any) -> None:
    from decimal import Decimal

    from tradewinds.core.instrument import CorporateAction

    split = CorporateAction("AAPL.XNAS", "split", parse("2023-12-03"), parse("2023-12-02"), Decimal(2))
    furnished.house.ledger.add_actions([split])

    told = furnished.ask("/bars", **BARS, start="2023-12-01", end="2023-12-05", columns="close,volume", adjusted="splits").json()

    assert told["columns"]["close"] == [50.0, 50.5, 102.0, 103.0]
    assert told["columns"]["volume"] == [2000.0, 2000.0, 1000.0, 1000.0]


def test_arrow_has_the_same_bars(furnished: Any) -> None:
    answer = furnished.ask("/bars", **BARS, start="2023-12-01", limit=2, headers={"Accept": "application/vnd.apache.arrow.stream"})

    frame = pl.read_ipc_stream(io.BytesIO(answer.content))
    assert answer.headers["content-type"] == "application/vnd.apache.arrow.stream"
    assert frame["start_ns"].to_list() == [parse("2023-12-01"), parse("2023-12-02")]
    assert frame["close"].to_list() == [100.0, 101.0]


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"instrument": ""}, "expected one such as BTCUSDT.BINANCE"),
        ({"interval": "7x"}, "expected a count and one of s m h d w mo"),
        ({"limit": "0"}, "expected 1 to 10000"),
        ({"limit": "²"}, "expected 1 to 10000"),
        ({"columns": "close,secret"}, "columns: 'secret'"),
        ({"cursor": "AAAA"}, "expected `next` of the answer before"),
        ({"start": "yesterday"}, "start: 'yesterday', expected ISO 8601"),
        ({"adjusted": "up"}, "adjusted 'up'"),
        ({"unheard": "of"}, "parameter 'unheard'"),
    ],
)
def test_what_is_asked_wrongly_is_said(furnished: Any, params: dict[str, str], told: str) -> None:
    answer = furnished.ask("/bars", **{**BARS, **params})

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert told in answer.json()["detail"]


def test_bars_of_nobody_are_missing(furnished: Any) -> None:
    answer = furnished.ask("/bars", instrument="NONE.XNAS")

    assert (answer.status_code, answer.json()["title"]) == (404, "There is none")


def test_an_answer_that_is_kept_is_the_answer_that_was_computed(furnished: Any) -> None:
    first = furnished.ask("/bars", **BARS, start="2023-12-01", as_of="2024-06-01")
    kept = furnished.ask("/bars", **BARS, start="2023-12-01", as_of="2024-06-01")

    assert first.content == kept.content
    assert len(furnished.app.state.bars._responses._kept) == 1


def test_indicators_look_back_over_bars_before_their_start(furnished: Any) -> None:
    told = furnished.ask("/indicators", instrument="AAPL.XNAS", expression="sma(3)", start="2023-12-03", end="2023-12-05").json()

    assert told["columns"]["sma(3)"] == [101.0, 102.0]


def test_every_version_of_a_fact_can_be_read(furnished: Any) -> None:
    furnished.publish("AAPL.XNAS", "2023-12-01", [99.5], lag_ns=24 * NS_PER_HOUR)

    told = furnished.ask("/rows", table="bars-1d", instrument="AAPL.XNAS", end="2023-12-02", columns="close", versions=True).json()

    assert told["columns"]["close"] == [100.0, 99.5]
