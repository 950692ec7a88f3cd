"""Models that parameters name: `models:/x@champion` is resolved once, and what was found is pinned by its hash for the whole run.

The same function serves backtest, paper and live, so that all three know which bytes decided. A strategy is given the loaded model itself
(`models.bound`), whose text is `models:/x/7#<sha256>`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewinds.core.errors import Rejected
from tradewinds.jobs.config import Config
from tradewinds.models.bound import BoundModel, bound
from tradewinds.trading.strategy import Strategy

if TYPE_CHECKING:
    from tradewinds.stores.model_registry import ModelRegistry

PREFIX = "models:/"
SERVERS = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")
ARTIFACTS = "models"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PinnedModel:
    """What a name stood for when it was resolved: the version's own name, the SHA-256 over its files, and where they are.

    is_remembered: MLflow was away, and this is what the name stood for when it was last asked on this machine.
    """

    uri: str
    version: str
    sha256: str
    folder: Path
    is_remembered: bool = False


Resolve = Callable[[str], PinnedModel]


def with_models(
    parameters: Mapping[str, Any], *, resolve: Resolve | None = None, home: Path | None = None
) -> tuple[dict[str, Any], dict[str, str]]:
    """The parameters with each model's name made the loaded model, and parameter -> SHA-256. Without such names nothing is asked.

    resolve: by default the registry of `home`, or of the configuration in force; see `ModelRegistry.resolve` for what is raised. A
    parameter that is a loaded model already stays as it is.
    """
    named = {
        key: value
        for key, value in parameters.items()
        if isinstance(value, str) and value.startswith(PREFIX) and not isinstance(value, BoundModel)
    }
    held = {key: value for key, value in parameters.items() if isinstance(value, BoundModel)}
    if named:
        ask = resolve or _resolve_in(_registry(next(iter(named.values())), home))
        held |= {key: _loaded(ask, uri) for key, uri in named.items()}
    return {**parameters, **held}, {key: one.sha256 for key, one in held.items()}


def pinned(strategy: Strategy, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a run, checked, with every model loaded; see `with_models`."""
    return with_models(strategy.params(given).as_dict())[0]


def model_registry(config: Config) -> ModelRegistry:
    """The registry of a configuration: the server that MLFLOW_TRACKING_URI names, else SQLite and files below the home.

    Runs keep their files in `storage.models`; where that is not set, beside a lake that is in an object store.
    """
    from tradewinds.stores.model_registry import ModelRegistry

    place = config.storage.models
    if place is None and (config.storage.lake or "").startswith("s3://"):
        place = _beside(str(config.storage.lake))
    elif place is not None and "://" not in place:
        place = str(Path(config.workspace or ".") / Path(place).expanduser())
    return ModelRegistry(Path(config.home), uri=_server(), artifacts=place)


def _beside(lake: str) -> str:
    """`s3://bucket/prefix/models` of `s3://bucket/prefix/lake`."""
    bucket, _, prefix = lake.removeprefix("s3://").strip("/").partition("/")
    return "s3://" + "/".join(part for part in (bucket, prefix.rpartition("/")[0], ARTIFACTS) if part)


def _server() -> str | None:
    return next((os.environ[name] for name in SERVERS if os.environ.get(name)), None)


def _registry(uri: str, home: Path | None) -> ModelRegistry:
    from tradewinds.stores.model_registry import ModelRegistry
    from tradewinds.wiring.settings import load_config

    if home is None:
        home = Path(load_config().home)
    registry = ModelRegistry(home, uri=_server())
    if _server() is None and not (home / "mlflow" / "mlflow.db").exists() and not (home / ARTIFACTS).is_dir():
        raise Rejected(f"model {uri}: no registry, expected MLFLOW_TRACKING_URI to name one, or models that were trained here ({home})")
    return registry


def _resolve_in(registry: ModelRegistry) -> Resolve:
    def resolve(uri: str) -> PinnedModel:
        plain, _, sha256 = uri.partition("#")
        found = registry.resolve(plain)
        if sha256 and found.sha256 != sha256:
            raise Rejected(f"model {plain}: SHA-256 {found.sha256}, expected {sha256}, with which it was pinned")
        return PinnedModel(uri, found.uri, found.sha256, registry.local.folder(found.sha256), found.is_remembered)

    return resolve


def _loaded(ask: Resolve, uri: str) -> BoundModel:
    from tradewinds.stores.model_files import read_files

    found = ask(uri)
    if found.is_remembered:
        _log.warning("model %s: MLflow is away; %s, which it stood for when it was last asked on this machine, is used", uri, found.version)
    return bound(f"{found.version}#{found.sha256}", read_files(found.folder))
