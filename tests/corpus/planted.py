"""Loads the planted strategies of a folder and says of each what the detector found."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from tradewinds.simulation.lookahead import check_feature, check_strategy
from tradewinds.simulation.lookahead_finding import Verdict
from tradewinds.simulation.lookahead_market import feature_scene
from tradewinds.trading.strategy import Strategy

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Planted:
    """One planted strategy or feature and whether it was made to leak."""

    name: str
    is_leaky: bool
    verdict: Verdict


def planted(folder: str) -> Iterator[Planted]:
    """Every planted strategy and feature of the folder, checked."""
    for path in sorted((HERE / folder).glob("*.py")):
        module = _loaded(path)
        if path.stem == "features":
            yield from _features(module)
            continue
        is_leaky = path.stem.startswith("leaky")
        setups = getattr(module, "SETUPS", {})
        for one in list(vars(module).values()):
            if isinstance(one, Strategy):
                yield Planted(one.name, is_leaky, check_strategy(one, setup=setups.get(one.name)))


def _features(module: ModuleType) -> Iterator[Planted]:
    for is_leaky, cases in ((True, module.LEAKY), (False, module.CLEAN)):
        for name, function, lookback, *others in cases:
            scene = feature_scene(3, 5, others[0] if others else None)
            yield Planted(name, is_leaky, check_feature(name, function, scene, lookback=lookback))


def _loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"planted_{path.parent.name}_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module
