"""The vendors by name. Adding one is a line here; loading imports only the one that is named."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from tradewinds.core.errors import Rejected
from tradewinds.core.ports import Vendor

VENDORS: dict[str, str] = {
    "binance_archive": "tradewinds.vendors.binance_archive:BinanceArchive",
    "binance_rest": "tradewinds.vendors.binance_rest:BinanceRest",
    "binance_funding": "tradewinds.vendors.binance_funding:BinanceFunding",
    "drops": "tradewinds.vendors.drops:Drops",
    "coingecko": "tradewinds.vendors.coingecko:CoinGecko",
    "oanda": "tradewinds.vendors.oanda:Oanda",
    "files": "tradewinds.vendors.bar_files:BarFiles",
    "declared": "tradewinds.vendors.declared:Declared",
    "tiingo": "tradewinds.vendors.tiingo:Tiingo",
    "baostock": "tradewinds.vendors.baostock:Baostock",
    "cftc": "tradewinds.vendors.cftc:Cftc",
    "edgar": "tradewinds.vendors.edgar:Edgar",
    "ecb": "tradewinds.vendors.ecb:Ecb",
    "ibkr": "tradewinds.vendors.ibkr:Ibkr",
}


def load(spec: str, *, folder: Path | None = None) -> Callable[..., Vendor]:
    """The class of a vendor: a name in VENDORS, "my_module:Class", or "file.py:Class" within `folder` (a workspace's vendors/).

    Raises Rejected where nothing of that name can be loaded, or what is found lacks a method of `core.ports.Vendor`.
    """
    place, _, name = VENDORS.get(spec, spec).partition(":")
    if not name:
        raise Rejected(f"vendor: {spec!r}, expected one of {', '.join(sorted(VENDORS))}, or my_module:Class, or file.py:Class")
    module = _file(spec, place, folder) if place.endswith(".py") else _module(spec, place)
    found: Any = getattr(module, name, None)
    lacking = [method for method in ("datasets", "plan", "capture", "parse") if not callable(getattr(found, method, None))]
    if found is None or lacking:
        reason = f"no {name} in {place}" if found is None else f"{name} lacks {', '.join(lacking)}"
        raise Rejected(f"vendor {spec!r}: {reason}, expected a class that implements tradewinds.core.ports.Vendor")
    vendor: Callable[..., Vendor] = found
    return vendor


def _module(spec: str, place: str) -> ModuleType:
    try:
        return importlib.import_module(place)
    except ImportError as error:
        raise Rejected(f"vendor {spec!r}: cannot import {place} ({error}), expected a module that Python can find") from error


def _file(spec: str, place: str, folder: Path | None) -> ModuleType:
    path = (folder / place if folder is not None else Path(place)).resolve()
    if folder is not None and folder.resolve() not in path.parents:
        raise Rejected(f"vendor {spec!r}: {path} stands outside {folder}, expected a file in it")
    label = "tradewinds_user_vendor_" + path.stem
    plan = importlib.util.spec_from_file_location(label, path) if path.is_file() else None
    if plan is None or plan.loader is None:
        raise Rejected(f"vendor {spec!r}: no file {path}, expected a Python file")
    module = importlib.util.module_from_spec(plan)
    sys.modules[label] = module
    plan.loader.exec_module(module)
    return module
