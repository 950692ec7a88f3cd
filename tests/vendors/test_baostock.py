"""Baostock over a local server that speaks its protocol, and the vendor's own client talking to the same server."""

from __future__ import annotations

import json
import socketserver
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date

import polars as pl
import pytest

from tradewinds.core import instant
from tradewinds.core.errors import Missing, Rejected, TradewindsError, Transient, Unreadable
from tradewinds.core.instant import from_date
from tradewinds.core.observation import Payload, Request
from tradewinds.vendors.baostock import Baostock
from tradewinds.wire.http import HttpClient

CAPTURED_NS = 1_800_000_000_000_000_000
PART = "\1"
END = b"<![CDATA[]]>\n"
DIVIDEND_FIELDS = (
    "code,dividPreNoticeDate,dividAgmPumDate,dividPlanAnnounceDate,dividPlanDate,dividRegistDate,dividOperateDate,dividPayDate,"
    "dividStockMarketDate,dividCashPsBeforeTax,dividCashPsAfterTax,dividStocksPs,dividCashStock,dividReserveToStockPs"
)


def framed(kind: str, parts: list[str], *, packed: bool = False) -> bytes:
    body = (PART.join(parts) + "\n").encode() if packed else PART.join(parts).encode()
    body = zlib.compress(body) if packed else body
    return f"00.9.40{PART}{kind}{PART}{len(body):010d}".encode() + body + END


def bar(day: str, close: str, **more: str) -> dict[str, str]:
    plain = {"date": day, "code": "sh.600000", "open": "7.2500", "high": "7.3", "low": "7.2", "close": close, "preclose": "7.25"}
    return (
        plain | {"volume": "37707647", "amount": "273860000.5", "adjustflag": "3", "turn": "0.12", "tradestatus": "1", "isST": "0"} | more
    )


@dataclass
class Exchange:
    """What the server holds and what it was asked. `tamper` may replace an answer's bytes; None hangs up."""

    address: str = ""
    bars: list[dict[str, str]] = field(default_factory=list)
    dividends: list[list[str]] = field(default_factory=list)
    login_error: str = "0"
    query_error: str = "0"
    asked: list[list[str]] = field(default_factory=list)
    tamper: Callable[[bytes], bytes | None] = lambda content: content

    def answer(self, kind: str, parts: list[str]) -> bytes:
        if kind == "00":
            return framed("01", [self.login_error, "said", "login", parts[1]])
        if kind == "02":
            return framed("03", ["0", "success", "logout", parts[1]])
        if self.query_error != "0":
            return framed("04", [self.query_error, "refused"])
        if kind == "13":
            record = json.dumps({"record": self.dividends})
            return framed(
                "14", ["0", "success", parts[0], parts[1], parts[2], parts[3], record, parts[4], parts[5], parts[6], DIVIDEND_FIELDS]
            )
        page, size, names = int(parts[2]), int(parts[3]), parts[5].split(",")
        inside = [row for row in self.bars if parts[6] <= row["date"] <= parts[7]][(page - 1) * size : page * size]
        record = json.dumps({"record": [[row[name] for name in names] for row in inside]})
        return framed("96", ["0", "success", parts[0], parts[1], parts[2], parts[3], record, parts[4], parts[5], *parts[6:]], packed=True)


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    place = Exchange()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for line in self.rfile:
                text = line.decode().removesuffix("\n")
                said, _, checksum = text.rpartition(PART)
                assert int(checksum) == zlib.crc32(said.encode())
                kind, body = said[8:10], said[21:]
                assert int(said[11:21]) == len(body)
                place.asked.append([kind, *body.split(PART)])
                content = place.answer(kind, body.split(PART))
                content = content if kind in ("00", "02") else place.tamper(content)
                if content is None:
                    return
                self.wfile.write(content)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    place.address = f"tcp://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield place
    server.shutdown()
    server.server_close()
    thread.join()


def request(*instruments: str, dataset: str = "bars-1d", first: date = date(2022, 1, 4), end: date = date(2022, 2, 1)) -> Request:
    return Request(dataset, instruments, from_date(first), from_date(end), CAPTURED_NS)


def fetched(vendor: Baostock, asked: Request) -> tuple[list[Payload], pl.DataFrame]:
    payloads = [payload for pull in vendor.plan(asked) for payload in vendor.capture(pull)]
    return payloads, pl.concat([vendor.parse(payload) for payload in payloads])


