"""All venues as one ASGI application: each below its own prefix, behind its own faults."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tradewinds.sandbox.clock import VenueClock
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.control import routes as control_routes
from tradewinds.sandbox.faults import FaultBook
from tradewinds.sandbox.layer import layered
from tradewinds.sandbox.market import SeededMarket
from tradewinds.sandbox.order_faults import App, Receive, Scope, Send
from tradewinds.sandbox.recorded import RecordedMarket
from tradewinds.sandbox.world import BarSource, World

if TYPE_CHECKING:
    from starlette.applications import Starlette

# The key in `urls`, the prefix of the address, and the module that speaks for the venue (after a colon its function, or `routes`).
VENUES = {
    "binance_archive": ("/binance-archive", "tradewinds.sandbox.archive"),
    "binance_rest": ("/binance", "tradewinds.sandbox.binance_wire:spot_routes"),
    "binance_futures": ("/binance-futures", "tradewinds.sandbox.binance_wire:um_routes"),
    "binance_stream": ("/binance-stream", "tradewinds.sandbox.binance_stream"),
    "coingecko": ("/coingecko", "tradewinds.sandbox.coingecko"),
    "oanda": ("/oanda", "tradewinds.sandbox.oanda"),
    "tiingo": ("/tiingo", "tradewinds.sandbox.tiingo"),
    "cftc": ("/cftc", "tradewinds.sandbox.cftc"),
    "edgar": ("/edgar", "tradewinds.sandbox.edgar"),
    "ecb": ("/ecb", "tradewinds.sandbox.ecb"),
    "client_portal": ("/client-portal", "tradewinds.sandbox.client_portal_wire"),
}
# What the settings of production call the same venues, where that differs from the key.
SETTINGS = {
    "binance_archive": ("TRADEWINDS_BINANCE_ARCHIVE_URL",),
    "binance_rest": ("TRADEWINDS_BINANCE_URL",),
    "binance_futures": ("TRADEWINDS_BINANCE_FUTURES_URL", "TRADEWINDS_BINANCE_FUNDING_URL"),
    "binance_stream": ("TRADEWINDS_BINANCE_STREAM_URL",),
}


def make_world(config: SandboxConfig, *, monotonic: Callable[[], float] = time.monotonic) -> World:
    """The shared state of a sandbox, from its configuration."""
    market = SeededMarket(config.seed)
    source: BarSource = market
    now_ns = config.now_ns
    if config.archive:
        recorded = RecordedMarket(config.archive)
        source = recorded
        now_ns = now_ns if now_ns is not None else (recorded.last_ms + 8 * 86_400_000) * 1_000_000
    if config.symbols:
        market.listings = {name: found for name, found in market.listings.items() if name in config.symbols}
    return World(
        config, VenueClock(now_ns, speed=config.speed, since_ns=config.since_ns), market, source, FaultBook(config.faults), monotonic
    )


def urls_of(base: str) -> dict[str, str]:
    """The address of every venue, and of `control`, below a base such as http://127.0.0.1:8123."""
    found = {name: base + prefix for name, (prefix, _) in VENUES.items()}
    if "binance_stream" in found:
        found["binance_stream"] = found["binance_stream"].replace("http", "ws", 1)
    return {**found, "control": base + "/_control"}


def environment_of(urls: dict[str, str]) -> dict[str, str]:
    """The settings that point Tradewinds at these venues."""
    return {setting: urls[name] for name in VENUES for setting in SETTINGS.get(name, (f"TRADEWINDS_{name.upper()}_URL",))}


def application(world: World, urls: dict[str, str]) -> Starlette:
    """The ASGI application."""
    from starlette.applications import Starlette
    from starlette.routing import Mount

    venues = {name: _venue(name, module, world) for name, (_, module) in VENUES.items()}
    mounts = [Mount("/_control", routes=control_routes(world, urls))]
    for name, (prefix, _) in VENUES.items():
        app: Any = _spot_and_futures(venues) if name == "binance_rest" else venues[name]
        mounts.append(Mount(prefix, app=app))
    whole = Starlette(routes=mounts)
    whole.router.redirect_slashes = False
    return whole


def _venue(name: str, module: str, world: World) -> App:
    from starlette.routing import Router

    path, _, function = module.partition(":")
    routes: Any = getattr(importlib.import_module(path), function or "routes")
    return layered(Router(routes=routes(world), redirect_slashes=False), name, world)


def _spot_and_futures(venues: dict[str, App]) -> App:
    """One address for clients that know only one: paths below /fapi go to the futures venue."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope["path"]).removeprefix(str(scope.get("root_path", "")))
        await venues["binance_futures" if path.startswith("/fapi/") else "binance_rest"](scope, receive, send)

    return call
