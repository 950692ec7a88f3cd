"""What a message says: one alert with the next command to run, a digest of many, and the summary of a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tradewinds.core.candidate import hashed
from tradewinds.core.instant import text
from tradewinds.people.alert import Severity, rank
from tradewinds.people.alert_routing import Delivery

DIGEST_LINES_MAX = 20
LINE_CHARS_MAX = 160


@dataclass(frozen=True, slots=True)
class Message:
    """What a route sends. id: the same in every try, so that a receiver can tell a repetition."""

    id: str
    severity: Severity
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Day:
    """What a summary tells. profit: account -> words. nights: job -> how its last run ended. unknown: what could not be had, and why."""

    day: str
    profit: Mapping[str, str] = field(default_factory=dict)
    positions: Sequence[str] = ()
    nights: Mapping[str, str] = field(default_factory=dict)
    holds: int = 0
    approvals: int = 0
    open_alerts: Sequence[str] = ()
    unknown: Mapping[str, str] = field(default_factory=dict)


def message_of(deliveries: Sequence[Delivery]) -> Message:
    """The message for these deliveries of one route, at least one."""
    worst = max((one.raised.alert.severity for one in deliveries), key=rank)
    name = message_id(deliveries)
    if len(deliveries) == 1:
        return Message(name, worst, _title(deliveries[0]), _body(deliveries[0]))
    critical = sum(one.is_critical for one in deliveries)
    lines = [_line(one) for one in deliveries[:DIGEST_LINES_MAX]]
    more = len(deliveries) - len(lines)
    lines += [f"... and {more} more"] if more else []
    told = "\n".join([*lines, "", "Next: tradewinds alerts list", f"Digest {name}{_doubt(deliveries)}"])
    return Message(name, worst, f"{len(deliveries)} alerts, {critical} critical", told)


def message_id(deliveries: Sequence[Delivery]) -> str:
    """Of route and alerts; a message that was begun keeps its name."""
    first = deliveries[0]
    if first.message:
        return first.message
    return first.raised.id if len(deliveries) == 1 else hashed(first.route, *sorted(one.raised.id for one in deliveries))


def summary_text(day: Day) -> str:
    """The summary of a day, line by line."""
    lines = [f"{account}: {words}" for account, words in sorted(day.profit.items())]
    lines += ["Positions: " + (", ".join(day.positions) if day.positions else "none")]
    lines += [f"Night {job}: {words}" for job, words in sorted(day.nights.items())]
    lines += [f"Held values: {day.holds}; waiting for approval: {day.approvals}; open alerts: {len(day.open_alerts)}"]
    lines += [f"- {one}" for one in day.open_alerts[:DIGEST_LINES_MAX]]
    lines += [f"Not known: {what} ({why})" for what, why in sorted(day.unknown.items())]
    return "\n".join(lines)


def _title(one: Delivery) -> str:
    alert = one.raised.alert
    about = f" {alert.subject}" if alert.subject else ""
    words = f"{alert.severity.upper()} {alert.source}:{about}"
    return f"{words} (nobody acknowledged)" if one.why == "escalated" else words


def _body(one: Delivery) -> str:
    alert = one.raised.alert
    lines = [alert.text]
    if alert.next_command:
        lines.append(f"Next: {alert.next_command}")
    lines.append(f"Alert {alert.id}, {text(one.raised.raised_ns)}{_doubt([one])}")
    if alert.severity != "info":
        lines.append(f"In hand: tradewinds alerts ack {alert.id}")
    return "\n".join(lines)


def _line(one: Delivery) -> str:
    alert = one.raised.alert
    told = f"{alert.id} {alert.severity} {alert.source} {alert.subject}: {alert.text}".replace("\n", " ")
    cut = told if len(told) <= LINE_CHARS_MAX else f"{told[: LINE_CHARS_MAX - 3]}..."
    return f"- {cut}" + (f" [{alert.next_command}]" if alert.next_command else "")


def _doubt(deliveries: Sequence[Delivery]) -> str:
    return "; perhaps told before" if any(one.is_doubtful for one in deliveries) else ""
