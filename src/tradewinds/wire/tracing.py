"""OpenTelemetry traces: what followed from a bar, and what a job did, as spans over OTLP/HTTP.

Off unless OTEL_EXPORTER_OTLP_ENDPOINT (or …_TRACES_ENDPOINT) is set; OpenTelemetry's other settings hold
too, such as OTEL_EXPORTER_OTLP_HEADERS.

1. Spans are told when they are over, with their times. Ids are functions of names: trace and spans of an order are the same in every
   process and after a restart, so that a fill after a crash stands in the trace of the order that was sent before it.
2. Sending has a thread and a limited queue of its own; a collector that is away costs spans, never an order.

Attributes go through the redactor as log lines do.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from tradewinds import __version__
from tradewinds.core.ports import Clock
from tradewinds.wire.log_redaction import Redactor, redactor_of

SETTINGS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
EVERY_MS = 1_000
ENDS_WITHIN_MS = 5_000
TEXT_CHARS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Span:
    """One thing that was done. trace, name_id, parent: names, from which ids are made; parent "" is the root of a trace."""

    trace: str
    name: str
    start_ns: int
    end_ns: int
    name_id: str
    parent: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""


class Traces:
    """Takes spans and sends them, in batches, from a thread of its own."""

    def __init__(self, process: str, environment: Mapping[str, str] | None = None) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self._resource = Resource.create({"service.name": f"tradewinds-{process}", "service.version": __version__})
        self._processor: Any = BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=EVERY_MS)
        self._redact: Redactor = redactor_of(os.environ if environment is None else environment)

    def tell(self, span: Span) -> None:
        """Queue a span; what does not fit is dropped."""
        self._processor.on_end(self._made(span))

    @contextmanager
    def doing(self, name: str, name_id: str, clock: Clock, attributes: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """A span around some work, as a trace of its own. What is put into the dictionary that it gives becomes attributes."""
        start_ns, told, error = clock.now_ns(), dict(attributes), ""
        try:
            yield told
        except BaseException as raised:
            error = f"{type(raised).__name__}: {raised}"
            raise
        finally:
            self.tell(Span(name_id, name, start_ns, clock.now_ns(), name_id, "", told, error))

    def flush(self) -> None:
        """Send what waits."""
        self._processor.force_flush(ENDS_WITHIN_MS)

    def close(self) -> None:
        """Send what waits, within a limit, and end."""
        with suppress(Exception):  # a collector that is away must not keep a process from ending
            self._processor.shutdown()

    def _made(self, span: Span) -> Any:
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.status import Status, StatusCode

        return ReadableSpan(
            span.name,
            context=_context(span.trace, span.name_id),
            parent=_context(span.trace, span.parent) if span.parent else None,
            resource=self._resource,
            attributes={key: self._plain(value) for key, value in span.attributes.items() if value is not None and value != ""},
            kind=SpanKind.INTERNAL,
            status=Status(StatusCode.ERROR, self._redact(span.error[:TEXT_CHARS_MAX])) if span.error else Status(StatusCode.OK),
            start_time=min(span.start_ns, span.end_ns),  # a venue's clock may be ahead of ours
            end_time=span.end_ns,
            instrumentation_scope=InstrumentationScope("tradewinds", __version__),
        )

    def _plain(self, value: object) -> Any:
        return value if isinstance(value, bool | int | float) else self._redact(str(value)[:TEXT_CHARS_MAX])


def open_traces(process: str, environment: Mapping[str, str] | None = None) -> Traces | None:
    """Traces of a process of ours, None where nobody wants any, or the SDK is not installed."""
    env = os.environ if environment is None else environment
    if not any(env.get(name) for name in SETTINGS) or find_spec("opentelemetry") is None:
        return None
    if find_spec("opentelemetry.exporter") is None or find_spec("opentelemetry.exporter.otlp") is None:
        return None
    return Traces(process, env)


def trace_id(name: str) -> int:
    """The id of the trace of that name, 128 bits and never 0."""
    return int.from_bytes(hashlib.sha256(f"trace {name}".encode()).digest()[:16], "big") | 1


def span_id(name: str) -> int:
    """The id of the span of that name, 64 bits and never 0."""
    return int.from_bytes(hashlib.sha256(f"span {name}".encode()).digest()[:8], "big") | 1


def _context(trace: str, name: str) -> Any:
    from opentelemetry.trace import SpanContext, TraceFlags

    return SpanContext(trace_id(trace), span_id(name), is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
