"""How MLflow serves a model of ours: `mlflow models serve -m models:/trend@champion --env-manager local` finds this module in its MLmodel.

A request's rows are features by name, or in the model's order where they have no names; the answer is one score a row.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tradewinds.core.errors import Rejected
from tradewinds.models.learner import FittedModel, load_model
from tradewinds.stores.model_files import read_files

LOADER = "tradewinds.stores.model_serving"
METADATA = "MLmodel"


class ServedModel:
    """A fitted model as MLflow asks it."""

    def __init__(self, model: FittedModel) -> None:
        self.model = model

    def predict(self, rows: Any, params: Any = None) -> Any:
        """Scores of a pandas frame with a column a feature, or of an array in the model's order. Unknown scores are null."""
        names = self.model.names
        if hasattr(rows, "columns"):
            missing = [name for name in names if name not in rows.columns]
            if missing:
                raise Rejected(f"model: no column {missing[0]!r}, expected {len(names)} features, {missing[0]!r} among them")
            rows = rows[list(names)].to_numpy(np.float64)
        return [None if np.isnan(one) else float(one) for one in self.model.predict(np.asarray(rows, np.float64))]


def _load_pyfunc(path: str) -> ServedModel:
    """What MLflow calls with the folder of the model's files; they must have the hash that stands in its MLmodel."""
    import yaml

    folder = Path(path)
    told = yaml.safe_load((folder.parents[1] / METADATA).read_text(encoding="utf-8"))
    return ServedModel(load_model(read_files(folder), sha256=told["metadata"]["sha256"]))
