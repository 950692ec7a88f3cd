"""The Binance archive: which files, verified how, read into what."""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile

import polars as pl
import pytest

from tradewinds.core.errors import Missing, Rejected, Unreadable
from tradewinds.core.instant import parse
from tradewinds.core.observation import Payload, Pull, Request
from tradewinds.vendors.binance_archive import BinanceArchive, month_out_ns
from tradewinds.vendors.binance_files import archive_file

SPOT = "data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2024-12-31.zip"
MINUTE = (
    "1735603200000,100000.01,100000.03,0.00000812,100000.02,1.5,1735603259999,150000.03,7,0.5,50000.01,0",
    "1735603260000,100000.02,100000.02,100000.02,100000.02,0,1735603319999,0,0,0,0,0",
)
MINUTE_US = (
    "1735689600000000,93576.00,93610.93,93537.50,93610.93,8.21827,1735689659999999,768978.53522,2631,3.95157,369757.32652,0",
    "1735689660000000,93610.93,93652.00,93606.20,93652.00,9.95,1735689719999999,931672.0,2000,4.1,383000.5,0",
)
UM_HEADER = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"


def zipped(name: str, lines: tuple[str, ...] | bytes, *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    content = lines if isinstance(lines, bytes) else ("\n".join(lines) + "\n").encode()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def payload(locator: str, lines: tuple[str, ...] | bytes, *, dataset: str = "bars-1m", captured: str = "2026-11-20") -> Payload:
    name = locator.rpartition("/")[2].removesuffix(".zip") + ".csv"
    return Payload(Pull("binance_archive", dataset, locator), zipped(name, lines), parse(captured))


def request(start: str, end: str, *, now: str = "2024-03-20T12:00", dataset: str = "bars-1m", instruments=("BTCUSDT.BINANCE",), **params):
    return Request(dataset, tuple(instruments), parse(start), parse(end), parse(now), params)


def names(pulls: list[Pull]) -> list[str]:
    return [pull.locator.rpartition("/")[2] for pull in pulls]


@pytest.fixture
def archive(http) -> BinanceArchive:
    return BinanceArchive(http)


class TestPlan:
    def test_months_that_are_out_come_whole_and_days_bridge_to_today(self, archive):
        pulls = archive.plan(request("2024-01-01", "2024-03-20"))

        days = [f"BTCUSDT-1m-2024-03-{day:02d}.zip" for day in range(1, 20)]
        assert names(pulls) == ["BTCUSDT-1m-2024-01.zip", "BTCUSDT-1m-2024-02.zip", *days]
        assert pulls[0].locator == "data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2024-01.zip"
        assert pulls[0].checksum_locator == "data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2024-01.zip.CHECKSUM"
        assert pulls[-1].locator == "data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2024-03-19.zip"

    def test_a_month_is_out_after_the_first_monday_that_follows_it(self, archive):
        from datetime import date

        assert month_out_ns(date(2024, 2, 1)) == parse("2024-03-05")
        assert month_out_ns(date(2024, 3, 1)) == parse("2024-04-02")
        assert month_out_ns(date(2024, 12, 1)) == parse("2025-01-07")
        assert names(archive.plan(request("2024-02-01", "2024-03-01", now="2024-03-04T12:00")))[0] == "BTCUSDT-1m-2024-02-01.zip"
        assert names(archive.plan(request("2024-02-01", "2024-03-01", now="2024-03-05T00:00"))) == ["BTCUSDT-1m-2024-02.zip"]

    def test_a_few_days_of_a_month_come_as_days(self, archive):
        assert names(archive.plan(request("2024-01-30", "2024-02-02"))) == [
            "BTCUSDT-1m-2024-01-30.zip",
            "BTCUSDT-1m-2024-01-31.zip",
            "BTCUSDT-1m-2024-02-01.zip",
        ]

    def test_a_day_is_out_some_hours_after_its_end(self, archive):
        early, late = "2024-03-20T05:59", "2024-03-20T06:00"

        assert archive.plan(request("2024-03-19", "2024-03-20", now=early)) == []
        assert names(archive.plan(request("2024-03-19", "2024-03-20", now=late))) == ["BTCUSDT-1m-2024-03-19.zip"]
        assert archive.published_until(parse(late)) == parse("2024-03-20")
        assert archive.published_until(parse(early)) == parse("2024-03-19")

    def test_a_month_bar_is_named_1mo_and_has_no_daily_file(self, archive):
        pulls = archive.plan(request("2024-01-01", "2024-03-20", dataset="bars-1mo"))

        assert [pull.locator for pull in pulls] == [
            "data/spot/monthly/klines/BTCUSDT/1mo/BTCUSDT-1mo-2024-01.zip",
            "data/spot/monthly/klines/BTCUSDT/1mo/BTCUSDT-1mo-2024-02.zip",
        ]

    def test_the_venue_names_the_market(self, archive):
        pulls = archive.plan(request("2024-03-18", "2024-03-19", instruments=("BTCUSDT.BINANCE_UM", "BTCUSD_PERP.BINANCE_CM")))

        assert [pull.locator for pull in pulls] == [
            "data/futures/um/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2024-03-18.zip",
            "data/futures/cm/daily/klines/BTCUSD_PERP/1m/BTCUSD_PERP-1m-2024-03-18.zip",
        ]

    def test_trades_come_by_day_however_many(self, archive):
        pulls = archive.plan(request("2024-01-01", "2024-02-01", dataset="trades"))

        assert len(pulls) == 31
        assert pulls[0].locator == "data/spot/daily/trades/BTCUSDT/BTCUSDT-trades-2024-01-01.zip"
        assert (
            archive.plan(request("2024-01-01", "2024-01-02", dataset="agg-trades"))[0].locator
            == "data/spot/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2024-01-01.zip"
        )

    def test_only_the_days_or_only_the_months_can_be_asked(self, archive):
        assert len(archive.plan(request("2024-01-01", "2024-02-01", files="daily"))) == 31
        assert names(archive.plan(request("2024-01-30", "2024-02-01", files="monthly"))) == ["BTCUSDT-1m-2024-01.zip"]

    def test_nothing_is_planned_before_the_venue_began_or_after_now(self, archive):
        assert archive.plan(request("2010-01-01", "2017-08-17")) == []
        assert archive.plan(request("2024-04-01", "2024-05-01")) == []

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"instruments": ("BTCUSDT.XNAS",)}, "venue XNAS, expected one of BINANCE"),
            ({"instruments": ("btc/usdt.BINANCE",)}, "expected capital letters"),
            ({"dataset": "bars-7m"}, "expected one of 1s 1m"),
            ({"dataset": "quotes"}, "expected bars-<interval>, trades or agg-trades"),
            ({"files": "weekly"}, "expected both, daily or monthly"),
        ],
    )
    def test_an_impossible_question_is_refused(self, archive, changes, says):
        with pytest.raises(Rejected, match=says):
            archive.plan(request("2024-01-01", "2024-01-02", **changes))


