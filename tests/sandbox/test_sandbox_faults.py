"""Faults: each kind strikes what it should, as often as it should, and can be switched while the venues run."""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import Any

import httpx
import numpy as np
import pytest

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import parse
from tradewinds.sandbox.bars import DAY_MS
from tradewinds.sandbox.faults import Fault, FaultBook, fault
from tradewinds.sandbox.market import SeededMarket
from tradewinds.sandbox.server import Sandbox

DAY = "/data/spot/daily/klines/ETHUSDT/1m/ETHUSDT-1m-2025-03-01.zip"
OTHER = "/data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2025-03-01.zip"


def archive(http: httpx.Client, venues: Sandbox, path: str = DAY) -> httpx.Response:
    return http.get(venues.urls["binance_archive"] + path)


def rows(answer: httpx.Response) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(answer.content)) as found:
        return found.read(found.namelist()[0]).decode().splitlines()


def add(venues: Sandbox, http: httpx.Client, **facts: Any) -> int:
    answer = http.post(venues.urls["control"] + "/faults", json=facts)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def test_late_is_404_for_so_many_requests(own_venues: Sandbox, http: httpx.Client) -> None:
    add(own_venues, http, kind="late", symbol="ETHUSDT", times=2)
    assert [archive(http, own_venues).status_code for _ in range(3)] == [404, 404, 200]
    assert archive(http, own_venues, OTHER).status_code == 200


def test_late_is_404_until_a_time(own_venues: Sandbox, http: httpx.Client) -> None:
    add(own_venues, http, kind="late", venue="binance_archive", until="2025-03-14T13:00:00Z")
    assert archive(http, own_venues).status_code == 404
    http.post(own_venues.urls["control"] + "/clock", json={"now": "2025-03-14T13:00:00Z"})
    assert archive(http, own_venues).status_code == 200


@pytest.mark.parametrize(
    ("facts", "status", "wait", "code"),
    [
        ({"kind": "throttle", "amount": 7}, 429, "7", -1003),
        ({"kind": "ban"}, 418, "120", -1003),
        ({"kind": "error", "amount": 502}, 502, None, -1000),
        ({"kind": "error_body"}, 200, None, -1000),
        ({"kind": "not_found"}, 404, None, -1000),
    ],
)
def test_an_answer_is_refused_in_the_venues_manner(
    own_venues: Sandbox, http: httpx.Client, facts: dict[str, Any], status: int, wait: str | None, code: int
) -> None:
    add(own_venues, http, venue="binance_rest", path="/api/v3/klines", times=1, **facts)
    url = own_venues.urls["binance_rest"] + "/api/v3/"
    assert http.get(url + "time").status_code == 200
    answer = http.get(url + "klines?symbol=BTCUSDT&interval=1h")
    assert (answer.status_code, answer.headers.get("retry-after"), answer.json()["code"]) == (status, wait, code)
    assert http.get(url + "klines?symbol=BTCUSDT&interval=1h").status_code == 200


def test_a_truncated_zip_looks_whole_and_is_not(own_venues: Sandbox, http: httpx.Client) -> None:
    add(own_venues, http, kind="truncated", symbol="ETHUSDT", times=1)
    short, whole = archive(http, own_venues), archive(http, own_venues)
    assert short.status_code == 200
    assert len(short.content) == len(whole.content) // 2
    with pytest.raises(zipfile.BadZipFile):
        rows(short)


