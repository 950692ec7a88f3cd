"""When the gateway is not to be trusted: its nightly restart, and the weekly log-out that waits for a second factor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tradewinds.core.errors import Rejected

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Schedule:
    """restart: local time at which the gateway restarts by itself, as it is set there; None where it is not.

    Nothing is sent from `before_s` ahead of it until `after_s` behind it. logout_weekday, logout: Interactive Brokers ends every log-in
    then (Sunday 01:00 New York), and a person must give the second factor.
    """

    restart: time | None = time(23, 45)
    zone: str = "America/New_York"
    before_s: float = 30.0
    after_s: float = 120.0
    logout_weekday: int = 6
    logout: time = time(1, 0)

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise Rejected(f"gateway restart zone {self.zone!r}, expected such as America/New_York") from None

    def is_near(self, now_ns: int) -> bool:
        """Whether an order could fall into the restart."""
        if self.restart is None:
            return False
        now = self._local(now_ns)
        for days in (-1, 0, 1):
            at = datetime.combine(now.date() + timedelta(days), self.restart, now.tzinfo)
            if -self.before_s <= (now - at).total_seconds() < self.after_s:
                return True
        return False

    def last_logout_ns(self, now_ns: int) -> int:
        """The latest weekly log-out."""
        now = self._local(now_ns)
        day = now.date() - timedelta((now.weekday() - self.logout_weekday) % 7)
        at = datetime.combine(day, self.logout, now.tzinfo)
        return int((at if at <= now else at - timedelta(7)).timestamp()) * NS

    def day_start_ns(self, now_ns: int) -> int:
        """The last midnight of the gateway, before which it has forgotten executions and completed orders."""
        now = self._local(now_ns)
        return int(datetime.combine(now.date(), time(), now.tzinfo).timestamp()) * NS

    def _local(self, now_ns: int) -> datetime:
        return datetime.fromtimestamp(now_ns // NS, UTC).astimezone(ZoneInfo(self.zone))