class TestParse:
    def test_milliseconds_without_a_header(self, archive):
        rows = archive.parse(payload(SPOT, MINUTE))

        assert rows.columns[:6] == ["instrument", "start_ns", "event_ns", "known_ns", "captured_ns", "source"]
        first = rows.row(0, named=True)
        assert first["instrument"] == "BTCUSDT.BINANCE"
        assert first["start_ns"] == parse("2024-12-31T00:00:00Z")
        assert first["event_ns"] == parse("2024-12-31T00:01:00Z")
        assert first["known_ns"] == parse("2024-12-31T00:01:01Z")
        assert first["captured_ns"] == parse("2026-11-20")
        assert first["source"] == payload(SPOT, MINUTE).sha256
        assert [first[name] for name in ("open", "high", "low", "close", "volume")] == [100000.01, 100000.03, 0.00000812, 100000.02, 1.5]
        assert [first[name] for name in ("quote_volume", "trades", "taker_base", "taker_quote")] == [150000.03, 7, 0.5, 50000.01]

    def test_microseconds_join_milliseconds_without_a_gap(self, archive):
        before = archive.parse(payload(SPOT, ("1735689540000,1,1,1,1,1,1735689599999,1,1,1,1,0",)))
        after = archive.parse(payload("data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2025-01-01.zip", MINUTE_US))

        assert before["event_ns"][-1] == after["start_ns"][0] == parse("2025-01-01")
        assert after["event_ns"].to_list() == [parse("2025-01-01T00:01:00Z"), parse("2025-01-01T00:02:00Z")]

    def test_one_file_may_mix_the_units(self, archive):
        lines = (MINUTE[0], "1735603260000000,1,1,1,1,1,1735603319999999,1,1,1,1,0")

        assert archive.parse(payload(SPOT, lines))["start_ns"].diff()[1] == 60_000_000_000

    def test_futures_have_a_header(self, archive):
        locator = "data/futures/um/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2024-12-31.zip"

        rows = archive.parse(payload(locator, (UM_HEADER, *MINUTE)))

        assert rows["instrument"].unique().to_list() == ["BTCUSDT.BINANCE_UM"]
        assert rows["close"].to_list() == [100000.02, 100000.02]

    def test_coin_margined_volume_is_in_the_base_coin(self, archive):
        locator = "data/futures/cm/daily/klines/BTCUSD_PERP/1m/BTCUSD_PERP-1m-2024-12-31.zip"

        rows = archive.parse(payload(locator, ("1735603200000,100,100,100,100,50,1735603259999,0.05,7,20,0.02,0",)))

        assert rows.select("volume", "taker_base", "quote_volume", "taker_quote").row(0) == (0.05, 0.02, None, None)

    def test_a_month_ends_where_the_next_begins(self, archive):
        locator = "data/spot/monthly/klines/BTCUSDT/1mo/BTCUSDT-1mo-2024-02.zip"
        line = "1706745600000,42580,63933,41884,61130,1,1709251199999,1,1,1,1,0"

        rows = archive.parse(payload(locator, (line,), dataset="bars-1mo"))

        assert (rows["start_ns"][0], rows["event_ns"][0]) == (parse("2024-02-01"), parse("2024-03-01"))

    def test_trades_of_spot_and_of_futures(self, archive):
        spot = "data/spot/daily/trades/BTCUSDT/BTCUSDT-trades-2024-12-31.zip"
        um = "data/futures/um/daily/trades/BTCUSDT/BTCUSDT-trades-2024-12-31.zip"
        spot_lines = ("11,100.5,2,201,1735603200001,True,True", "12,100.6,1,100.6,1735603200001,False,True")
        um_lines = ("id,price,qty,quote_qty,time,is_buyer_maker", "11,100.5,2,201,1735603200001,true")

        rows = archive.parse(payload(spot, spot_lines, dataset="trades"))

        assert rows.select("id", "price", "quantity", "quote_quantity", "is_buyer_maker").rows() == [
            (11, 100.5, 2.0, 201.0, True),
            (12, 100.6, 1.0, 100.6, False),
        ]
        assert rows["start_ns"].to_list() == rows["event_ns"].to_list() == [parse("2024-12-31T00:00:00.001Z")] * 2
        assert archive.parse(payload(um, um_lines, dataset="trades"))["is_buyer_maker"].to_list() == [True]

    def test_aggregated_trades_name_their_first_and_last(self, archive):
        locator = "data/spot/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2024-12-31.zip"

        rows = archive.parse(payload(locator, ("5,100.5,2,11,13,1735603200001,True,True",), dataset="agg-trades"))

        assert rows.select("id", "price", "quantity", "first_id", "last_id", "is_buyer_maker").row(0) == (5, 100.5, 2.0, 11, 13, True)

    def test_reading_twice_gives_the_same(self, archive):
        one = payload(SPOT, MINUTE)

        assert archive.parse(one).equals(archive.parse(one))

    def test_reordered_rows_are_put_in_order_and_said(self, archive):
        rows, findings = archive.parse_with_findings(payload(SPOT, (MINUTE[1], MINUTE[0])))

        assert rows["start_ns"].is_sorted()
        assert [finding.kind for finding in findings] == ["reordered"]

    def test_an_odd_close_is_kept_and_said(self, archive):
        stub = "1735603200000,1,1,1,1,0,1735603202381,0,0,0,0,0"

        rows, findings = archive.parse_with_findings(payload(SPOT, (stub,)))

        assert len(rows) == 1
        assert [(finding.kind, finding.start_ns) for finding in findings] == [("odd_close", parse("2024-12-31"))]
        assert "2024-12-31T00:00:02.381Z" in findings[0].detail

    def test_rows_beyond_the_capture_are_left_out_and_said(self, archive):
        rows, findings = archive.parse_with_findings(payload(SPOT, MINUTE, captured="2024-12-31T00:01:30Z"))

        assert rows["start_ns"].to_list() == [parse("2024-12-31T00:00:00Z")]
        assert [finding.kind for finding in findings] == ["future"]

    def test_what_is_only_implausible_is_left_to_the_quality_check(self, archive):
        lines = (
            "1735603200000,nan,-2,1,1,9223372036854775809,1735603259999,1,1,1,1,0",
            "1735603260000,1,1,1,1,36893488147419103232,1735603319999,1,1,1,1,0",
        )

        rows = archive.parse(payload(SPOT, lines))

        assert rows["open"].is_nan()[0]
        assert rows["high"][0] == -2.0
        assert rows["volume"].to_list() == [9223372036854775809.0, 36893488147419103232.0]

    @pytest.mark.parametrize(
        ("lines", "says"),
        [
            (b"", "no rows|last line"),
            (("1735603200000,1,1,1",), "4 columns, expected 12"),
            ((MINUTE[0], MINUTE[1][:40]), "is cut, expected 12 cells"),
            ((MINUTE[0], MINUTE[1].rpartition(",")[0]), "is cut, expected 12 cells"),
            ((MINUTE[0], "1735603260000,1,1,,1,1,1735603319999,1,1,1,1,0"), "empty cells in low"),
            ((MINUTE[0], "1735603260000,1,1,1", MINUTE[1]), "empty cells in|expected 12 columns"),
            (("1.70027E+12,1,1,1,1,1,1735603319999,1,1,1,1,0",), "expected 12 columns of numbers"),
            ((MINUTE[0], "1735603260000,one,1,1,1,1,1735603319999,1,1,1,1,0"), "`one`"),
            (("4102444800000,1,1,1,1,1,4102444859999,1,1,1,1,0",), "a row at 2100-01-01T00:00:00Z, expected within 2024-12-31"),
            (("1735516800000,1,1,1,1,1,1735516859999,1,1,1,1,0",), "a row at 2024-12-30T00:00:00Z"),
            ((UM_HEADER.replace("open,high", "high,open"), MINUTE[0]), "header 'open_time,high,open"),
            ((b"<html>error</html>\n"), "columns|header|expected"),
        ],
    )
    def test_what_is_no_such_file_is_unreadable_and_named(self, archive, lines, says):
        with pytest.raises(Unreadable, match=says) as caught:
            archive.parse(payload(SPOT, lines))

        assert str(caught.value).startswith("binance archive BTCUSDT-1m-2024-12-31: ")

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"", "0 bytes are no zip archive"),
            (b'{"code":-1121}', "no zip archive"),
            (zipped("BTCUSDT-1m-2024-12-31.csv", MINUTE)[:150], "no zip archive"),
            (zipped("BTCUSDT-1m-2024-12-30.csv", MINUTE), "archive holds BTCUSDT-1m-2024-12-30.csv, expected only"),
            (zipped("../BTCUSDT-1m-2024-12-31.csv", MINUTE), "expected only BTCUSDT-1m-2024-12-31.csv"),
        ],
    )
    def test_a_broken_archive_is_unreadable(self, archive, content, says):
        with pytest.raises(Unreadable, match=says):
            archive.parse(Payload(Pull("binance_archive", "bars-1m", SPOT), content, parse("2026-11-20")))

    def test_every_flipped_byte_of_the_data_is_noticed(self, archive):
        good = zipped("BTCUSDT-1m-2024-12-31.csv", MINUTE)
        begin = 30 + len("BTCUSDT-1m-2024-12-31.csv")
        packed = zipfile.ZipFile(io.BytesIO(good)).infolist()[0].compress_size

        for at in range(begin, begin + packed):
            bad = good[:at] + bytes([good[at] ^ 0x55]) + good[at + 1 :]
            with pytest.raises(Unreadable):
                archive.parse(Payload(Pull("binance_archive", "bars-1m", SPOT), bad, parse("2026-11-20")))

    def test_a_bomb_is_not_inflated(self, archive):
        bomb = bytearray(zipped("BTCUSDT-1m-2024-12-31.csv", b"0" * 100_000))
        at = bomb.rfind(b"PK\x01\x02") + 24
        bomb[at : at + 4] = (0xF0000000).to_bytes(4, "little")

        with pytest.raises(Unreadable, match="claims 4026531840 bytes"):
            archive.parse(Payload(Pull("binance_archive", "bars-1m", SPOT), bytes(bomb), parse("2026-11-20")))

    def test_a_stream_longer_than_stated_is_refused(self, archive):
        lie = bytearray(zipped("BTCUSDT-1m-2024-12-31.csv", MINUTE))
        at = lie.rfind(b"PK\x01\x02") + 24
        lie[at : at + 4] = (50).to_bytes(4, "little")

        with pytest.raises(Unreadable, match="has 51 bytes or a wrong CRC, expected 50"):
            archive.parse(Payload(Pull("binance_archive", "bars-1m", SPOT), bytes(lie), parse("2026-11-20")))

    def test_a_stored_member_is_read_too(self, archive):
        content = zipped("BTCUSDT-1m-2024-12-31.csv", MINUTE, method=zipfile.ZIP_STORED)

        assert len(archive.parse(Payload(Pull("binance_archive", "bars-1m", SPOT), content, parse("2026-11-20")))) == 2

    @pytest.mark.parametrize("locator", ["data/spot/daily/klines/BTCUSDT/BTCUSDT-1m-2024-12-31.zip", "x.zip", "data/spot/../klines/a.zip"])
    def test_another_path_is_refused(self, locator):
        with pytest.raises(Rejected, match="binance archive path"):
            archive_file(locator)