def test_a_reset_breaks_the_connection(own_venues: Sandbox, http: httpx.Client) -> None:
    add(own_venues, http, kind="reset", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        archive(http, own_venues)
    assert archive(http, own_venues).status_code == 200


def test_a_wrong_checksum_is_well_formed(own_venues: Sandbox, http: httpx.Client) -> None:
    add(own_venues, http, kind="checksum", symbol="ETHUSDT", times=1)
    content = archive(http, own_venues).content
    wrong, right = (archive(http, own_venues, DAY + ".CHECKSUM").text.split("  ") for _ in range(2))
    assert right == [hashlib.sha256(content).hexdigest(), "ETHUSDT-1m-2025-03-01.zip\n"]
    assert len(wrong[0]) == 64
    assert wrong[0] != right[0]


def test_missing_candles_are_missing_everywhere_the_venue_is_named(own_venues: Sandbox, http: httpx.Client) -> None:
    number = add(own_venues, http, kind="missing", venue="binance_*", symbol="ETHUSDT", amount=0.1, seed=5)
    archived = [int(row.split(",")[0]) // 1000 for row in rows(archive(http, own_venues))]
    asked = http.get(
        own_venues.urls["binance_rest"] + "/api/v3/klines",
        params={"symbol": "ETHUSDT", "interval": "1m", "startTime": 1740787200000, "endTime": 1740787200000 + DAY_MS - 1, "limit": 1000},
    ).json()
    assert 1200 < len(archived) < 1380
    assert [row[0] for row in asked] == archived[:1000]
    assert http.delete(own_venues.urls["control"] + f"/faults?id={number}").json() == {"cleared": 1}
    assert len(rows(archive(http, own_venues))) == 1440


def test_duplicated_candles_stand_there_twice(own_venues: Sandbox, http: httpx.Client) -> None:
    add(own_venues, http, kind="duplicated", venue="binance_archive", amount=1.0, start="2025-03-01T10:00:00Z", end="2025-03-01T10:03:00Z")
    found = rows(archive(http, own_venues))
    assert len(found) == 1443
    assert len(set(found)) == 1440


def test_a_restatement_changes_values_and_checksum_from_a_time_on(own_venues: Sandbox, http: httpx.Client) -> None:
    add(own_venues, http, kind="restated", venue="binance_archive", symbol="ETHUSDT", amount=0.01, after="2025-03-14T18:00:00Z")
    before, sum_before = archive(http, own_venues), archive(http, own_venues, DAY + ".CHECKSUM").text
    own_venues.world.clock.set(parse("2025-03-14T18:00:00Z"))
    after, sum_after = archive(http, own_venues), archive(http, own_venues, DAY + ".CHECKSUM").text
    assert sum_after.split()[0] == hashlib.sha256(after.content).hexdigest() != sum_before.split()[0]
    changed = [(one.split(","), two.split(",")) for one, two in zip(rows(before), rows(after), strict=True) if one != two]
    assert 3 < len(changed) < 40
    for one, two in changed:
        assert one[:5] == two[:5]
        assert float(two[5]) > float(one[5])
        assert float(two[3]) * float(two[5]) <= float(two[7]) * 1.001 <= float(two[2]) * float(two[5]) * 1.002


def test_a_slow_answer_still_comes(own_venues: Sandbox, http: httpx.Client) -> None:
    add(own_venues, http, kind="slow", amount=0.05, times=1)
    assert http.get(own_venues.urls["binance_rest"] + "/api/v3/ping").json() == {}
    assert http.get(own_venues.urls["control"] + "/faults").json()["faults"][0]["struck"] == 1


def test_probability_is_seeded() -> None:
    struck = []
    for _ in range(2):
        book = FaultBook([Fault("error", probability=0.3, seed=11)])
        struck.append([book.strike(("error",), "oanda", "/v3", (), 0) is not None for _ in range(1000)])
    assert struck[0] == struck[1]
    assert 240 < sum(struck[0]) < 360


def test_bars_are_chosen_by_their_time_alone() -> None:
    market, book = SeededMarket(7), FaultBook([Fault("missing", amount=0.2, seed=3)])
    start = 20_000 * DAY_MS
    month = book.alter(market.minutes("LTCUSDT", start, start + 28 * DAY_MS), "binance_archive", "LTCUSDT", 0)
    day = book.alter(market.minutes("LTCUSDT", start + DAY_MS, start + 2 * DAY_MS), "binance_archive", "LTCUSDT", 0)
    assert month.between(start + DAY_MS, start + 2 * DAY_MS).start_ms.tolist() == day.start_ms.tolist()
    assert np.isclose(len(month) / (28 * 1440), 0.8, atol=0.01)


@pytest.mark.parametrize(
    ("facts", "named"),
    [
        ({"kind": "gremlin"}, "gremlin"),
        ({"venue": "oanda"}, "no kind"),
        ({"kind": "late", "colour": 1}, "colour"),
        ({"kind": "late", "times": 0}, "times 0"),
        ({"kind": "late", "probability": 1.5}, "probability 1.5"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(facts: dict[str, Any], named: str) -> None:
    with pytest.raises(Rejected, match=named):
        fault(facts)


def test_control_refuses_nonsense(own_venues: Sandbox, http: httpx.Client) -> None:
    control = own_venues.urls["control"]
    assert http.post(control + "/faults", json={"kind": "gremlin"}).status_code == 400
    assert http.post(control + "/faults", content=b"not json").status_code == 400
    assert http.post(control + "/clock", json={"now": "noon"}).status_code == 400
    assert http.post(control + "/clock", json=[1]).status_code == 400
    assert http.post(control + "/clock", json={"advance_s": "1e400"}).status_code == 400
    assert http.post(control + "/clock", json={"now": "1999-01-01"}).status_code == 400
    assert http.delete(control + "/faults?id=one").status_code == 400


def test_the_clock_is_set_and_advanced(own_venues: Sandbox, http: httpx.Client) -> None:
    control = own_venues.urls["control"] + "/clock"
    assert http.post(control, json={"now": "2025-01-01T00:00:00Z"}).json() == {
        "now": "2025-01-01T00:00:00Z",
        "now_ns": 1735689600000000000,
        "speed": 0.0,
    }
    assert http.post(control, json={"advance_s": 90}).json()["now"] == "2025-01-01T00:01:30Z"
    assert http.get(own_venues.urls["binance_rest"] + "/api/v3/time").json() == {"serverTime": 1735689690000}


def test_requests_are_counted_by_venue_and_path(own_venues: Sandbox, http: httpx.Client) -> None:
    for _ in range(3):
        http.get(own_venues.urls["binance_rest"] + "/api/v3/ping")
    http.get(own_venues.urls["coingecko"] + "/api/v3/ping")
    counted = http.get(own_venues.urls["control"] + "/requests").json()
    assert counted["total"] == 4
    assert counted["by_venue"] == {"binance_rest": 3, "coingecko": 1}
    assert counted["by_path"]["binance_rest:/api/v3/ping"] == 3
    assert http.delete(own_venues.urls["control"] + "/requests").json()["total"] == 0
