"""Experiments, versions and aliases of models, kept by MLflow; and our own hash over the files of every version.

1. `record` writes a run (parameters, figures, card, pictures, files) and makes it a version, whose tag is the SHA-256 of its files.
   The same files under the same name are the same version: a night that runs again adds nothing.
2. `resolve` turns a name into version and hash, brings the files into the machine's own store and checks them against the tag.
3. With MLflow away `resolve` raises Transient, unless the name was resolved on this machine before: then it answers as then, and says so.

Files in MLflow's artifacts are `model/` (which MLflow can serve), `MLproject`, `card.json`, `card.md` and `pictures/`. Nothing is pickled.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tradewinds.core.errors import Rejected, Transient, Unreadable
from tradewinds.models.card import CARD, ModelCard, card_of
from tradewinds.models.learner import Files, files_hash, load_model
from tradewinds.stores.model_files import ModelFiles, read_files
from tradewinds.stores.model_mlflow import METRICS_AT_ONCE, PARAMS_AT_ONCE, asked, client, figures, folder_of_model, parameters, saved

PREFIX = "models:/"
CHAMPION, CHALLENGER = "champion", "challenger"
HASH_TAG = "tradewinds.sha256"
APPROVED_TAG = "tradewinds.approved_by"
EXPERIMENT = "tradewinds"


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A version. aliases: that point to it now. is_remembered: MLflow was away, and this is what the name stood for when last asked."""

    name: str
    version: str
    sha256: str
    run_id: str = ""
    aliases: tuple[str, ...] = ()
    is_remembered: bool = False

    @property
    def uri(self) -> str:
        """`models:/trend/7`."""
        return f"{PREFIX}{self.name}/{self.version}"


