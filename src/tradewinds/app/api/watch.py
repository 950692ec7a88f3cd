"""What the API says of itself: requests by route and status, how long they took, open streams; and spans, where traced.

Metrics count every request. Spans are told of every write, every refusal and fault, every slow one, and of reads that were answered in
time of READS_TRACED_PER_S at most: a thousand alike say no more, and making them takes longer than answering.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.types import Scope

from tradewinds.app.api.rate import Buckets
from tradewinds.wire.metrics import AnyMetrics, NoMetrics
from tradewinds.wire.tracing import Span

if TYPE_CHECKING:
    from tradewinds.wire.metrics import Counter, Histogram
    from tradewinds.wire.tracing import Traces

NS = 1_000_000_000
SLOW_S = 0.1
READS_TRACED_PER_S = 20.0
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass(slots=True)
class _Series:
    count: Counter
    seconds: Histogram


class Watch:
    """Counts requests. metrics, traces: of this process; without them it counts nothing."""

    def __init__(self, metrics: AnyMetrics | None = None, traces: Traces | None = None) -> None:
        self._metrics: AnyMetrics = metrics or NoMetrics("console")
        self._traces = traces
        self._open = self._metrics.gauge("tradewinds_http_requests_in_progress")
        self.streams = self._metrics.gauge("tradewinds_http_streams_open")
        self._known: dict[tuple[str, str, int], _Series] = {}
        self._usual = Buckets(READS_TRACED_PER_S, READS_TRACED_PER_S)

    def began(self) -> None:
        """A request came in."""
        self._open.inc()

    def ended(self, scope: Scope, status: int, took_s: float) -> None:
        """It was answered. The route is its template, never the path with what people put into it."""
        self._open.dec()
        place = getattr(scope.get("route"), "path", "none")
        method = scope["method"] if scope["method"] in METHODS else "other"
        key = (method, place, status)
        series = self._known.get(key)
        if series is None:
            series = self._known[key] = _Series(
                self._metrics.counter("tradewinds_http_requests_total", method, place, str(status)),
                self._metrics.histogram("tradewinds_http_request_seconds", method, place),
            )
        series.count.inc()
        series.seconds.observe(took_s)
        if self._traces is not None and self._is_told(method, status, took_s):
            end_ns, number = time.time_ns(), scope["state"]["request_id"]
            facts = {"http.request.method": method, "http.route": place, "http.response.status_code": status}
            self._traces.tell(Span(number, f"{method} {place}", end_ns - int(took_s * NS), end_ns, number, "", facts))

    def _is_told(self, method: str, status: int, took_s: float) -> bool:
        if method != "GET" or status >= 400 or took_s >= SLOW_S:
            return True
        return self._usual.wait_s("", time.monotonic()) == 0.0
