"""What a trading process tells whoever watches: a scrape, the structured log, one trace from the bar to the fill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from tradewinds.wire.log_reader import LogFilter, last_rows
from tradewinds.wire.metric_table import TABLE
from tradewinds.wiring import sandbox

WITHIN_S = 60
CANARY = "canary-7f3a9c51d2"
CONFIG = """
accounts:
  main: {broker: paper, currency: USDT, limits: {quantity_max: 100}}
"""
TREND = """
from tradewinds.trading.strategy import Int, vector

@vector(parameters={"size": Int(1, 1, 9)}, lookback=2, targets="units", interval="1m", rhythm="every bar")
def trend(panel, params):
    rising = panel.close[1:] > panel.close[:-1]
    targets = panel.close * 0
    targets[1:][rising] = params.size
    return targets
"""
YAML = "strategy: trend.py\nmode: paper\ninstruments: [BTCUSDT.LOCAL]\naccount: {name: main, capital: 10000}\ncosts: [{bps: 10}]\n"


class Firm:
    """A workspace with one strategy on paper, bars of six minutes, and processes that trade it."""

    def __init__(self, folder: Path) -> None:
        self.home, self.folder = folder / "home", folder / "firm"
        (self.folder / "strategies").mkdir(parents=True)
        (self.folder / "bars").mkdir()
        (self.folder / "tradewinds.yaml").write_text(CONFIG)
        (self.folder / "strategies" / "trend.py").write_text(TREND)
        (self.folder / "strategies" / "trend.yaml").write_text(YAML)
        rows = [
            f"2026-01-01T00:{minute:02d}:00Z,{close},{close + 1},{close - 1},{close},1000"
            for minute, close in enumerate([9, 10, 11, 12, 11, 10])
        ]
        (self.folder / "bars" / "BTCUSDT.csv").write_text("\n".join(["time,open,high,low,close,volume", *rows]) + "\n")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("TRADEWINDS_", "OTEL_"))}
        self.environment = kept | {"TRADEWINDS_HOME": str(self.home), "TRADEWINDS_ACCOUNTS__MAIN__SECRET": CANARY}
        self.running: list[subprocess.Popen[str]] = []
        self.said = ""

    def tell(self, *words: str, code: int = 0) -> str:
        command = [sys.executable, "-m", "tradewinds", *words]
        done = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tradewinds", "trade"]
        process = subprocess.Popen(command, cwd=self.folder, env=self.environment, text=True, stderr=subprocess.PIPE)
        self.running.append(process)
        assert process.stderr is not None
        next(line for line in process.stderr if line.rstrip().endswith("trading"))
        return process

    def serve(self, *words: str) -> subprocess.Popen[str]:
        """A process that has said its first line."""
        command = [sys.executable, "-m", "tradewinds", *words]
        process = subprocess.Popen(
            command, cwd=self.folder, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self.running.append(process)
        assert process.stdout is not None
        self.said = process.stdout.readline()
        return process

    def scrape(self, process: str = "trade") -> dict[tuple[str, tuple[str, ...]], float]:
        """Every sample by name and its labels' values."""
        (target,) = json.loads((self.home / "metrics" / f"{process}.json").read_text())[0]["targets"]
        with urllib.request.urlopen(f"http://{target}/metrics", timeout=10) as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
        return {(one.name, tuple(one.labels[key] for key in sorted(one.labels))): one.value for each in families for one in each.samples}


@pytest.fixture
def firm(tmp_path: Path) -> Iterator[Firm]:
    made = Firm(tmp_path)
    yield made
    for process in made.running:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """The address of a local OTLP/HTTP receiver, and what it was sent."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", bodies
    server.shutdown()
    server.server_close()


def answered(address: str) -> int:
    """The status of an answer, once somebody listens."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                return int(answer.status)
        except OSError:
            assert time.monotonic() < deadline, f"nobody answers at {address}"


def until(firm: Firm, name: str, labels: tuple[str, ...], value: float, process: str = "trade") -> dict[tuple[str, tuple[str, ...]], float]:
    """A scrape in which a sample has come to a value; notes are looked at four times a second."""
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        found = firm.scrape(process)
        if found.get((name, labels)) == value:
            return found
    raise AssertionError(f"{name} {labels}: {firm.scrape(process)}, expected {value}")


def test_a_scrape_tells_what_the_trading_process_did(firm: Firm) -> None:
    process = firm.start()
    firm.tell("trade", "order", "main", "BTCUSDT.LOCAL", "buy", "2", "--limit", "50")
    firm.tell("trade", "order", "main", "BTCUSDT.LOCAL", "buy", "101", "--limit", "1", code=1)

    found = until(firm, "tradewinds_orders_refused_total", ("main", "quantity"), 1)
    found = until(firm, "tradewinds_account_orders_open", ("main",), 1)

    assert found["tradewinds_orders_approved_total", ("main",)] == 1
    assert found["tradewinds_orders_sent_total", ("main",)] == 1
    assert found["tradewinds_broker_answer_seconds_count", ("main", "submit")] == 1
    assert found["tradewinds_order_send_seconds_count", ("main",)] == 1
    assert found["tradewinds_journal_commit_seconds_count", ("main",)] >= 3
    assert found["tradewinds_journal_entries_total", ("main",)] >= 3
    assert found["tradewinds_account_trading", ("main", "paper")] == 1
    assert found["tradewinds_account_halted", ("main",)] == 0
    assert found["tradewinds_halt_epoch", ()] == 0
    assert 0 <= found["tradewinds_heartbeat_age_seconds", ("trade",)] < WITHIN_S
    names = {name for name, _ in found if name.startswith("tradewinds_")}
    known = {f"{name}{end}" for name in TABLE for end in ("", "_bucket", "_count", "_sum", "_created")} | {
        name.removesuffix("_total") + "_created" for name in TABLE
    }
    assert names <= known

    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=WITHIN_S)
    assert not (firm.home / "metrics" / "trade.json").exists()


