"""What jobs ask of the place where models are kept; `stores.model_registry.ModelRegistry` is it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from tradewinds.models.card import ModelCard
from tradewinds.models.learner import Files

CHAMPION, CHALLENGER = "champion", "challenger"


class KeptModel(Protocol):
    """A version of a model. is_remembered: MLflow was away, and this is what the name stood for when last asked."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def sha256(self) -> str: ...

    @property
    def is_remembered(self) -> bool: ...


class Models(Protocol):
    """Versions and aliases by name. Every method raises Transient where the registry is away; see the store for the rest."""

    def record(
        self,
        files: Files,
        card: ModelCard,
        *,
        params: Mapping[str, Any] | None = None,
        metrics: Mapping[str, float | None] | None = None,
        pictures: Mapping[str, bytes] | None = None,
        alias: str | None = None,
    ) -> KeptModel: ...

    def has(self, name: str) -> bool: ...

    def versions(self, name: str) -> Sequence[KeptModel]: ...

    def aliases(self, name: str) -> Mapping[str, str]: ...

    def alias(self, name: str, alias: str, version: str) -> None: ...

    def promote(self, name: str, version: str, *, by: str) -> KeptModel: ...

    def resolve(self, uri: str) -> KeptModel: ...

    def files(self, model: Any) -> Files: ...

    def card(self, model: Any) -> ModelCard: ...
