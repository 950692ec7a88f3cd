"""The routes of the configuration: what each takes, when it is quiet, and its address, which is a secret of the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import time
from typing import Any

from tradewinds.calendars.day import day_around
from tradewinds.core.errors import Rejected
from tradewinds.jobs.config import AlertsConfig, Config, RouteConfig
from tradewinds.people.alert_routing import Route, check_routes
from tradewinds.wire.secret import Secret
from tradewinds.wiring.settings import PREFIX, value_of
from tradewinds.wiring.trade_hours import time_of_day

_HOURS = re.compile(r"\s*(\S+)\s*-\s*(\S+)\s*")


def routes_of(config: Config) -> dict[str, Route]:
    """The routes by name. Raises Rejected where one is impossible."""
    settings = config.alerts or AlertsConfig()
    found = {name: _route(name, given, settings.zone) for name, given in settings.routes.items()}
    check_routes(found)
    return found


def address_of(route: str, environment: Mapping[str, str] | None = None) -> Secret | None:
    """The address of a route, None where the environment has none."""
    text = value_of(f"{PREFIX}ALERTS__ROUTES__{route.upper()}__URL", os.environ if environment is None else environment)
    return Secret(text) if text else None


def telegram_token(environment: Mapping[str, str] | None = None) -> Secret | None:
    """The token of the bot, None where the environment has none."""
    text = value_of(f"{PREFIX}ALERTS__TELEGRAM__TOKEN", os.environ if environment is None else environment)
    return Secret(text) if text else None


def quiet_until(route: Route, now_ns: int) -> int | None:
    """When the quiet hours that contain `now_ns` end, None outside of them."""
    if route.quiet is None:
        return None
    began, ends = (day_around(now_ns, route.zone, at) for at in route.quiet)
    return ends[1] if began[0] > ends[0] else None


def clock_time(given: object, what: str) -> time:
    """A time of day such as 07:30; raises Rejected."""
    found = time_of_day(given)
    if found is None:
        raise Rejected(f"{what} {given!r}, expected a time such as 07:30")
    return found


def _route(name: str, given: RouteConfig, zone: str) -> Route:
    words: dict[str, Any] = {one.name: getattr(given, one.name) for one in fields(given) if one.name not in ("quiet_hours", "zone")}
    route = Route(name=name, zone=given.zone or zone, quiet=_quiet(name, given.quiet_hours), **words)
    try:
        day_around(0, route.zone, time(1))
    except Rejected as error:
        raise Rejected(f"route {name}: {error}") from None
    return route


def _quiet(name: str, given: str | None) -> tuple[time, time] | None:
    if given is None:
        return None
    match = _HOURS.fullmatch(given)
    found = None if match is None else (time_of_day(match[1]), time_of_day(match[2]))
    if found is None or found[0] is None or found[1] is None or found[0] == found[1]:
        raise Rejected(f"route {name}: quiet_hours {given!r}, expected two times such as 22:00-07:00")
    return found[0], found[1]
