"""What the API says of itself: requests by route and status, how long they took, open streams; and a span of each, where traced."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.types import Scope

from tradewinds.wire.metrics import AnyMetrics, NoMetrics
from tradewinds.wire.tracing import Span

if TYPE_CHECKING:
    from tradewinds.wire.metrics import Counter, Histogram
    from tradewinds.wire.tracing import Traces

NS = 1_000_000_000
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
        if self._traces is not None:
            end_ns, number = time.time_ns(), scope["state"]["request_id"]
            facts = {"http.request.method": key[0], "http.route": place, "http.response.status_code": status}
            self._traces.tell(Span(number, f"{key[0]} {place}", end_ns - int(took_s * NS), end_ns, number, "", facts))
