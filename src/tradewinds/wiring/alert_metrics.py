"""What the alerts process tells Prometheus: messages by route and what came of them, and what nobody has in hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tradewinds.wire.metrics import AnyMetrics, Reading
from tradewinds.wiring.alerting_apprise import Outcome, Sender

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

LOOKED_AT = 1_000
SEVERITIES = ("critical", "warning")


class CountedSender:
    """A sender whose messages are counted by what came of them: told, refused, doubt."""

    def __init__(self, route: str, sender: Sender, metrics: AnyMetrics) -> None:
        self._route, self._sender, self._metrics = route, sender, metrics

    def send(self, message: Any) -> Outcome:
        outcome = self._sender.send(message)
        self._metrics.counter("tradewinds_alert_deliveries_total", self._route, outcome.kind).inc()
        return outcome


def alert_metrics(house: House) -> Iterable[Reading]:
    """How many alerts nobody acknowledged, by severity."""
    found: Counter[str] = Counter(one.alert.severity for one in house.ledger.outbox.alerts(is_open=True, limit=LOOKED_AT))
    return [Reading("tradewinds_alerts_unacknowledged", found[severity], (severity,)) for severity in SEVERITIES]