def test_one_trace_leads_from_the_bar_to_the_fill_and_the_log_tells_the_same_order(firm: Firm, collector: tuple[str, list[bytes]]) -> None:
    address, bodies = collector
    firm.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = address

    firm.tell("trade", "--data", "bars")

    spans = []
    for body in bodies:
        request = ExportTraceServiceRequest()
        request.ParseFromString(body)
        spans += [span for each in request.resource_spans for scope in each.scope_spans for span in scope.spans]
    fill = next(span for span in spans if span.name == "fill")
    by_id = {span.span_id: span for span in spans if span.trace_id == fill.trace_id}
    way = [fill]
    while way[-1].parent_span_id:
        way.append(by_id[way[-1].parent_span_id])
    assert [span.name for span in reversed(way)] == ["bar", "decision", "gate", "journal", "send", "fill"]
    assert all(span.end_time_unix_nano >= span.start_time_unix_nano for span in way)
    told = {one.key: one.value.string_value for one in fill.attributes}

    rows = last_rows(firm.home, LogFilter(order=told["order"]), 100)
    events = [row["event"] for row in rows]
    assert events[0] == "order approved"
    assert {"submit answered", "order accepted", "order filled", "fill"} <= set(events)
    (filled,) = [row for row in rows if row["event"] == "fill"]
    assert (filled["process"], filled["strategy"], filled["instrument"]) == ("trade", "trend", "BTCUSDT.LOCAL")
    assert filled["run"]
    written = b"".join(path.read_bytes() for path in sorted(firm.home.rglob("*")) if path.is_file())
    assert CANARY.encode() not in written + b"".join(bodies)


def test_a_run_of_a_job_stands_in_the_log_and_is_a_trace(firm: Firm, collector: tuple[str, list[bytes]]) -> None:
    address, bodies = collector
    firm.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = address

    firm.tell("job", "run", "compact", "--partition", "2026-01-02", code=99)  # an empty lake has nothing to compact

    started, ended = last_rows(firm.home, LogFilter(process="job"), 10)
    assert (started["event"], started["job"], ended["event"], ended["state"]) == ("job started", "compact", "job ended", "nothing")
    assert started["run"] == ended["run"]
    request = ExportTraceServiceRequest()
    request.ParseFromString(bodies[-1])
    ((span,),) = [scope.spans for each in request.resource_spans for scope in each.scope_spans]
    assert span.name == "job compact"
    assert {one.key: one.value.string_value for one in span.attributes}["state"] == "nothing"


def test_a_job_that_fails_says_why_without_secrets(firm: Firm) -> None:
    firm.tell("job", "run", "evening", "--partition", "2026-01-02", "--param", f"account={CANARY}", code=2)

    rows = last_rows(firm.home, LogFilter(process="job"), 10)
    assert rows[-1]["event"] == "job failed"
    assert rows[-1]["level"] == "error"
    assert CANARY not in json.dumps(rows)


def test_the_console_tells_its_requests_and_how_jobs_ended(firm: Firm) -> None:
    firm.tell("job", "run", "compact", "--partition", "2026-01-02", code=99)
    firm.serve("console", "--port", "0", "--json", "--api-only")
    address = json.loads(firm.said)["api"]
    assert answered(f"{address}/health") == 200

    found = until(firm, "tradewinds_http_requests_total", ("GET", "/api/v1/health", "200"), 1, "console")

    assert found["tradewinds_job_last_failed", ("compact",)] == 0
    assert found["tradewinds_job_last_rows", ("compact", "published")] == 0
    assert found["tradewinds_job_last_success_timestamp_seconds", ("compact",)] > 1.7e9
    assert found["tradewinds_holds_open", ()] == 0


def test_the_alerts_process_tells_what_nobody_has_in_hand(firm: Firm) -> None:
    process = firm.serve("alerts", "run")

    found = firm.scrape("alerts")

    assert found["tradewinds_alerts_unacknowledged", ("critical",)] == 0
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=WITHIN_S)
    rows = last_rows(firm.home, LogFilter(process="alerts"), 10)
    assert "routes have an address" in rows[0]["text"]
    assert rows[0]["run"].endswith(str(process.pid))


def test_the_guard_tells_whom_it_watches_over_and_the_epoch(firm: Firm) -> None:
    venues = sandbox.start({"seed": 3, "symbols": ["BTCUSDT"]}, in_process=True)
    try:
        url = venues.environment["TRADEWINDS_BINANCE_URL"]
        (firm.folder / "tradewinds.yaml").write_text(f"accounts: {{main: {{broker: binance, environment: test, url: {url}}}}}\n")
        firm.environment |= {"TRADEWINDS_GUARD__MAIN__KEY": "key-of-the-guard", "TRADEWINDS_GUARD__MAIN__SECRET": CANARY}
        process = firm.serve("guard")

        found = firm.scrape("guard")

        assert "watching over main" in firm.said
        assert found["tradewinds_guard_watching", ("main",)] == 1
        assert found["tradewinds_guard_halts_total", ()] == 0
        assert found["tradewinds_halt_epoch", ()] == 0
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=WITHIN_S)
    finally:
        venues.stop()
    assert CANARY.encode() not in b"".join(path.read_bytes() for path in sorted(firm.home.rglob("*")) if path.is_file())