class ModelRegistry:
    """MLflow at `uri` (a server, or SQLite; below the home when None), and the files of models below the home.

    artifacts: where runs keep their files (`s3://bucket/models`, a folder); None: a server decides, else `<home>/mlflow/artifacts`.
    Every method may raise Transient where MLflow is away.
    """

    def __init__(self, home: Path, *, uri: str | None = None, artifacts: str | None = None) -> None:
        self.local = ModelFiles(home / "models")
        self._folder = home / "mlflow"
        self.uri = uri or f"sqlite:///{self._folder / 'mlflow.db'}"
        self._artifacts = artifacts or (
            None if "://" in self.uri and not self.uri.startswith("sqlite") else str(self._folder / "artifacts")
        )
        # MLflow fixes the place of files when an experiment is made, so that another place is another experiment
        self._experiment_name = EXPERIMENT if artifacts is None else f"{EXPERIMENT} {artifacts}"
        self._client: Any = None

    def record(
        self,
        files: Files,
        card: ModelCard,
        *,
        params: Mapping[str, Any] | None = None,
        metrics: Mapping[str, float | None] | None = None,
        pictures: Mapping[str, bytes] | None = None,
        alias: str | None = None,
    ) -> StoredModel:
        """Keep a model as a new version of `card.name`, or answer with the version that has these files already.

        params, metrics: beside those of the card. Raises Rejected where the card speaks of other files, Unreadable for files that are no
        model.
        """
        if card.sha256 != files_hash(files):
            raise Rejected(f"model {card.name}: files with SHA-256 {files_hash(files)}, expected {card.sha256}, of which the card speaks")
        names = load_model(files, sha256=card.sha256).names
        found = next((one for one in self.versions(card.name) if one.sha256 == card.sha256), None) if self.has(card.name) else None
        if found is None:
            run_id, uri = self._run(card, params or {}, metrics or {})
            with tempfile.TemporaryDirectory() as folder:
                saved(Path(folder), files, names, card, pictures or {})
                with self._asked(f"writing model {card.name}") as mlflow:
                    mlflow.log_artifacts(run_id, folder)
                    mlflow.set_terminated(run_id)
            found = self._register(card, run_id, f"{uri}/model")
        self.local.put(files)
        if alias is not None:
            self.alias(card.name, alias, found.version)
        return found

    def has(self, name: str) -> bool:
        """Whether any version of this name is registered."""
        with self._asked(f"model {name}") as mlflow:
            return bool(mlflow.search_registered_models(f"name = '{_plain(name)}'"))

    def versions(self, name: str) -> list[StoredModel]:
        """All that were registered by `record`, newest first."""
        with self._asked(f"versions of model {name}") as mlflow:
            found = mlflow.search_model_versions(f"name = '{_plain(name)}'")
            aliases = self.aliases(name)
        told = [_stored(one, _of(aliases, str(one.version))) for one in found if HASH_TAG in one.tags]
        return sorted(told, key=lambda one: -int(one.version))

    def aliases(self, name: str) -> dict[str, str]:
        """Alias -> version, of a registered model; none where there is no such model."""
        with self._asked(f"aliases of model {name}") as mlflow:
            found = mlflow.search_registered_models(f"name = '{_plain(name)}'")
            return {alias: str(version) for one in found for alias, version in one.aliases.items()}

    def alias(self, name: str, alias: str, version: str) -> None:
        """Let `models:/name@alias` stand for this version."""
        with self._asked(f"model {name}@{alias}") as mlflow:
            mlflow.set_registered_model_alias(name, alias, version)

    def promote(self, name: str, version: str, *, by: str) -> StoredModel:
        """Make a version the champion, as a person decided. Raises Rejected without that person's name; Missing for no such version."""
        if not by.strip():
            raise Rejected(f"model {name}: promotion of version {version} by nobody, expected the name of the person who approved it")
        chosen = self._version(name, version, "", f"{PREFIX}{name}/{version}")
        with self._asked(f"promotion of model {name}/{version}") as mlflow:
            mlflow.set_model_version_tag(name, version, APPROVED_TAG, by)
            mlflow.set_registered_model_alias(name, CHAMPION, version)
            if self.aliases(name).get(CHALLENGER) == version:
                mlflow.delete_registered_model_alias(name, CHALLENGER)
        return chosen

    def resolve(self, uri: str) -> StoredModel:
        """What `models:/name@alias` or `models:/name/7` stands for; its files are on this machine afterwards.

        Raises Rejected for a name of another form or a version that was not registered by `record`, Missing where there is none,
        Unreadable where its files are not those that were registered, Transient where MLflow is away and the name was never asked here.
        """
        name, version, alias = parsed(uri)
        key = alias or f"version {version}"
        known = self.local.remembered(name, key)
        if known is not None and not alias:
            return StoredModel(name, *known)
        try:
            found = self._version(name, version, alias, uri)
        except Transient:
            if known is None:
                raise
            return StoredModel(name, *known, is_remembered=True)
        self._bring(found)
        self.local.remember(name, key, found.version, found.sha256)
        self.local.remember(name, f"version {found.version}", found.version, found.sha256)
        return found

    def files(self, model: StoredModel) -> Files:
        """The files of a resolved model, from this machine, checked against its hash."""
        return self.local.get(model.sha256)

    def card(self, model: StoredModel) -> ModelCard:
        """The card that was recorded with a version."""
        run_id = model.run_id or self._version(model.name, model.version, "", model.uri).run_id
        with tempfile.TemporaryDirectory() as folder, self._asked(f"card of model {model.uri}") as mlflow:
            return card_of(Path(mlflow.download_artifacts(run_id, CARD, folder)).read_bytes())

    def _version(self, name: str, version: str, alias: str, uri: str) -> StoredModel:
        with self._asked(f"model {uri}") as mlflow:
            told = mlflow.get_model_version_by_alias(name, alias) if alias else mlflow.get_model_version(name, version)
            if HASH_TAG not in told.tags:
                raise Rejected(f"model {uri}: version {told.version} has no tag {HASH_TAG}, expected one that Tradewinds registered")
            return _stored(told, _of(self.aliases(name), str(told.version)))

    def _bring(self, model: StoredModel) -> None:
        """Its files, from MLflow's artifacts into the machine's own store."""
        if self.local.has(model.sha256):
            return
        with tempfile.TemporaryDirectory() as folder, self._asked(f"files of model {model.uri}") as mlflow:
            files = read_files(Path(mlflow.download_artifacts(model.run_id, folder_of_model(), folder)))
        if (found := files_hash(files)) != model.sha256:
            raise Unreadable(f"files of model {model.uri}: SHA-256 {found}, expected {model.sha256}, with which it was registered")
        self.local.put(files)

    def _run(self, card: ModelCard, params: Mapping[str, Any], metrics: Mapping[str, float | None]) -> tuple[str, str]:
        """(run, address of its artifacts) of a run that has everything but files."""
        from mlflow.entities import Metric, Param

        tags = {HASH_TAG: card.sha256, "tradewinds.model": card.name}
        with self._asked(f"run of model {card.name}") as mlflow:
            run = mlflow.create_run(self._experiment(mlflow), run_name=card.name, tags=tags)
            told = [Metric(name, value, 0, step) for name, value, step in figures(card, metrics)]
            said = [Param(name, value) for name, value in parameters(card, params)]
            for first in range(0, len(told), METRICS_AT_ONCE):
                mlflow.log_batch(run.info.run_id, metrics=told[first : first + METRICS_AT_ONCE])
            for first in range(0, len(said), PARAMS_AT_ONCE):
                mlflow.log_batch(run.info.run_id, params=said[first : first + PARAMS_AT_ONCE])
        return run.info.run_id, run.info.artifact_uri

    def _register(self, card: ModelCard, run_id: str, source: str) -> StoredModel:
        with self._asked(f"registering model {card.name}") as mlflow:
            if not mlflow.search_registered_models(f"name = '{_plain(card.name)}'"):
                mlflow.create_registered_model(card.name)
            tags = {HASH_TAG: card.sha256, "tradewinds.as_of_ns": str(card.as_of_ns)}
            return _stored(mlflow.create_model_version(card.name, source, run_id=run_id, tags=tags))

    def _experiment(self, mlflow: Any) -> str:
        found = mlflow.get_experiment_by_name(self._experiment_name)
        if found is not None:
            return str(found.experiment_id)
        return str(mlflow.create_experiment(self._experiment_name, artifact_location=self._artifacts))

    @contextmanager
    def _asked(self, what: str) -> Iterator[Any]:
        """MLflow's client; what it raises becomes ours."""
        with asked(what, self.uri):
            if self._client is None:
                if self.uri.startswith("sqlite"):
                    self._folder.mkdir(parents=True, exist_ok=True)
                self._client = client(self.uri)
            yield self._client


def parsed(uri: str) -> tuple[str, str, str]:
    """(name, version, alias) of `models:/name/7` or `models:/name@alias`; one of the last two is empty. Raises Rejected for other forms."""
    rest = uri.removeprefix(PREFIX) if uri.startswith(PREFIX) else ""
    name, at, alias = rest.partition("@")
    version = ""
    if not at:
        name, _, version = rest.rpartition("/")
    if not name or "/" in name or "'" in name or not (alias or version.isdecimal()):
        raise Rejected(f"model {uri!r}, expected models:/name@alias or models:/name/7")
    return name, version, alias


def _plain(name: str) -> str:
    if not name or set(name) & set("'\"/:@%"):
        raise Rejected(f"model {name!r}, expected a name without quotes, slashes, colons and @")
    return name


def _of(aliases: Mapping[str, str], version: str) -> tuple[str, ...]:
    return tuple(sorted(alias for alias, pointed in aliases.items() if pointed == version))


def _stored(told: Any, aliases: tuple[str, ...] = ()) -> StoredModel:
    return StoredModel(told.name, str(told.version), told.tags[HASH_TAG], str(told.run_id or ""), aliases)
