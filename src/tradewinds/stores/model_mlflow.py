"""How MLflow is asked: quietly, without telemetry, with few retries; what it raises becomes one of our errors."""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tradewinds.core.errors import Missing, Rejected, TradewindsError, Transient
from tradewinds.models.card import CARD, ModelCard
from tradewinds.models.learner import Files
from tradewinds.stores.model_serving import LOADER

METRICS_AT_ONCE = 500
PARAMS_AT_ONCE = 100
PARAM_CHARS_MAX = 6_000
SIGNED_MAX = 2_000
"""Up to so many features the served model declares its columns."""
PAGE = "card.md"
PROJECT = "MLproject"
PICTURES = "pictures"
MODEL_FOLDER = "model"
FILES = "files"
# A night goes on with what can be had: a server that is away is noticed in seconds, not after MLflow's minutes of retries.
SETTINGS = {
    "DO_NOT_TRACK": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
_CREDENTIALS = re.compile(r"://[^/@\s]*@")
_ASKED_WRONGLY = {"INVALID_PARAMETER_VALUE", "RESOURCE_ALREADY_EXISTS", "PERMISSION_DENIED", "UNAUTHENTICATED", "BAD_REQUEST"}
_NOT_THERE = {"RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"}


def client(uri: str) -> Any:
    """MLflow's client at a server or SQLite file. Settings of the environment that the user made stay as they are."""
    if find_spec("mlflow") is None:
        raise Rejected("models: mlflow is not installed, expected it beside Tradewinds: pip install 'tradewinds[ml]'")
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what MLflow's own tables and imports use that will go away is its makers' to change
        made = import_module("mlflow").MlflowClient(tracking_uri=uri, registry_uri=uri)
        if not uri.startswith("http"):
            made.search_registered_models(max_results=1)  # makes or checks its tables
    return made


@contextmanager
def asked(what: str, uri: str) -> Iterator[None]:
    """Errors of MLflow, its server, its database and its file store inside become Missing, Rejected or Transient."""
    try:
        yield
    except TradewindsError:
        raise
    except Exception as error:
        code = getattr(error, "error_code", "")
        said = _CREDENTIALS.sub("://", str(error).splitlines()[0])[:300] if str(error) else type(error).__name__
        if code in _NOT_THERE or (code in _ASKED_WRONGLY and "not found" in said):  # an alias that is not there counts as wrong words
            raise Missing(f"{what}: {said}, expected a registered model such as models:/trend@champion") from None
        if code in _ASKED_WRONGLY:
            raise Rejected(f"{what}: {said}, expected what MLflow accepts") from None
        if not _is_trouble(error):
            raise
        raise Transient(f"{what}: MLflow at {_shown(uri)}: {said}, expected an answer; try again when it is back") from None


def saved(folder: Path, files: Files, names: Sequence[str], card: ModelCard, pictures: Mapping[str, bytes]) -> None:
    """A run's artifacts in a folder: the model as MLflow can serve it, the card, pictures."""
    own = folder / f".{FILES}" / FILES
    own.mkdir(parents=True)
    for name, content in files.items():
        (own / name).write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is no example of its input, which the signature says
        import_module("mlflow.pyfunc").save_model(
            str(folder / MODEL_FOLDER), loader_module=LOADER, data_path=str(own), pip_requirements=["tradewinds[ml]"],
            metadata={"sha256": card.sha256}, signature=_signature(names),
        )  # fmt: skip
    for name in files:
        (own / name).unlink()
    own.rmdir()
    own.parent.rmdir()
    (folder / CARD).write_bytes(card.to_bytes())
    (folder / PAGE).write_text(card.as_markdown(), encoding="utf-8")
    (folder / PROJECT).write_text(project(card.name), encoding="utf-8")
    if pictures:
        (folder / PICTURES).mkdir()
    for name, content in pictures.items():
        (folder / PICTURES / Path(name).name).write_bytes(content)


def project(name: str) -> str:
    """The MLproject of a model: `mlflow run` trains it again as of a day, in the workspace that it is run in."""
    return (
        f"name: {name}\n\nentry_points:\n  main:\n    parameters:\n      partition: {{type: string}}\n"
        f'    command: "tradewinds job run train_{name} --partition {{partition}}"\n'
    )


def folder_of_model() -> str:
    """Where a run's artifacts hold the model's own files."""
    return f"{MODEL_FOLDER}/data/{FILES}"


def figures(card: ModelCard, more: Mapping[str, float | None]) -> Iterator[tuple[str, float, int]]:
    """(name, value, step) of what is known: the scores, those of each fold at its step, and more."""
    for name, value in {**card.scores, **more}.items():
        if _is_number(value):
            yield name, float(value), 0
    for fold in card.fold_scores:
        for name, value in fold.items():
            if name != "fold" and _is_number(value):
                yield f"fold.{name}", float(value), int(fold["fold"])


def parameters(card: ModelCard, more: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(name, text) of how the model was made."""
    told: dict[str, Any] = {
        **{f"label.{name}": value for name, value in card.label.items()},
        **{f"learner.{name}": value for name, value in card.learner.items()},
        **{f"walk.{name}": value for name, value in card.walk.items()},
        "as_of_ns": card.as_of_ns, "code": card.code, "features": len(card.features), "rows": card.rows, "sha256": card.sha256,
        "trials": card.trials, **more,
    }  # fmt: skip
    for name, value in told.items():
        yield name, str(value)[:PARAM_CHARS_MAX]


def _signature(names: Sequence[str]) -> Any:
    if len(names) > SIGNED_MAX:
        return None
    types, models = import_module("mlflow.types"), import_module("mlflow.models")
    columns = [types.ColSpec("double", name) for name in names]
    return models.ModelSignature(inputs=types.Schema(columns), outputs=types.Schema([types.ColSpec("double")]))


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]  # a number, as just seen


def _is_trouble(error: Exception) -> bool:
    """Whether it comes from MLflow or what it stands on: its server, database, files or object store."""
    rooms = {one.__module__.partition(".")[0] for one in type(error).__mro__}
    return isinstance(error, OSError) or bool(rooms & {"mlflow", "sqlalchemy", "requests", "urllib3", "botocore", "boto3"})


def _shown(uri: str) -> str:
    """An address without a name and password that stand in it."""
    return _CREDENTIALS.sub("://", uri)
