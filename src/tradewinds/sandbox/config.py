"""What a sandbox is started with; it travels as JSON to a sandbox in its own process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from tradewinds.core import instant
from tradewinds.core.errors import Rejected
from tradewinds.sandbox.faults import Fault, fault
from tradewinds.sandbox.keys import USUAL_KEYS, ApiKey

FIRST_NS, LAST_NS = instant.parse("2017-02-01"), instant.parse("2035-11-30")
USUAL_BALANCES: Mapping[str, Mapping[str, str]] = {
    "main": {"USDT": "100000", "BTC": "1", "ETH": "10", "BNB": "5"},
    "second": {"USDT": "100000"},
}
USUAL_FUTURES_BALANCES: Mapping[str, Mapping[str, str]] = {"main": {"USDT": "100000"}, "second": {"USDT": "100000"}}


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """seed: of the market. now_ns: the venues' time (None: the machine's); it stands still unless `speed` is positive.

    archive: folders of recorded Binance files; where any is given, the Binance venues serve these symbols and no others.
    weight_limit: Binance request weight a minute. coingecko_limit: CoinGecko calls a minute. *_token: what the venue accepts.
    since_ns: the machine's monotonic time at which the venues' clock showed `now_ns` (None: when they are made); who has the same three
    numbers tells the venues' time in another process (`wiring.clock.RunningClock`).
    zip_cache_bytes: the bound of the cache of made archive files. api_keys: of the venues that trade. balances: by account and asset, what
    the Binance accounts begin with on the spot venue, and futures_balances on the futures venue. order_id_first: of Binance orders.
    checks_time: whether Binance refuses timestamps outside of their window; not where the venues' clock runs faster than their clients'.
    """

    seed: int = 7
    now_ns: int | None = None
    speed: float = 0.0
    since_ns: int | None = None
    host: str = "127.0.0.1"
    port: int = 0
    archive: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    weight_limit: int = 6000
    coingecko_limit: int = 100
    oanda_token: str = field(default="sandbox-oanda-token", repr=False)
    tiingo_token: str = field(default="sandbox-tiingo-token", repr=False)
    zip_cache_bytes: int = 32 * 2**20
    api_keys: tuple[ApiKey, ...] = field(default=USUAL_KEYS, repr=False)
    balances: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: USUAL_BALANCES)
    futures_balances: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: USUAL_FUTURES_BALANCES)
    order_id_first: int = 1_000_001
    checks_time: bool = True

    def __post_init__(self) -> None:
        if self.now_ns is not None:
            checked_now(self.now_ns)
        if not 0 <= self.port <= 65_535:
            raise Rejected(f"sandbox: port {self.port}, expected 0 (any free one) to 65535")
        if self.weight_limit < 1 or self.coingecko_limit < 1:
            raise Rejected(f"sandbox: limits {self.weight_limit} and {self.coingecko_limit}, expected at least 1")

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))


def checked_now(now_ns: int) -> int:
    """The instant, if the seeded market has something around it."""
    if not FIRST_NS <= now_ns < LAST_NS:
        raise Rejected(f"sandbox: time {now_ns} ns, expected from {instant.text(FIRST_NS)} to {instant.text(LAST_NS)}")
    return now_ns


def config_from_json(text: str) -> SandboxConfig:
    """The configuration that `to_json` wrote."""
    return config_from(json.loads(text))


def config_from(facts: Mapping[str, Any]) -> SandboxConfig:
    """A configuration from a mapping; unknown names are refused."""
    known = {each.name for each in fields(SandboxConfig)}
    unknown = sorted(set(facts) - known)
    if unknown:
        raise Rejected(f"sandbox configuration: {unknown}, expected any of {', '.join(sorted(known))}")
    given = dict(facts)
    for name in ("archive", "symbols"):
        given[name] = tuple(map(str, given.get(name, ())))
    if "api_keys" in given:
        given["api_keys"] = tuple(each if isinstance(each, ApiKey) else _key(each) for each in given["api_keys"])
    given["faults"] = tuple(each if isinstance(each, Fault) else fault(each) for each in given.get("faults", ()))
    return replace(SandboxConfig(), **given)


def _key(facts: Mapping[str, Any]) -> ApiKey:
    known = {each.name for each in fields(ApiKey)}
    unknown = sorted(set(facts) - known)
    if unknown or not {"key", "secret"} <= set(facts):
        raise Rejected(f"sandbox api key: {unknown or 'no key and secret'}, expected key, secret and any of {', '.join(sorted(known))}")
    return ApiKey(**{**facts, "scopes": tuple(facts.get("scopes", ("read", "trade")))})
