"""How an account at an exchange becomes a broker: the addresses, and what tells.

binance        spot
binance_um     USD-M futures
any_exchange   whatever ccxt knows, asked again and again
"""

from __future__ import annotations

import random as randomness
from collections.abc import Callable, Mapping
from typing import Any, Literal

from tradewinds.brokers.binance_user_stream import BinanceUserStream, FuturesWay, SpotWay, hmac_signer
from tradewinds.brokers.ccxt_broker import CcxtBroker
from tradewinds.brokers.ccxt_dialect import BINANCE, BINANCE_UM, dialect_of
from tradewinds.brokers.ccxt_exchange import ExchangeOptions
from tradewinds.brokers.ccxt_polling import POLL_S, Polling
from tradewinds.brokers.http import NewSession, session_for
from tradewinds.core.instrument import Instrument
from tradewinds.core.ports import Clock
from tradewinds.wire.secret import Secret

LIVE_URL, LIVE_WS_URL = "https://api.binance.com", "wss://ws-api.binance.com:443/ws-api/v3"
TEST_URL, TEST_WS_URL = "https://testnet.binance.vision", "wss://ws-api.testnet.binance.vision/ws-api/v3"
UM_LIVE_URL, UM_LIVE_STREAM_URL = "https://fapi.binance.com", "wss://fstream.binance.com"
UM_TEST_URL, UM_TEST_STREAM_URL = "https://demo-fapi.binance.com", "wss://fstream.binancefuture.com"


def binance(
    *,
    key: Secret,
    secret: Secret,
    instruments: Mapping[str, Instrument],
    clock: Clock,
    random: randomness.Random,
    url: str = LIVE_URL,
    ws_url: str = LIVE_WS_URL,
    new_session: NewSession | None = None,
    markets: Mapping[str, Any] | None = None,
    name: str = "binance",
    checks_key: bool = True,
    timeout_s: float = 10.0,
) -> CcxtBroker:
    """Binance spot. url: below which /api and /sapi stand; ws_url: of the WS API; markets: of an earlier `exchange.markets`.

    secret: of an HMAC key, or an Ed25519 private key in PEM. checks_key: off where there is no /sapi, as on the test network.
    """
    base = url.rstrip("/")
    urls = {"public": f"{base}/api/v3", "private": f"{base}/api/v3", "v1": f"{base}/api/v1", **_sapi(base)}
    given = ExchangeOptions(key, secret, clock, None, urls, BINANCE.options, markets, new_session, timeout_s)

    def telling(broker: CcxtBroker) -> BinanceUserStream:
        way = SpotWay(ws_url, key, _signer(secret, broker), lambda: int(broker.exchange.nonce()))
        return BinanceUserStream(broker, way, BINANCE.venue, new_session=new_session or session_for(ws_url))

    return CcxtBroker(BINANCE, given, instruments=instruments, random=random, telling=telling, name=name, checks_key=checks_key)


def binance_um(
    *,
    key: Secret,
    secret: Secret,
    instruments: Mapping[str, Instrument],
    clock: Clock,
    random: randomness.Random,
    url: str = UM_LIVE_URL,
    stream_url: str = UM_LIVE_STREAM_URL,
    key_url: str = LIVE_URL,
    new_session: NewSession | None = None,
    markets: Mapping[str, Any] | None = None,
    name: str = "binance_um",
    checks_key: bool = True,
    timeout_s: float = 10.0,
) -> CcxtBroker:
    """Binance USD-M futures in one-way mode. key_url: below which /sapi stands, which tells what a key may do."""
    base = url.rstrip("/")
    urls = {f"fapi{kind}{version}": f"{base}/fapi/v{version[1:] or 1}" for kind in ("Public", "Private") for version in ("", "V2", "V3")}
    urls |= {"fapiData": f"{base}/futures/data", **_sapi(key_url.rstrip("/"))}
    given = ExchangeOptions(key, secret, clock, None, urls, BINANCE_UM.options, markets, new_session, timeout_s)

    def telling(broker: CcxtBroker) -> BinanceUserStream:
        async def ask(method: str) -> Any:
            make = broker.exchange.fapiPrivatePostListenKey if method == "POST" else broker.exchange.fapiPrivatePutListenKey
            return await broker.call("listen key", make)

        return BinanceUserStream(broker, FuturesWay(stream_url, ask), BINANCE_UM.venue, new_session=new_session or session_for(stream_url))

    return CcxtBroker(BINANCE_UM, given, instruments=instruments, random=random, telling=telling, name=name, checks_key=checks_key)


def any_exchange(
    exchange_id: str,
    *,
    key: Secret,
    secret: Secret,
    instruments: Mapping[str, Instrument],
    clock: Clock,
    random: randomness.Random,
    market: Literal["spot", "swap"] = "spot",
    password: Secret | None = None,
    urls: Mapping[str, str] | None = None,
    is_test: bool = False,
    new_session: NewSession | None = None,
    markets: Mapping[str, Any] | None = None,
    name: str = "",
    timeout_s: float = 10.0,
    poll_s: float = POLL_S,
) -> CcxtBroker:
    """Whatever ccxt knows by that name. is_test: at the exchange's own test system, where ccxt knows one. Instruments: SYMBOL.<NAME>."""
    dialect = dialect_of(exchange_id, market)
    given = ExchangeOptions(key, secret, clock, password, urls or {}, dialect.options, markets, new_session, timeout_s, is_test=is_test)
    return CcxtBroker(
        dialect, given, instruments=instruments, random=random, telling=lambda broker: Polling(broker, poll_s), name=name, checks_key=False
    )


def _sapi(base: str) -> dict[str, str]:
    return {f"sapi{version}": f"{base}/sapi/v{version[1:] or 1}" for version in ("", "V2", "V3", "V4")}


def _signer(secret: Secret, broker: CcxtBroker) -> Callable[[str], str]:
    if "PRIVATE KEY" not in secret.reveal():
        return hmac_signer(secret)
    return lambda payload: str(broker.exchange.eddsa(payload.encode(), secret.reveal(), "ed25519"))
