"""`tradewinds guard`: the process that halts, whatever has become of the trade process."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from tradewinds.core.errors import ANSWER_IS_NO, NOTHING_TO_DO

if TYPE_CHECKING:
    from tradewinds.core.instrument import Instrument
    from tradewinds.live.guard import GuardedAccount
    from tradewinds.wiring.house import House

NEEDS_NO_KEY = ("ibkr", "client_portal")  # their gateways are signed in by a person
ONE_LINE = ("ibkr",)  # the trade process has the connection under its client id; the guard takes it when that is gone


@click.command("guard")
@click.option("--once", is_flag=True, help="Halt now and end, instead of watching; `tradewinds halt` starts it so.")
@click.option("--flatten", is_flag=True, help="With --once: close every position too.")
@click.option("--reason", default="", help="With --once: why.")
@click.option("--by", default="", help="With --once: who.")
@click.option("--epoch", default=0, help="With --once: the epoch that was raised.")
@click.option("--stale", default=30.0, show_default=True, type=click.FloatRange(1.0), help="Seconds without a heartbeat that are a halt.")
@click.option("--json", "as_json", is_flag=True, help="With --once: print one JSON object.")
def guard(*, once: bool, flatten: bool, reason: str, by: str, epoch: int, stale: float, as_json: bool) -> None:
    """Watch over the trade process: halt when asked to, or when its heartbeat stops while orders are open.

    Its keys are its own: TRADEWINDS_GUARD__<ACCOUNT>__KEY and __SECRET, which need only the right to trade, not to withdraw.
    """
    from tradewinds.app.output import log
    from tradewinds.wiring.house import open_house

    house = open_house()
    accounts, broken = guarded(house)
    for name, why in broken.items():
        log(f"guard: account {name} is not guarded: {why}")
    if once:
        sys.exit(
            asyncio.run(_once(house, accounts, broken, {"flatten": flatten, "reason": reason, "by": by, "epoch": epoch}, as_json=as_json))
        )
    if not accounts:
        log("guard: no account of tradewinds.yaml can be guarded; write one under accounts:, with keys under TRADEWINDS_GUARD__<ACCOUNT>__")
        sys.exit(NOTHING_TO_DO)
    asyncio.run(_watch(house, accounts, stale))


def guarded(house: House) -> tuple[list[GuardedAccount], dict[str, str]]:
    """The accounts of the configuration as the guard has them, and why others are not guarded. Connects nothing."""
    from tradewinds.core.errors import TradewindsError
    from tradewinds.live.guard import GuardedAccount
    from tradewinds.stores.journal import open_sqlite_journal

    instruments = _instruments(house)
    found, broken = [], {}
    for name, given in house.config.accounts.items():
        if given.broker == "paper":
            continue
        try:
            broker = _broker(house, name, instruments)
            journal = open_sqlite_journal(house.home / "guard" / f"{name}.sqlite")
            found.append(GuardedAccount(name, broker, journal, keeps_line=given.broker not in ONE_LINE))
        except (TradewindsError, OSError) as error:
            broken[name] = str(error)
    return found, broken


def simulated(house: House) -> list[str]:
    """Accounts of which nothing stands at a venue: their orders are the trade process's own, which is halted and starts halted."""
    return [name for name, given in house.config.accounts.items() if given.broker == "paper"]


def _broker(house: House, name: str, instruments: Mapping[str, Instrument]) -> Any:
    from tradewinds.core.errors import Rejected
    from tradewinds.wiring.accounts import account_of
    from tradewinds.wiring.brokers import BrokerParts, broker_of
    from tradewinds.wiring.keys import keys_of

    account = account_of(house.config, name)
    keys = keys_of(name, "guard")
    if not keys and account.config.broker not in NEEDS_NO_KEY:
        wanted = f"TRADEWINDS_GUARD__{name.upper()}__KEY and __SECRET"
        raise Rejected(f"account {name}: the guard has no key, expected one of its own under {wanted}")
    # With the connection it takes over the order ids that were used under it.
    folder = house.home / ("trade" if account.config.broker in ONE_LINE else "guard")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return broker_of(BrokerParts(account, keys, instruments, house.clock, folder))


def _instruments(house: House) -> Mapping[str, Instrument]:
    """Every instrument that is known; none where the ledger does not answer, which holds up no cancel."""
    from tradewinds.app.output import log
    from tradewinds.core.errors import TradewindsError

    try:
        return {one.id: one for one in house.ledger.instruments()}
    except (TradewindsError, OSError) as error:
        log(f"guard: no instruments from the ledger: {error}")
        return {}


async def _once(house: House, accounts: list[GuardedAccount], broken: Mapping[str, str], words: Mapping[str, Any], *, as_json: bool) -> int:
    from tradewinds.app.output import log, print_json
    from tradewinds.live.epoch import open_epoch
    from tradewinds.live.guard import Cleared, Guard
    from tradewinds.live.guard_run import told

    with open_epoch(house.home) as epoch:
        one = Guard(accounts, house.clock, epoch, simulated=simulated(house), say=log)
        await one.start()
        done = await one.halt(**words)
        await one.stop()
    report = told(done | {name: Cleared(error=why) for name, why in broken.items()})
    if as_json:
        print_json(report)
    else:
        for name, account in report["accounts"].items():
            is_open = "nobody can say what is open" if account["open"] is None else f"{len(account['open'])} open"
            log(f"account {name}: {account['cancelled']} cancelled, {is_open} {account['error']}".rstrip())
    return 0 if report["is_clear"] else ANSWER_IS_NO


async def _watch(house: House, accounts: list[GuardedAccount], stale_s: float) -> None:
    from tradewinds.app.output import log
    from tradewinds.app.watched import watched
    from tradewinds.live.epoch import open_epoch
    from tradewinds.live.guard import Guard
    from tradewinds.live.guard_process import kill
    from tradewinds.live.guard_run import run_guard

    with open_epoch(house.home) as epoch, watched(house.home, "guard") as told:
        for found in accounts:
            told.metrics.gauge("tradewinds_guard_watching", found.name).set(1)
        halts = told.metrics.counter("tradewinds_guard_halts_total")
        one = Guard(accounts, house.clock, epoch, simulated=simulated(house), say=log, kill=kill, halted=halts.inc)
        watching = asyncio.ensure_future(run_guard(one, house.home, stale_s=stale_s))
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, watching.cancel)
        log(f"guard: watching over {', '.join(found.name for found in accounts)}")
        try:
            await watching
        except asyncio.CancelledError:
            log("guard: ended")
