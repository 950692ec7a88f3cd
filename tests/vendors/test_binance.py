"""The friendly front: bars of a symbol between two times, from a venue on the loopback."""

from __future__ import annotations

import hashlib
import io
import json
import random
import zipfile
from datetime import UTC, date, datetime

import polars as pl
import pytest

from tradewinds.core.errors import Rejected, Transient
from tradewinds.core.instant import parse, to_date
from tradewinds.vendors import binance
from tradewinds.wire.http import HttpClient, Limits

LISTED_MS = parse("2024-01-01T12:00") // 1_000_000
MINUTE_MS = 60_000


class Standing:
    def __init__(self, text: str) -> None:
        self.at_ns = parse(text)

    def now_ns(self) -> int:
        return self.at_ns


def row(at_ms: int) -> list[object]:
    price = str(1 + (at_ms - LISTED_MS) // MINUTE_MS)
    return [at_ms, price, price, price, price, "1", at_ms + MINUTE_MS - 1, "1", 1, "1", "1", "0"]


def rest_klines(query, headers):
    """A venue that lists one symbol from 2024-01-01 12:00 on, one bar for each minute."""
    if query["symbol"] != "BTCUSDT":
        return 400, b'{"code":-1121,"msg":"Invalid symbol."}', {}
    first = max(int(query["startTime"]), LISTED_MS)
    first += -first % MINUTE_MS
    rows = [row(at) for at in range(first, min(int(query.get("endTime", 2**60)) + 1, first + int(query["limit"]) * MINUTE_MS), MINUTE_MS)]
    return 200, json.dumps(rows).encode(), {}


def archive_day(venue, day: str) -> None:
    """Serve the zip file of one day, and its checksum."""
    begin = parse(day) // 1_000_000
    lines = [",".join(str(cell) for cell in row(at)) for at in range(max(begin, LISTED_MS), begin + 1440 * MINUTE_MS, MINUTE_MS)]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"BTCUSDT-1m-{day}.csv", "\n".join(lines) + "\n")
    path = f"/data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-{day}.zip"
    venue.answer(path, buffer.getvalue())
    venue.answer(path + ".CHECKSUM", f"{hashlib.sha256(buffer.getvalue()).hexdigest()}  BTCUSDT-1m-{day}.zip\n")


@pytest.fixture
def fetch(venue):
    venue.answer("/api/v3/klines", rest_klines)

    def bars(symbol="BTCUSDT", interval="1m", start="2024-01-02", end="2024-01-03", *, now="2024-01-20T12:00"):
        with HttpClient(Standing(now), random=random.Random(1), limits=Limits(attempts_max=1)) as http:
            return binance.bars(symbol, interval, start, end, rest_url=venue.url, archive_url=venue.url, http=http)

    return bars


def test_a_day_of_minutes(fetch):
    rows = fetch()

    assert rows.columns == ["instrument", "start", "end", *binance.VALUES]
    assert rows.height == 1440
    assert rows["start"][0] == datetime(2024, 1, 2, tzinfo=UTC)
    assert rows["end"][-1] == datetime(2024, 1, 3, tzinfo=UTC)
    assert rows["close"].to_list() == [float(n) for n in range(721, 2161)]


def test_times_may_be_dates_datetimes_or_nanoseconds(fetch):
    by_text = fetch()

    assert fetch(start=date(2024, 1, 2), end=date(2024, 1, 3)).equals(by_text)
    assert fetch(start=datetime(2024, 1, 2, tzinfo=UTC), end=parse("2024-01-03")).equals(by_text)
    with pytest.raises(Rejected, match="has no time zone"):
        fetch(start=datetime(2024, 1, 2), end="2024-01-03")  # noqa: DTZ001 - the missing zone is the point


def test_bars_begin_where_the_symbol_was_listed(fetch):
    assert fetch(start="2018-01-01", end="2024-01-01T12:03")["close"].to_list() == [1.0, 2.0, 3.0]
    assert fetch(start="2018-01-01", end="2019-01-01").height == 0


def test_bars_end_with_the_last_final_one(fetch):
    rows = fetch(start="2024-01-20T11:57", end="2024-01-21", now="2024-01-20T12:00:30Z")

    assert [f"{start:%H:%M}" for start in rows["start"]] == ["11:57", "11:58", "11:59"]


def test_many_days_come_from_the_archive_and_their_edges_over_rest(fetch, venue):
    for day in range(1, 20):
        if day != 7:
            archive_day(venue, f"2024-01-{day:02d}")

    rows = fetch(start="2024-01-01T11:00", end="2024-01-20T00:10")

    assert rows.height == 18 * 1440 + 720 + 10
    assert rows["start"].diff().drop_nulls().unique().to_list() == [pl.Series([60_000_000]).cast(pl.Duration("us"))[0]]
    asked = [to_date(int(query["startTime"]) * 1_000_000).isoformat() for path, query, _ in venue.asked if path == "/api/v3/klines"]
    assert asked == ["1970-01-01", "2024-01-07", "2024-01-07", "2024-01-20"]


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ({"symbol": "BTCUSD"}, "binance klines BTCUSD: error -1121 'Invalid symbol.'"),
        ({"symbol": "btc/usdt"}, "expected capital letters"),
        ({"interval": "7m"}, "'7m', expected one of 1s 1m"),
        ({"interval": "1M"}, "'1M', expected 1mo for a month or 1m for a minute"),
        ({"interval": "minute"}, "expected a count and one of"),
        ({"start": "2024-01-03", "end": "2024-01-03"}, "is empty, expected an end after the start"),
        ({"start": "2024-01-04", "end": "2024-01-03"}, "is empty, expected an end after the start"),
        ({"start": "2030-01-01", "end": "2030-01-02"}, "lies in the future, expected a start before 2024-01-20T12:00:00Z"),
        ({"start": "yesterday"}, "expected ISO 8601"),
    ],
)
def test_an_impossible_question_is_refused(fetch, question, says):
    with pytest.raises(Rejected) as caught:
        fetch(**question)

    assert says in str(caught.value)


def test_an_unreachable_venue_is_transient(fetch, venue):
    venue.forget("/api/v3/klines")
    venue.answer("/api/v3/klines", "busy", status=503)

    with pytest.raises(Transient, match="binance klines BTCUSDT: HTTP 503"):
        fetch()


def test_without_a_client_it_makes_its_own(venue):
    venue.answer("/api/v3/klines", rest_klines)

    assert binance.bars("BTCUSDT", "1m", "2024-01-02", "2024-01-02T00:03", rest_url=venue.url).height == 3