class TestCapture:
    def serve(self, venue, locator: str, content: bytes, checksum: str | None = None) -> None:
        venue.answer("/" + locator, content)
        line = f"{hashlib.sha256(content).hexdigest()}  {locator.rpartition('/')[2]}\n" if checksum is None else checksum
        venue.answer(f"/{locator}.CHECKSUM", line)

    def test_a_file_is_verified_and_handed_over(self, http, venue):
        archive = BinanceArchive(http, base_url=venue.url + "/")
        self.serve(venue, SPOT, zipped("BTCUSDT-1m-2024-12-31.csv", MINUTE))
        pull = archive.plan(request("2024-12-31", "2025-01-01", now="2025-01-01T12:00"))[0]

        (captured,) = archive.capture(pull)

        assert captured.pull == pull
        assert len(archive.parse(captured)) == 2
        assert archive.stated_sha256(pull) == captured.sha256

    def test_a_wrong_checksum_is_unreadable_after_a_second_look(self, http, venue):
        archive = BinanceArchive(http, base_url=venue.url)
        self.serve(venue, SPOT, b"these bytes", f"{'0' * 64}  BTCUSDT-1m-2024-12-31.zip\n")

        with pytest.raises(Unreadable, match=r"BTCUSDT-1m-2024-12-31\.zip: SHA-256 [0-9a-f]{64}, expected 0{64}"):
            list(archive.capture(Pull("binance_archive", "bars-1m", SPOT)))

        assert venue.paths().count("/" + SPOT) == 2

    def test_a_file_replaced_between_the_two_requests_is_fetched_again(self, http, venue):
        archive = BinanceArchive(http, base_url=venue.url)
        venue.answer("/" + SPOT, b"old")
        self.serve(venue, SPOT, b"new")

        assert [one.content for one in archive.capture(Pull("binance_archive", "bars-1m", SPOT))] == [b"new"]

    @pytest.mark.parametrize("line", ["", "no checksum", f"{'0' * 64}  ETHUSDT-1m-2024-12-31.zip"])
    def test_a_checksum_of_something_else_is_unreadable(self, http, venue, line):
        archive = BinanceArchive(http, base_url=venue.url)
        self.serve(venue, SPOT, b"bytes", line)

        with pytest.raises(Unreadable, match=r"expected 64 hex digits and BTCUSDT-1m-2024-12-31\.zip"):
            list(archive.capture(Pull("binance_archive", "bars-1m", SPOT)))

    def test_an_absent_checksum_is_unreadable_and_an_absent_file_is_missing(self, http, venue):
        archive = BinanceArchive(http, base_url=venue.url)
        venue.answer("/" + SPOT, b"bytes")

        with pytest.raises(Unreadable, match="no CHECKSUM beside it"):
            list(archive.capture(Pull("binance_archive", "bars-1m", SPOT)))
        with pytest.raises(Missing, match=r"BTCUSDT-1m-2024-12-30\.zip: HTTP 404"):
            list(archive.capture(Pull("binance_archive", "bars-1m", SPOT.replace("12-31", "12-30"))))

    def test_a_young_month_that_is_absent_comes_as_its_days(self, http, venue):
        archive = BinanceArchive(http, base_url=venue.url)
        days = [SPOT, SPOT.replace("12-31", "12-03")]
        for locator in days:
            self.serve(venue, locator, locator.encode())
        (pull,) = archive.plan(request("2024-12-01", "2025-01-01", now="2025-01-08"))

        captured = list(archive.capture(pull))

        assert pull.locator == "data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2024-12.zip"
        assert [one.pull.locator for one in captured] == sorted(days)

    def test_an_old_month_that_is_absent_is_missing_at_once(self, http, venue):
        archive = BinanceArchive(http, base_url=venue.url)
        (pull,) = archive.plan(request("2018-01-01", "2018-02-01", now="2025-01-08"))

        with pytest.raises(Missing):
            list(archive.capture(pull))
        assert len(venue.asked) == 1

    def test_a_young_month_without_any_day_is_missing(self, http, venue):
        archive = BinanceArchive(http, base_url=venue.url)
        (pull,) = archive.plan(request("2024-12-01", "2025-01-01", now="2025-01-08"))

        with pytest.raises(Missing, match="neither the month nor any of its days"):
            list(archive.capture(pull))


