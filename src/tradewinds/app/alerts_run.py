"""The process of `tradewinds alerts run`: one step of the alert desk each second, its heartbeat, and the bot that answers people.

A second process for the same home is refused. It ends on SIGTERM or SIGINT, after what is on its way to a receiver has ended.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tradewinds.app.output import log
from tradewinds.core.errors import Rejected
from tradewinds.core.instant import text

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

STEP_EVERY_S = 1.0
LISTEN_S_MAX = 2.0  # a poll that waits is cut: what it brings is asked for again at the next start


def alerts_beat(home: Path) -> Path:
    """Where the process says that it lives."""
    return home / "up" / "alerts.json"


def run_once() -> None:
    """One step, and the end of what it sent."""
    from tradewinds.wiring.alerting import alert_desk
    from tradewinds.wiring.house import open_house

    house = open_house()
    with _alone(house):
        desk = alert_desk(house, say=log)
        desk.step()
        desk.close()


def run_until_told() -> None:
    """Steps until SIGTERM or SIGINT."""
    from tradewinds.wiring.house import open_house

    house = open_house()
    ending = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ending.set())
    with _alone(house):
        serve(house, ending)


def serve(house: House, ending: threading.Event, *, every_s: float = STEP_EVERY_S) -> None:
    """Steps until `ending` is set."""
    from tradewinds.app.watched import watched
    from tradewinds.live.guard_process import Heartbeat
    from tradewinds.wiring.alert_metrics import CountedSender, alert_metrics
    from tradewinds.wiring.alerting import alert_desk

    with watched(house.home, "alerts") as watching:
        desk = alert_desk(house, say=log)
        desk.senders = {name: CountedSender(name, one, watching.metrics) for name, one in desk.senders.items()}
        watching.metrics.at_scrape(lambda: alert_metrics(house))
        heartbeat = Heartbeat(alerts_beat(house.home))
        listening = _listen(house, ending)
        log(f"alerts: {len(desk.senders)} of {len(desk.routes)} routes have an address: {', '.join(sorted(desk.senders)) or 'none'}")
        try:
            while True:
                desk.step()
                heartbeat.beat({"routes": sorted(desk.senders)})
                if ending.wait(every_s):
                    return
        finally:
            ending.set()
            desk.close()
            heartbeat.rest()
            if listening is not None:
                listening.join(LISTEN_S_MAX)


def _listen(house: House, ending: threading.Event) -> threading.Thread | None:
    """Answer on Telegram in a thread of its own, where a bot is configured."""
    from tradewinds.app.telegram import bot_of

    try:
        bot = bot_of(house)
    except Rejected as error:
        log(str(error))
        return None
    if bot is None:
        return None
    log(f"telegram: answers {len(bot.config.users)} users")
    thread = threading.Thread(target=bot.run, args=(ending,), name="telegram", daemon=True)
    thread.start()
    return thread


@contextmanager
def _alone(house: House) -> Iterator[None]:
    """Hold the lease of this home's alerts; raises Rejected while another process does."""
    from tradewinds.live.lease import Leases

    leases = Leases(house.home / "up" / "leases", {"pid": os.getpid(), "since": text(house.clock.now_ns())})
    try:
        leases.take("alerts", ["of this home"])
    except Rejected:
        raise Rejected(f"alerts run: another process brings the alerts of {house.home} to people already, expected one") from None
    try:
        yield
    finally:
        leases.release()