def test_unadjusted_bars_come_in_pages_and_their_bytes_as_they_were_sent(http: HttpClient, exchange: Exchange) -> None:
    exchange.bars = [bar("2022-01-04", "7.27"), bar("2022-01-05", "7.33"), bar("2022-01-06", "7.30")]
    vendor = Baostock(http, base_url=exchange.address, options={"page": "2"})

    payloads, rows = fetched(vendor, request("600000.XSHG"))

    assert rows["close"].to_list() == [7.27, 7.33, 7.30]
    assert [payload.pull.params["page"] for payload in payloads] == ["1", "2"]
    assert all(payload.content.endswith(END) and payload.content[8:10] == b"96" for payload in payloads)
    row = rows.row(0, named=True)
    assert (row["instrument"], row["open"], row["volume"], row["quote_volume"]) == ("600000.XSHG", 7.25, 37707647.0, 273860000.5)
    assert instant.text(row["start_ns"]) == "2022-01-04T01:30:00Z"
    assert instant.text(row["event_ns"]) == "2022-01-04T07:00:00Z"
    assert instant.text(row["known_ns"]) == "2022-01-04T09:30:00Z"
    assert [asked[0] for asked in exchange.asked] == ["00", "95", "95", "02"]
    assert exchange.asked[1][5] == "sh.600000"
    assert exchange.asked[1][7:] == ["2022-01-04", "2022-01-31", "d", "3"]


def test_suspended_and_unfinished_days_are_no_bars(http: HttpClient, exchange: Exchange) -> None:
    exchange.bars = [bar("2022-01-04", "7.27", tradestatus="0", volume="", amount=""), bar("2022-01-05", "7.33")]
    vendor = Baostock(http, base_url=exchange.address)

    payloads, rows = fetched(vendor, request("600000.XSHG"))
    afternoon = Payload(payloads[0].pull, payloads[0].content, instant.parse("2022-01-05T09:00:00Z"))

    assert rows["close"].to_list() == [7.33]
    assert vendor.parse(afternoon).height == 0


def test_dividends_and_bonus_shares_are_known_from_their_announcement(http: HttpClient, exchange: Exchange) -> None:
    empty = [""] * 14
    exchange.dividends = [
        [
            "sh.600000",
            "",
            "2016-04-28",
            "2016-04-07",
            "2016-06-17",
            "2016-06-22",
            "2016-06-23",
            "2016-06-23",
            "",
            "0.515",
            "0.4",
            "0.1",
            "text",
            "0.0",
        ],
        [*empty[:3], "2016-08-01", *empty[4:9], "0.1", *empty[10:]],  # announced, not yet executed
    ]
    vendor = Baostock(http, base_url=exchange.address)

    _, rows = fetched(vendor, request("600000.XSHG", dataset="corporate-actions", first=date(2016, 1, 1), end=date(2016, 12, 31)))

    assert rows.select("kind", "value", "currency").rows() == [("dividend", 0.515, "CNY"), ("split", 1.1, None)]
    assert instant.text(rows["start_ns"][0]) == "2016-06-23T01:30:00Z"
    assert instant.text(rows["known_ns"][0]) == "2016-04-07T16:00:00Z"
    assert exchange.asked[1] == ["13", "query_dividend_data", "anonymous", "1", "2000", "sh.600000", "2016", "operate"]


def test_shenzhen_is_asked_for_by_its_own_prefix_and_other_instruments_are_refused(http: HttpClient) -> None:
    vendor = Baostock(http, base_url="tcp://127.0.0.1:1")

    assert vendor.plan(request("000001.XSHE"))[0].params["code"] == "sz.000001"
    with pytest.raises(Rejected, match=r"instrument 'AAPL.XNAS', expected six digits"):
        vendor.plan(request("AAPL.XNAS"))
    with pytest.raises(Rejected, match=r"address 'http://x', expected tcp://host:port"):
        Baostock(http, base_url="http://x")