@pytest.mark.shared
class TestRecorded:
    def test_a_recorded_month_of_futures_has_every_minute(self, archive, shared):
        content = gzip.decompress((shared / "crypto/binance_um_1m/AVAXUSDT-1m-2026-02.csv.gz").read_bytes())
        locator = "data/futures/um/monthly/klines/AVAXUSDT/1m/AVAXUSDT-1m-2026-02.zip"

        rows, findings = archive.parse_with_findings(payload(locator, content))

        assert len(rows) == 40320
        assert findings == []
        assert rows["start_ns"].diff().drop_nulls().unique().to_list() == [60_000_000_000]
        assert rows.select("open", "high", "low", "close", "volume").row(0) == (10.113, 10.13, 10.109, 10.128, 38521.0)

    def test_a_recorded_month_of_quiet_minutes_is_kept(self, archive, shared):
        content = gzip.decompress((shared / "crypto/binance_um_1m/FILUSDT-1m-2023-05.csv.gz").read_bytes())
        locator = "data/futures/um/monthly/klines/FILUSDT/1m/FILUSDT-1m-2023-05.zip"

        rows = archive.parse(payload(locator, content))

        assert len(rows) == 44640
        assert rows.filter((pl.col("volume") == 0) & (pl.col("trades") == 0)).height == 6

    def test_times_that_a_spreadsheet_destroyed_are_unreadable(self, archive, shared):
        content = (shared / "crypto/malformed/bbgo_BTCUSDT-1h-2023-11-18_excel_mangled.csv").read_bytes()
        locator = "data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2023-11-18.zip"

        with pytest.raises(Unreadable):
            archive.parse(payload(locator, content, dataset="bars-1h"))

    def test_a_recorded_fragment_of_spot_is_read(self, archive, shared):
        content = (shared / "crypto/malformed/nautilus_ADABTC-1m-2021-11-27.csv").read_bytes()
        locator = "data/spot/daily/klines/ADABTC/1m/ADABTC-1m-2021-11-27.zip"

        assert len(archive.parse(payload(locator, content))) == 10
