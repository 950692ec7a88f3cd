"""Traces as a collector gets them: a local OTLP/HTTP receiver decodes what was sent."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tradewinds.wire.tracing import Span, Traces, open_traces, span_id, trace_id

CANARY = "canary-7f3a9c51d2"
AT_NS = 1_767_607_200_000_000_000


class Receiver:
    """Keeps what it was sent."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.bodies: list[bytes] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.paths.append(self.path)
                receiver.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Nobody reads it."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def spans(self) -> list[Any]:
        found = []
        for body in self.bodies:
            request = ExportTraceServiceRequest()
            request.ParseFromString(body)
            found += [(each.resource, span) for each in request.resource_spans for scope in each.scope_spans for span in scope.spans]
        return found


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    made = Receiver()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{made.server.server_port}")
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_spans_arrive_as_one_trace_with_their_times(receiver: Receiver) -> None:
    traces = Traces("trade")
    traces.tell(Span("trend 1", "bar", AT_NS, AT_NS + 5, "bar trend 1", attributes={"interval": "1m", "bars": 3}))
    traces.tell(Span("trend 1", "decision", AT_NS + 5, AT_NS + 9, "decision trend 1", "bar trend 1"))
    traces.close()

    bar, decision = (span for _, span in receiver.spans)
    resource = {one.key: one.value.string_value for one in receiver.spans[0][0].attributes}
    assert receiver.paths == ["/v1/traces"]
    assert resource["service.name"] == "tradewinds-trade"
    assert (bar.name, bar.start_time_unix_nano, bar.end_time_unix_nano) == ("bar", AT_NS, AT_NS + 5)
    assert bar.trace_id == decision.trace_id == trace_id("trend 1").to_bytes(16, "big")
    assert bar.parent_span_id == b""
    assert decision.parent_span_id == bar.span_id == span_id("bar trend 1").to_bytes(8, "big")
    assert {one.key: one.value.int_value or one.value.string_value for one in bar.attributes} == {"interval": "1m", "bars": 3}


def test_another_process_goes_on_with_the_same_trace(receiver: Receiver) -> None:
    for process in ("trade", "trade after a crash"):
        traces = Traces(process)
        traces.tell(Span("trend 1", process, AT_NS, AT_NS, process))
        traces.close()

    assert len({span.trace_id for _, span in receiver.spans}) == 1
    assert len({span.span_id for _, span in receiver.spans}) == 2


def test_a_planted_secret_reaches_no_collector(receiver: Receiver) -> None:
    traces = Traces("job", {"TRADEWINDS_VENDORS__TIINGO__SECRET": CANARY})

    def work() -> None:
        with traces.doing("ingest", "run 1", Standing(), {"url": f"https://x/?token={CANARY}"}) as told:
            told["rows"] = 7
            raise ValueError(f"refused {CANARY}")

    with pytest.raises(ValueError, match="refused"):
        work()
    traces.close()

    ((_, span),) = receiver.spans
    assert CANARY.encode() not in b"".join(receiver.bodies)
    assert span.status.code == 2
    assert span.status.message == "ValueError: refused ***"
    assert {one.key for one in span.attributes} == {"url", "rows"}


def test_a_venue_whose_clock_is_ahead_makes_no_span_that_ends_before_it_begins(receiver: Receiver) -> None:
    traces = Traces("trade")
    traces.tell(Span("t", "fill", AT_NS + 9, AT_NS, "fill"))
    traces.close()

    ((_, span),) = receiver.spans
    assert span.start_time_unix_nano == span.end_time_unix_nano == AT_NS


def test_nothing_is_traced_unless_asked_for() -> None:
    assert open_traces("trade", {}) is None
    assert open_traces("trade", {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}) is None


class Standing:
    def now_ns(self) -> int:
        return AT_NS
