"""The structured log: lines that machines read, without secrets, found again by process, run, symbol and order."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import pytest

from tradewinds.core.instant import parse
from tradewinds.wire.log import LibraryHandler, Log, log_folder
from tradewinds.wire.log_reader import Follower, LogFilter, last_rows
from tradewinds.wire.log_redaction import redactor, redactor_of

CANARY = "canary-7f3a9c51d2"


class Standing:
    """A clock that is moved by hand."""

    def __init__(self, at: str = "2026-01-05T10:00:00Z") -> None:
        self.at_ns = parse(at)

    def now_ns(self) -> int:
        return self.at_ns


@pytest.fixture
def clock() -> Standing:
    return Standing()


def test_a_line_is_one_object_with_time_process_run_and_order(tmp_path: Path, clock: Standing) -> None:
    log = Log(tmp_path, "trade", run="r1", clock=clock)
    log.write("fill", account="main", strategy="trend", instrument="BTCUSDT.BINANCE", order="tw-1", text="buy 1 at 42000", rule=None)

    line = (log_folder(tmp_path) / "trade.jsonl").read_text()

    assert json.loads(line) == {
        "time": "2026-01-05T10:00:00Z", "level": "info", "process": "trade", "run": "r1", "event": "fill", "account": "main",
        "strategy": "trend", "instrument": "BTCUSDT.BINANCE", "order": "tw-1", "text": "buy 1 at 42000",
    }  # fmt: skip
    assert os.stat(log_folder(tmp_path) / "trade.jsonl").st_mode & 0o777 == 0o600


def test_a_planted_secret_reaches_no_line(tmp_path: Path, clock: Standing) -> None:
    kept = tmp_path / "secret"
    kept.write_text(f"{CANARY}-of-file\n")
    environment = {"TRADEWINDS_ACCOUNTS__MAIN__SECRET": CANARY, "TRADEWINDS_ACCOUNTS__MAIN__PASSWORD_FILE": str(kept), "HOME": "/home/me"}
    log = Log(tmp_path, "trade", clock=clock, redact=redactor_of(environment))

    log.write("said", text=f"GET /api/v3/account?apiKey={CANARY} refused, key {CANARY}-of-file", detail={"inner": [CANARY]}, source=CANARY)
    handler = LibraryHandler(log, logging.INFO)
    try:
        raise ValueError(f"bad key {CANARY}")
    except ValueError as error:
        handler.emit(logging.LogRecord("httpx", logging.WARNING, "f", 1, "sent %s", (CANARY,), (ValueError, error, error.__traceback__)))

    text = (log_folder(tmp_path) / "trade.jsonl").read_text()
    assert CANARY not in text
    assert text.count("***") == 6
    assert "bad key ***" in text


@pytest.mark.parametrize(
    ("given", "hidden"),
    [
        ("postgresql+psycopg2://me:pa55word@db:5432/x", "postgresql+psycopg2://me:***@db:5432/x"),
        ("Authorization: Bearer abcdefghij.klm", "Authorization: Bearer ***"),
        ("/api?symbol=BTCUSDT&signature=0a1b2c3d4e", "/api?symbol=BTCUSDT&signature=***"),
        ('{"api_key": "A1B2C3D4E5", "side": "buy"}', '{"api_key": "***", "side": "buy"}'),
        ("https://api.telegram.org/bot123456:AAF-xyz/getMe", "https://api.telegram.org/bot***/getMe"),
        ("key momentum of token BTC", "key momentum of token BTC"),
    ],
)
def test_what_looks_like_a_secret_is_hidden_though_nobody_named_it(given: str, hidden: str) -> None:
    assert redactor([])(given) == hidden


def test_lines_are_found_by_process_run_symbol_and_order(tmp_path: Path, clock: Standing) -> None:
    trade, guard = Log(tmp_path, "trade", run="r1", clock=clock), Log(tmp_path, "guard", clock=clock)
    for second, order in enumerate(["tw-1", "tw-2", "tw-1"]):
        clock.at_ns = parse(f"2026-01-05T10:00:0{second}Z")
        trade.write("order sent", instrument="BTCUSDT.BINANCE", order=order)
        clock.at_ns += 250_000_000
        guard.write("said", text="watching", level="warning")

    def found(**which: str) -> list[str]:
        return [f"{row['process']} {row['time'][17:]}" for row in last_rows(tmp_path, LogFilter(**which), 10)]

    assert found() == ["trade 00Z", "guard 00.250Z", "trade 01Z", "guard 01.250Z", "trade 02Z", "guard 02.250Z"]
    assert found(order="tw-1") == ["trade 00Z", "trade 02Z"]
    assert found(symbol="BTCUSDT") == found(symbol="BTCUSDT.BINANCE") == found(process="trade") == found(run="r1")
    assert found(symbol="BTC") == []
    assert found(level="warning") == ["guard 00.250Z", "guard 01.250Z", "guard 02.250Z"]
    assert len(last_rows(tmp_path, LogFilter(), 2)) == 2


def test_a_full_file_is_put_aside_and_nothing_is_missed_by_who_follows(tmp_path: Path, clock: Standing) -> None:
    log = Log(tmp_path, "trade", clock=clock, bytes_max=300)
    log.write("first", text="before anybody looked")
    follower = Follower(tmp_path, LogFilter())
    follower.start()

    told: list[str] = []
    for number in range(12):
        log.write(f"event {number}", text="x" * 40)
        if number % 2:
            told += [row["event"] for row in follower.news()]

    assert told == [f"event {number}" for number in range(12)]
    assert sorted(path.name for path in log_folder(tmp_path).glob("trade.jsonl*")) == [
        "trade.jsonl", "trade.jsonl.1", "trade.jsonl.2", "trade.jsonl.3", "trade.jsonl.4",
    ]  # fmt: skip
    assert [row["event"] for row in last_rows(tmp_path, LogFilter(), 3)] == ["event 9", "event 10", "event 11"]


def test_a_line_that_was_cut_off_hides_no_other(tmp_path: Path, clock: Standing) -> None:
    log = Log(tmp_path, "trade", clock=clock)
    log.write("whole")
    with log.path.open("ab") as file:
        file.write(b'{"time": "2026-01-05T1')

    assert [row["event"] for row in last_rows(tmp_path, LogFilter(), 10)] == ["whole"]


def test_a_disk_that_takes_nothing_is_counted_and_stops_nobody(tmp_path: Path, clock: Standing) -> None:
    (tmp_path / "logs").write_text("a file where the folder belongs")
    dropped: list[int] = []
    log = Log(tmp_path, "trade", clock=clock, dropped=lambda: dropped.append(1))

    log.write("fill")

    assert dropped == [1]
