"""What the doctor looks at beyond data: keys of accounts, their journals, routes of alerts, what runs here, room for logs."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from tradewinds.app.looked import Check
from tradewinds.core.errors import TradewindsError

if TYPE_CHECKING:
    from tradewinds.jobs.config import Config

LOG_BYTES_MAX = 2 * 2**30


def accounts(config: Config) -> Iterator[Check]:
    """Whether each account that orders could go to has its keys, and the guard its own."""
    from tradewinds.app.guard import NEEDS_NO_KEY
    from tradewinds.wiring.keys import keys_of

    for name, account in config.accounts.items():
        if account.broker == "paper":
            yield Check(f"account {name}", "well", "paper: orders reach nobody")
            continue
        if account.broker in NEEDS_NO_KEY:
            yield Check(f"account {name}", "well", f"{account.broker}: its gateway is signed in by a person")
            continue
        setting = f"TRADEWINDS_ACCOUNTS__{name.upper()}"
        try:
            has_key = bool(keys_of(name)) or account.connection is not None
            has_guard = bool(keys_of(name, "guard"))
        except TradewindsError as error:
            yield Check(f"account {name}", "wrong", str(error), f"see that the file of {setting}__KEY_FILE can be read")
            continue
        if not has_key:
            yield Check(
                f"account {name}", "wrong", f"{account.broker} wants a key and has none", f"set {setting}__KEY and __SECRET, or _FILE"
            )
        elif not has_guard:
            advice = f"set TRADEWINDS_GUARD__{name.upper()}__KEY and __SECRET: keys that may trade and not withdraw (docs/halt.md)"
            yield Check(f"account {name}", "warning", "has a key; the guard has none of its own, and cannot cancel without it", advice)
        else:
            yield Check(f"account {name}", "well", f"{account.broker}, {account.environment}: keys for trading and for the guard")


def journals(config: Config) -> Iterator[Check]:
    """Whether each account's journal could be written, where it is a file. Of one that a running service holds, the service tells."""
    from tradewinds.live.guard_process import is_alive, read_beat, service_path
    from tradewinds.wiring.accounts import journal_path

    home = Path(config.home)
    beat = read_beat(service_path(home))
    if beat is not None and is_alive(beat):
        return
    for name, account in config.accounts.items():
        place = journal_path(home, name)
        if account.journal != "sqlite" or not place.is_file():
            continue
        why = _why_not_writable(place)
        if why:
            advice = "end the program that holds it (a second trading service, a database tool, a copy that is being made)"
            yield Check(f"journal {name}", "wrong", f"{place}: {why}; orders of this account could not be sent", advice)


def routes(config: Config) -> Iterator[Check]:
    """Whether alerts reach anybody."""
    from tradewinds.wiring.alerting_routes import address_of, routes_of

    try:
        found = routes_of(config)
        without = [name for name in found if address_of(name) is None]
    except TradewindsError as error:
        yield Check("alerts", "wrong", str(error), "mend the section that is named")
        return
    if not found:
        if config.accounts:
            yield Check(
                "alerts", "warning", "no route: what goes wrong reaches nobody's phone", "write one under alerts: routes: (docs/alerts.md)"
            )
        return
    for name in without:
        setting = f"TRADEWINDS_ALERTS__ROUTES__{name.upper()}__URL"
        yield Check(
            f"alerts route {name}", "wrong", "has no address", f"set {setting} or {setting}_FILE; then tradewinds alerts test {name}"
        )
    if len(without) < len(found):
        yield Check("alerts", "well", f"routes with an address: {', '.join(name for name in found if name not in without)}")
    if find_spec("apprise") is None:
        yield Check("alerts", "wrong", "apprise is not installed, nothing is sent", 'pip install "tradewinds[alerts]"')


def _why_not_writable(journal: Path) -> str:
    """Who or what keeps it from being written right now, "" where nothing does. Writes nothing."""
    try:
        with journal.with_suffix(".lock").open("rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return f"held by {lock.read(200).decode(errors='replace') or 'another process'}, and no trading service of this home runs"
    except OSError:  # a journal that nobody has opened since it was restored has none
        pass
    try:
        with closing(sqlite3.connect(f"file:{journal}?mode=rw", uri=True, isolation_level=None, timeout=0.0)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        return f"another program holds it ({error})" if "locked" in str(error) else str(error)
    return ""


def processes(home: Path) -> Iterator[Check]:
    """What runs for this home, where anything was started by `up`, and whether the logs have room."""
    from tradewinds.app.status import airflow, services
    from tradewinds.wire.log import log_folder

    if (home / "airflow" / "airflow.json").exists():  # it was started, and nobody stopped it
        yield airflow(home)
    yield from services(home)
    size = sum(path.stat().st_size for path in log_folder(home).glob("*") if path.is_file())
    if size > LOG_BYTES_MAX:
        yield Check("logs", "warning", f"{size / 2**30:.1f} GiB", f"delete what is not wanted any more from {log_folder(home)}")
