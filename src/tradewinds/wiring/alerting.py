"""Alerts of a house: `Alarm` puts them into the outbox, `AlertDesk` brings them from there to people.

A step of the desk, once a second in `tradewinds alerts run`:

1. Scan: what the ledger, the heartbeats and the signed days say that people have to know is raised (`alerting_scan`).
2. Route: each new alert gets its deliveries.
3. Escalate: what nobody acknowledged in time, or what a route gave up on, goes to the next route.
4. Send, route by route, each in a thread of its own: claimed in the ledger, sent, settled. A receiver that refuses is asked again after a
   wait that doubles; one that gave no answer may have it, so the message says so when it is sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from tradewinds.core.errors import Rejected, TradewindsError
from tradewinds.core.instant import NS_PER_DAY, NS_PER_SECOND
from tradewinds.core.ports import Clock
from tradewinds.people.alert import Alert, RaisedAlert
from tradewinds.people.alert_message import message_of
from tradewinds.people.alert_routing import Delivery, Route, again_ns, batches
from tradewinds.stores.ledger_alerts import AlertOutbox
from tradewinds.wiring.alerting_apprise import AppriseSender, Outcome, Sender
from tradewinds.wiring.alerting_routes import address_of, quiet_until, routes_of

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

LEFT_AFTER_S = 60  # a claim that was not settled by then belongs to a process that died
ESCALATES_BACK_DAYS = 7
MESSAGES_A_STEP = 50
RAISED_KEPT_MAX = 50_000
Scan = Callable[[], Sequence[Alert]]
Say = Callable[[str], None]


class Alarm:
    """Raises alerts into the outbox of a ledger. One that is there already changes nothing."""

    def __init__(self, outbox: Callable[[], AlertOutbox], clock: Clock) -> None:
        self._outbox = outbox
        self._clock = clock

    def raise_(self, *alerts: Alert) -> int:
        """How many of them are new; they stand in the ledger when this returns. Raises Transient where it is away."""
        return len(self._outbox().raise_(alerts, self._clock.now_ns()))


@dataclass(slots=True)
class AlertDesk:
    """Routes and sends. scans: each is asked for alerts in every step; one that fails is said once, and takes no other away."""

    outbox: AlertOutbox
    clock: Clock
    routes: Mapping[str, Route]
    senders: Mapping[str, Sender]
    scans: Mapping[str, Scan] = field(default_factory=dict)
    say: Say = lambda line: None
    _pool: ThreadPoolExecutor | None = None
    _busy: dict[str, Future[None]] = field(default_factory=dict)
    _found: dict[str, Alert] = field(default_factory=dict)
    _raised: set[str] = field(default_factory=set)
    _said: dict[str, str] = field(default_factory=dict)

    def step(self) -> None:
        """Scan, route, escalate, and begin to send what is due; does not wait for receivers."""
        self._try("scan", self.scan)
        self._try("route", lambda: self.outbox.route(list(self.routes.values()), self.clock.now_ns()))
        self._try("escalate", self.escalate)
        for name in self.senders:
            self._begin(name)

    def rest(self) -> None:
        """Wait until nothing is on its way."""
        for one in list(self._busy.values()):
            one.result()

    def close(self) -> None:
        """Let what is on its way end."""
        if self._pool is not None:
            self._pool.shutdown(wait=True)
            self._pool = None

    def scan(self) -> None:
        """Raise what the scans find and is not raised yet."""
        for name, look in self.scans.items():
            try:
                self._try(f"scan of {name}", partial(self._scan_one, look))
            except Exception as error:  # noqa: BLE001 - a bug in one scan must not silence the others; it is told as one
                words = f"the scan of {name} is broken and finds nothing: {type(error).__name__}: {error}"
                self._found |= {one.id: one for one in [Alert("critical", "alerts", name, words, "tradewinds logs alerts")]}

    def escalate(self) -> None:
        """Send on what nobody has in hand in time."""
        now_ns = self.clock.now_ns()
        for route in self.routes.values():
            if route.escalate_to is None:
                continue
            since_ns = now_ns - ESCALATES_BACK_DAYS * NS_PER_DAY
            for one in self.outbox.unacknowledged(route.name, route.escalate_severities, since_ns, not_at=route.escalate_to):
                at_ns = route.escalates_at_ns(one.raised.alert, one.first_ns)
                if at_ns is not None and (at_ns <= now_ns or one.state == "failed"):
                    self.outbox.send_also(one.raised.id, route.escalate_to, "escalated", now_ns)

    def send_due(self, name: str) -> None:
        """Send everything that is due for one route now."""
        route, now_ns = self.routes[name], self.clock.now_ns()
        self.outbox.recover(name, now_ns - LEFT_AFTER_S * NS_PER_SECOND, now_ns)
        is_quiet = quiet_until(route, now_ns) is not None

        def batching(due: Sequence[Delivery]) -> Sequence[Sequence[Delivery]]:
            passing = [one for one in due if not is_quiet or one.is_critical or one.why == "test"]
            return batches(passing, route, self.outbox.spent(name, now_ns - route.window_ns)) if passing else []

        for _ in range(MESSAGES_A_STEP):
            batch = self.outbox.claim(route, batching, now_ns)
            if not batch:
                return
            self._settle(route, batch, self.senders[name].send(message_of(batch)))

    def _scan_one(self, look: Scan) -> None:
        # A scan tells once what it found: it is kept here until it stands in the outbox.
        self._found |= {one.id: one for one in reversed(look()) if one.id not in self._raised}
        self.outbox.raise_(list(self._found.values()), self.clock.now_ns())
        if len(self._raised) > RAISED_KEPT_MAX:  # forgotten ones are raised again, which changes nothing
            self._raised.clear()
        self._raised |= set(self._found)
        self._found.clear()

    def _begin(self, name: str) -> None:
        before = self._busy.get(name)
        if before is not None:
            if not before.done():
                return
            before.result()  # a bug ends the process, and its keeper starts it again
        if self._pool is None:
            self._pool = ThreadPoolExecutor(max_workers=max(1, len(self.senders)), thread_name_prefix="alerts")
        self._busy[name] = self._pool.submit(self._try, f"route {name}", partial(self.send_due, name))

    def _settle(self, route: Route, batch: Sequence[Delivery], outcome: Outcome) -> None:
        now_ns, attempts = self.clock.now_ns(), batch[0].attempts
        what = f"route {route.name}: message {batch[0].message}"
        if outcome.kind == "told":
            self.outbox.settle(batch, {"state": "sent", "sent_ns": now_ns, "error": ""})
            return
        values: dict[str, Any] = {"error": outcome.error} | ({"is_doubtful": True} if outcome.kind == "doubt" else {})
        if attempts >= route.attempts_max:
            self.outbox.settle(batch, values | {"state": "failed"})
            self.say(f"{what}: given up after {attempts} tries ({outcome.error})")
            return
        self.outbox.settle(batch, values | {"state": "waiting", "due_ns": now_ns + again_ns(attempts)})
        self.say(f"{what}: try {attempts} failed ({outcome.error}), again in {again_ns(attempts) / NS_PER_SECOND:g} s")

    def _try(self, what: str, act: Callable[[], object]) -> None:
        """What goes wrong is said when it is news, and tried again in the next step."""
        try:
            act()
        except (TradewindsError, OSError) as error:
            if self._said.get(what) != str(error):
                self.say(f"{what}: {error}")
            self._said[what] = str(error)
        else:
            self._said.pop(what, None)


def alert_desk(
    house: House, *, say: Say = lambda line: None, environment: Mapping[str, str] | None = None, scans: bool = True
) -> AlertDesk:
    """The desk of a house. A route without an address is said, and stands still; its alerts wait."""
    from tradewinds.wiring.alerting_scan import scans_of

    routes = routes_of(house.config)
    senders: dict[str, Sender] = {}
    for name in routes:
        try:
            senders[name] = sender_of(name, environment)
        except Rejected as error:
            say(str(error))
    return AlertDesk(house.ledger.outbox, house.clock, routes, senders, scans_of(house) if scans else {}, say)


def sender_of(route: str, environment: Mapping[str, str] | None = None) -> Sender:
    """The sender of a route; raises Rejected where it has no address, or one that cannot be read."""
    address = address_of(route, environment)
    if address is None:
        named = f"TRADEWINDS_ALERTS__ROUTES__{route.upper()}__URL"
        raise Rejected(f"route {route}: no address, expected one in {named} or a file named by {named}_FILE")
    return AppriseSender(route, address)


def send_test(house: House, route: str, environment: Mapping[str, str] | None = None) -> Outcome:
    """Send a test message by a route, now and once. Raises Rejected where there is no such route, or it has no address."""
    routes = routes_of(house.config)
    if route not in routes:
        raise Rejected(
            f"alerts test {route}: no such route, expected one of {', '.join(sorted(routes)) or 'alerts: routes:, which is empty'}"
        )
    now_ns = house.clock.now_ns()
    given = Alert(
        "info", "test", route, "This is a test: alerts of this route arrive here.", "tradewinds alerts list", f"test {route} {now_ns}"
    )
    message = message_of([Delivery(RaisedAlert(given, now_ns), route, "sending", "test", now_ns, now_ns)])
    return sender_of(route, environment).send(message)


def opened(outbox: AlertOutbox, limit: int = 100) -> list[RaisedAlert]:
    """What nobody has in hand, newest first."""
    return [one for one in outbox.alerts(is_open=True, limit=limit) if one.alert.severity != "info"]
