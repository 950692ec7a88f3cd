"""From an account of the configuration to its broker's adapter. An adapter is imported when an account names it.

1. binance, binance_um: KEY and SECRET. url; options: stream_url (of the user stream), key_url (of what tells what a key may do).
2. ccxt:<exchange>: KEY and SECRET, PASSWORD where the exchange has one. options: market (spot, swap).
3. oanda: SECRET is the token. options: account (101-004-1234567-001), stream_url.
4. ibkr: no key, the gateway is signed in. url: host:port; options: account, client_id, restart (when the gateway restarts by itself
   every night, such as 23:45, or no), zone (of that time, America/New_York where nothing is said).
5. client_portal: no key. url: up to and with /v1/api; options: account.
6. paper: no key. It fills on the bars of the feed, by the rules of a backtest.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import time
from pathlib import Path
from typing import TYPE_CHECKING

from tradewinds.core.broker import Broker
from tradewinds.core.errors import Rejected
from tradewinds.core.instrument import Instrument
from tradewinds.core.ports import Clock
from tradewinds.simulation.rules import Setup
from tradewinds.trading.own_book import Conversion
from tradewinds.wire.secret import Secret
from tradewinds.wiring.accounts import TradedAccount
from tradewinds.wiring.keys import Keys
from tradewinds.wiring.trade_hours import time_of_day

if TYPE_CHECKING:
    from tradewinds.brokers.ibkr_schedule import Schedule


@dataclass(frozen=True, slots=True)
class BrokerParts:
    """What every adapter is made of. folder: where an adapter may keep a file of its own.

    setup, interval, rates: of the paper broker: account and costs, bars that fill orders, the account's currency per unit of others.
    may_send: asked right before an order leaves, by adapters whose orders may wait for their turn.
    """

    account: TradedAccount
    keys: Keys
    instruments: Mapping[str, Instrument]
    clock: Clock
    folder: Path
    setup: Setup = field(default_factory=Setup)
    interval: str = "1m"
    rates: Mapping[str, float] = field(default_factory=dict)
    may_send: Callable[[], bool] = lambda: True

    def option(self, name: str) -> str:
        """An option that the adapter cannot do without; raises Rejected naming it."""
        value = self.account.config.options.get(name)
        if value is None or value == "":
            raise Rejected(
                f"account {self.account.name}: no option {name}, expected options: {{{name}: ...}} for {self.account.config.broker}"
            )
        return str(value)

    def secret(self) -> Secret:
        """The one secret of a broker that wants one alone, whichever name it was given under."""
        found = self.keys.secret or self.keys.key
        if found is None:
            name = self.account.name.upper()
            raise Rejected(f"account {self.account.name}: no token, expected TRADEWINDS_ACCOUNTS__{name}__SECRET or its _FILE")
        return found

    def pair(self) -> tuple[Secret, Secret]:
        """Key and secret; raises Rejected naming the one that is missing."""
        name = self.account.name.upper()
        for part, value in (("KEY", self.keys.key), ("SECRET", self.keys.secret)):
            if value is None:
                raise Rejected(f"account {self.account.name}: no {part.lower()}, expected TRADEWINDS_ACCOUNTS__{name}__{part} or its _FILE")
        assert self.keys.key is not None
        assert self.keys.secret is not None
        return self.keys.key, self.keys.secret

    def random(self) -> random.Random:
        """Spreads the waits between attempts; it decides nothing that is traded."""
        return random.Random(f"{self.account.name} {self.clock.now_ns()}")  # noqa: S311 - not for secrets


def broker_of(parts: BrokerParts) -> Broker:
    """The broker of an account, not yet opened. Raises Rejected where options or keys are missing."""
    kind = parts.account.config.broker.partition(":")[0]
    if kind not in _MAKERS:
        raise Rejected(f"account {parts.account.name}: broker {kind!r} cannot be reached yet, expected one of {', '.join(_MAKERS)}")
    return _MAKERS[kind](parts)


def _oanda(parts: BrokerParts) -> Broker:
    from tradewinds.brokers import oanda

    is_live, url = parts.account.is_live, parts.account.config.url
    return oanda.OandaBroker(
        account=parts.option("account"),
        token=parts.secret(),
        instruments=parts.instruments,
        clock=parts.clock,
        random=parts.random(),
        url=url or (oanda.LIVE_URL if is_live else oanda.PRACTICE_URL),
        stream_url=str(
            parts.account.config.options.get("stream_url") or url or (oanda.LIVE_STREAM_URL if is_live else oanda.PRACTICE_STREAM_URL)
        ),
        name=parts.account.name,
    )


def _binance(parts: BrokerParts) -> Broker:
    from tradewinds.brokers import ccxt_accounts as at

    key, secret = parts.pair()
    is_live, config = parts.account.is_live, parts.account.config
    return at.binance(
        key=key,
        secret=secret,
        instruments=parts.instruments,
        clock=parts.clock,
        random=parts.random(),
        url=config.url or (at.LIVE_URL if is_live else at.TEST_URL),
        ws_url=str(config.options.get("stream_url") or (at.LIVE_WS_URL if is_live else at.TEST_WS_URL)),
        name=parts.account.name,
        checks_key=is_live or bool(config.options.get("checks_key")),
    )


def _binance_um(parts: BrokerParts) -> Broker:
    from tradewinds.brokers import ccxt_accounts as at

    key, secret = parts.pair()
    is_live, config = parts.account.is_live, parts.account.config
    return at.binance_um(
        key=key,
        secret=secret,
        instruments=parts.instruments,
        clock=parts.clock,
        random=parts.random(),
        url=config.url or (at.UM_LIVE_URL if is_live else at.UM_TEST_URL),
        stream_url=str(config.options.get("stream_url") or (at.UM_LIVE_STREAM_URL if is_live else at.UM_TEST_STREAM_URL)),
        key_url=str(config.options.get("key_url") or at.LIVE_URL),
        name=parts.account.name,
        checks_key=is_live or bool(config.options.get("checks_key")),
    )


def _ccxt(parts: BrokerParts) -> Broker:
    from tradewinds.brokers.ccxt_accounts import any_exchange

    key, secret = parts.pair()
    config = parts.account.config
    market = config.options.get("market", "spot")
    if market not in ("spot", "swap"):
        raise Rejected(f"account {parts.account.name}: market {market!r}, expected spot or swap")
    return any_exchange(
        config.broker.partition(":")[2],
        key=key,
        secret=secret,
        instruments=parts.instruments,
        clock=parts.clock,
        random=parts.random(),
        market=market,
        password=parts.keys.password,
        urls={} if config.url is None else {"public": config.url, "private": config.url},
        is_test=not parts.account.is_live and config.url is None,
        name=parts.account.name,
    )


def _ibkr(parts: BrokerParts) -> Broker:
    from tradewinds.brokers.ibkr import CLIENT_ID, IbkrBroker
    from tradewinds.brokers.ibkr_ids import FileIds

    config = parts.account.config
    if not config.url:
        raise Rejected(f"account {parts.account.name}: no url, expected host:port of TWS or the gateway, such as 127.0.0.1:4002")
    return IbkrBroker(
        config.url,
        instruments=parts.instruments,
        clock=parts.clock,
        ids=FileIds(parts.folder / f"{parts.account.name}.ibkr-ids"),
        account=str(config.options.get("account", "")),
        client_id=int(config.options.get("client_id", CLIENT_ID)),
        environment=config.environment,
        schedule=schedule_of(parts),
        may_send=parts.may_send,
    )


def schedule_of(parts: BrokerParts) -> Schedule:
    """When the gateway restarts; raises Rejected for a time or zone that is none."""
    from tradewinds.brokers.ibkr_schedule import Schedule

    options = parts.account.config.options
    usual = Schedule()
    given = options.get("restart", usual.restart)
    if given is None or given is False or given == "no":
        return Schedule(None, str(options.get("zone", usual.zone)))
    restart = given if isinstance(given, time) else time_of_day(given)
    if restart is None:
        raise Rejected(f"account {parts.account.name}: option restart {given!r}, expected a time such as 23:45, or no")
    return Schedule(restart, str(options.get("zone", usual.zone)))


def _client_portal(parts: BrokerParts) -> Broker:
    from tradewinds.brokers.client_portal import URL, ClientPortalBroker

    return ClientPortalBroker(
        url=parts.account.config.url or URL,
        instruments=parts.instruments,
        clock=parts.clock,
        account=str(parts.account.config.options.get("account", "")),
        environment=parts.account.config.environment,
        may_send=parts.may_send,
        name=parts.account.name,
    )


def _paper(parts: BrokerParts) -> Broker:
    from tradewinds.brokers.paper import PaperBroker
    from tradewinds.brokers.paper_store import open_paper_store

    if not parts.instruments:
        raise Rejected(
            f"account {parts.account.name}: nothing to trade on paper, expected a strategy, or instruments: [...] of the account"
        )
    return PaperBroker(
        tuple(parts.instruments.values()),
        parts.setup,
        open_paper_store(parts.folder / f"{parts.account.name}.paper.sqlite"),
        parts.clock,
        parts.interval,
        conversions={name: Conversion(fixed=rate) for name, rate in parts.rates.items()},
    )


_MAKERS: dict[str, Callable[[BrokerParts], Broker]] = {
    "binance": _binance, "binance_um": _binance_um, "ccxt": _ccxt, "oanda": _oanda, "ibkr": _ibkr,
    "client_portal": _client_portal, "paper": _paper,
}  # fmt: skip
