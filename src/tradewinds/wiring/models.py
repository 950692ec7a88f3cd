"""Models that parameters name: `models:/x@champion` is resolved once, and what was found is pinned by its hash for the whole run.

The same function serves backtest, paper and live, so that all three know which bytes decided.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tradewinds.core.errors import Rejected
from tradewinds.trading.strategy import Strategy

PREFIX = "models:/"


@dataclass(frozen=True, slots=True)
class PinnedModel:
    """What a name stood for when it was resolved: the version's own name, and the SHA-256 over its files."""

    uri: str
    version: str
    sha256: str
    folder: Path


Resolve = Callable[[str], PinnedModel]


def with_models(parameters: Mapping[str, Any], *, resolve: Resolve | None = None) -> tuple[dict[str, Any], dict[str, str]]:
    """The parameters with each model's name pinned (`models:/x/7`), and parameter -> SHA-256. Without such names nothing is asked.

    Raises Rejected where a model is named and no registry can be reached or none is configured.
    """
    named = {key: value for key, value in parameters.items() if isinstance(value, str) and value.startswith(PREFIX)}
    if not named:
        return dict(parameters), {}
    ask = resolve or _registry(next(iter(named.values())))
    found = {key: ask(uri) for key, uri in named.items()}
    return {**parameters, **{key: one.version for key, one in found.items()}}, {key: one.sha256 for key, one in found.items()}


def pinned(strategy: Strategy, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a run, checked, with every model's name pinned; see `with_models`."""
    return with_models(strategy.params(given).as_dict())[0]


def folder_hash(folder: Path) -> str:
    """SHA-256 over every file below a folder: names, lengths and bytes, in the order of names."""
    digest = hashlib.sha256()
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _registry(uri: str) -> Resolve:
    """MLflow's registry, at MLFLOW_TRACKING_URI or MLFLOW_REGISTRY_URI."""
    if find_spec("mlflow") is None:
        raise Rejected(f"model {uri}: mlflow is not installed, expected it beside Tradewinds, or a parameter that names no model")
    if not (os.environ.get("MLFLOW_REGISTRY_URI") or os.environ.get("MLFLOW_TRACKING_URI")):
        raise Rejected(f"model {uri}: no registry, expected MLFLOW_TRACKING_URI or MLFLOW_REGISTRY_URI to name one")
    return _from_mlflow


def _from_mlflow(uri: str) -> PinnedModel:
    from importlib import import_module

    client = import_module("mlflow").MlflowClient()
    name, at, alias = uri.removeprefix(PREFIX).partition("@")
    try:
        if at:
            version = str(client.get_model_version_by_alias(name, alias).version)
        else:
            name, _, version = name.rpartition("/")
        folder = Path(import_module("mlflow.artifacts").download_artifacts(artifact_uri=f"{PREFIX}{name}/{version}"))
    except import_module("mlflow.exceptions").MlflowException as error:
        raise Rejected(f"model {uri}: {str(error).splitlines()[0]}, expected a registered model such as models:/trend@champion") from None
    return PinnedModel(uri, f"{PREFIX}{name}/{version}", folder_hash(folder), folder)