@pytest.mark.parametrize(
    ("login", "query", "error", "message"),
    [
        ("10001005", "0", Transient, r"600000.XSHG login: error 10001005 said"),
        ("10001011", "0", Rejected, r"login: error 10001011"),
        ("10001004", "0", Rejected, r"expected the client version that the server wants"),
        ("0", "10004011", Missing, r"baostock bars-1d 600000.XSHG: error 10004011 refused"),
        ("0", "10002007", Transient, r"error 10002007"),
        ("0", "10005001", Transient, r"error 10005001"),
        ("0", "10004006", Rejected, r"error 10004006"),
    ],
)
def test_the_servers_error_codes_say_what_to_do_next(
    http: HttpClient, exchange: Exchange, login: str, query: str, error: type[TradewindsError], message: str
) -> None:
    exchange.login_error, exchange.query_error = login, query

    with pytest.raises(error, match=message):
        fetched(Baostock(http, base_url=exchange.address), request("600000.XSHG"))


@pytest.mark.parametrize(
    ("tamper", "error", "message"),
    [
        (lambda content: None, Transient, r"closed by 127.0.0.1 after 0 bytes, expected a whole answer"),
        (lambda content: content[:30] + content[40:], Unreadable, r"expected zlib|ends early"),
        (lambda content: b"<html>sorry</html>" + END, Unreadable, r"expected an answer of the protocol"),
        (lambda content: framed("96", ["0", "success"], packed=True), Unreadable, r"with 2 fields, expected rows"),
    ],
)
def test_an_answer_cut_short_or_not_of_the_protocol_is_told_apart(
    http: HttpClient, exchange: Exchange, tamper: Callable[[bytes], bytes | None], error: type[TradewindsError], message: str
) -> None:
    exchange.bars = [bar("2022-01-04", "7.27")]
    exchange.tamper = tamper

    with pytest.raises(error, match=message):
        fetched(Baostock(http, base_url=exchange.address), request("600000.XSHG"))


def test_a_server_that_is_not_there_is_transient(http: HttpClient) -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler, bind_and_activate=False) as nobody:
        nobody.server_bind()  # bound and not listening: nobody else can take the port
        port = nobody.server_address[1]
        with pytest.raises(Transient, match=r"expected a connection to 127.0.0.1"):
            fetched(Baostock(http, base_url=f"tcp://127.0.0.1:{port}"), request("600000.XSHG"))


def test_an_unreadable_price_is_named(http: HttpClient, exchange: Exchange) -> None:
    exchange.bars = [bar("2022-01-04", "7.27"), bar("2022-01-05", "7,3x")]

    with pytest.raises(Unreadable, match=r"baostock bars-1d 600000.XSHG line 2: close '7,3x', expected a number"):
        fetched(Baostock(http, base_url=exchange.address), request("600000.XSHG"))


def test_a_span_without_bars_has_no_rows(http: HttpClient, exchange: Exchange) -> None:
    payloads, rows = fetched(Baostock(http, base_url=exchange.address), request("600000.XSHG"))

    assert (len(payloads), rows.height) == (1, 0)


@pytest.mark.filterwarnings("ignore")
def test_the_vendors_own_client_reads_the_same_bars_from_this_server(
    http: HttpClient, exchange: Exchange, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    library = pytest.importorskip("baostock")
    context = pytest.importorskip("baostock.common.context")
    constants = pytest.importorskip("baostock.common.contants")
    monkeypatch.setattr(constants, "BAOSTOCK_SERVER_IP", "127.0.0.1")
    monkeypatch.setattr(constants, "BAOSTOCK_SERVER_PORT", int(exchange.address.rpartition(":")[2]))
    exchange.bars = [bar("2022-01-04", "7.27"), bar("2022-01-05", "7.33")]
    _, ours = fetched(Baostock(http, base_url=exchange.address), request("600000.XSHG"))

    login = library.login()
    answer = library.query_history_k_data_plus("sh.600000", "date,close", "2022-01-04", "2022-01-31", frequency="d", adjustflag="3")
    theirs = []
    while answer.error_code == "0" and answer.next():
        theirs.append(answer.get_row_data())
    library.logout()
    context.default_socket.close()

    assert login.error_code == "0"
    assert theirs == [["2022-01-04", "7.27"], ["2022-01-05", "7.33"]]
    assert ours["close"].to_list() == [float(row[1]) for row in theirs]
    assert "login success" in capsys.readouterr().out
    first, second = ([asked for asked in exchange.asked if asked[0] == "95"][at] for at in (0, 1))
    assert (first[1], first[5], first[7:]) == (second[1], second[5], second[7:])
