"""A small network of dense layers. PyTorch trains it (the extra `torch`); it is kept as plain arrays and answered without PyTorch.

Features are standardised, what is not known counts as the mean; the label is standardised too. Layers are W x + b with max(0, .) between
them. Deterministic: one thread, one seed, rows drawn in an order that the seed fixes.
Source: Goodfellow, Bengio, Courville, Deep Learning (2016), chapter 6; Loshchilov & Hutter, Decoupled Weight Decay (2019).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import numpy as np

from tradewinds.core.errors import DataFault, Rejected, Unreadable
from tradewinds.models.arrays import of_bytes, to_bytes
from tradewinds.models.learner import MODEL, Files, FittedModel, Learner, head_file, rows_to_ask
from tradewinds.models.sample import Floats, Sample
from tradewinds.models.standard import moments, standardised

KIND = "network"
WEIGHTS = "weights.npz"
LAYERS_MAX, WIDTH_MAX, EPOCHS_MAX = 10, 4_096, 10_000


@dataclass(frozen=True, slots=True)
class Network:
    """hidden: widths of the layers between. epochs: passes over the rows, `batch` rows a step. decay: of the weights."""

    hidden: tuple[int, ...] = (32, 16)
    epochs: int = 30
    batch: int = 512
    rate: float = 1e-3
    decay: float = 1e-2
    seed: int = 7

    def __post_init__(self) -> None:
        if not self.hidden or len(self.hidden) > LAYERS_MAX or not all(type(one) is int and 1 <= one <= WIDTH_MAX for one in self.hidden):
            raise Rejected(f"learner network: hidden {list(self.hidden)!r}, expected up to {LAYERS_MAX} widths from 1 to {WIDTH_MAX}")
        if not 1 <= self.epochs <= EPOCHS_MAX or self.batch < 1 or not 0 < self.rate < math.inf or not 0 <= self.decay < math.inf:
            raise Rejected(
                f"learner network: {self.epochs} epochs, batch {self.batch}, rate {self.rate}, decay {self.decay}, "
                f"expected 1 to {EPOCHS_MAX}, at least 1, above 0, at least 0"
            )

    @property
    def kind(self) -> str:
        return KIND

    def fit(self, sample: Sample) -> FittedModel:
        """Raises Rejected without PyTorch, DataFault where the rows have no weight or the training does not end in finite numbers."""
        if find_spec("torch") is None:
            raise Rejected("learner network: PyTorch is not installed, expected the extra: pip install 'tradewinds[torch]'")
        if not len(sample) or float(sample.weight.sum()) <= 0:
            raise DataFault(f"network: {len(sample)} rows of weight {float(sample.weight.sum()):g}, expected some")
        centre, scale = moments(sample.features, sample.weight)
        mean = float(np.average(sample.label, weights=sample.weight))
        spread = math.sqrt(float(np.average((sample.label - mean) ** 2, weights=sample.weight))) or 1.0
        layers = self._trained(standardised(sample.features, centre, scale), (sample.label - mean) / spread, sample.weight)
        if not all(np.isfinite(one).all() for layer in layers for one in layer):
            raise DataFault(f"network: weights that are not finite after {self.epochs} epochs, expected a lower rate than {self.rate}")
        return FittedNetwork(sample.names, centre, scale, mean, spread, tuple(layers))

    def _trained(self, x: Floats, y: Floats, weight: Floats) -> list[tuple[Floats, Floats]]:
        """(weights, offsets) of each layer."""
        import torch

        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            draw = torch.Generator().manual_seed(self.seed)
            widths = (x.shape[1], *self.hidden, 1)
            parts: list[Any] = []
            for before, after in pairwise(widths):
                layer = torch.nn.Linear(before, after, dtype=torch.float64)
                with torch.no_grad():  # He et al. (2015), from our own generator
                    layer.weight.copy_(torch.randn(after, before, generator=draw, dtype=torch.float64) * math.sqrt(2.0 / before))
                    layer.bias.zero_()
                parts += [layer, torch.nn.ReLU()]
            network = torch.nn.Sequential(*parts[:-1])
            self._descend(torch, network, draw, torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(weight))
        finally:
            torch.set_num_threads(threads)
        return [(one.weight.detach().numpy().copy(), one.bias.detach().numpy().copy()) for one in parts[::2]]

    def _descend(self, torch: Any, network: Any, draw: Any, x: Any, y: Any, weight: Any) -> None:
        steps = torch.optim.AdamW(network.parameters(), lr=self.rate, weight_decay=self.decay)
        for _ in range(self.epochs):
            for rows in torch.randperm(len(x), generator=draw).split(self.batch):
                steps.zero_grad()
                loss = (weight[rows] * (network(x[rows])[:, 0] - y[rows]) ** 2).sum() / weight[rows].sum().clamp_min(1e-300)
                loss.backward()
                steps.step()


@dataclass(frozen=True, slots=True, eq=False)
class FittedNetwork:
    """centre, scale: (K,) of the features; mean, spread: of the label. layers: (weights (after, before), offsets (after,)) of each."""

    names: tuple[str, ...]
    centre: Floats
    scale: Floats
    mean: float
    spread: float
    layers: tuple[tuple[Floats, Floats], ...]

    def predict(self, features: Floats) -> Floats:
        """See `FittedModel.predict`; the last digit may be rounded otherwise in other company."""
        rows, is_asked = rows_to_ask(self.names, features)
        x = standardised(np.where(is_asked[:, None], rows, np.nan), self.centre, self.scale)
        for number, (weights, offsets) in enumerate(self.layers):
            x = (np.maximum(x, 0.0) if number else x) @ weights.T + offsets
        return np.where(is_asked, x[:, 0] * self.spread + self.mean, np.nan)

    def files(self) -> Files:
        head = {"mean": self.mean, "spread": self.spread, "layers": len(self.layers)}
        arrays = {"centre": self.centre, "scale": self.scale}
        for number, (weights, offsets) in enumerate(self.layers):
            arrays |= {f"weights_{number}": weights, f"offsets_{number}": offsets}
        return {MODEL: head_file(KIND, self.names, head), WEIGHTS: to_bytes(arrays)}

    def importance(self) -> Floats:
        """Shares of the product of the layers' absolute weights: how far a feature reaches, whatever the signs on the way."""
        reach = np.ones(1)
        for weights, _ in reversed(self.layers):
            reach = reach @ np.abs(weights)
        size = reach * (self.scale > 0)
        total = float(size.sum())
        return size / total if total > 0 else size


def learner(words: Mapping[str, Any]) -> Learner:
    """From YAML: hidden, epochs, batch, rate, decay, seed."""
    known = ("hidden", "epochs", "batch", "rate", "decay", "seed")
    if unknown := sorted(set(words) - set(known)):
        raise Rejected(f"learner network: {unknown[0]!r}, expected one of {', '.join(known)}")
    given = dict(words)
    if "hidden" in given:
        given["hidden"] = tuple(given["hidden"])
    return Network(**given)


def load(head: Mapping[str, Any], files: Files) -> FittedModel:
    """The model of `weights.npz`."""
    names, count = tuple(head["features"]), head.get("layers")
    if WEIGHTS not in files or type(count) is not int or not 1 <= count <= LAYERS_MAX + 1:
        raise Unreadable(
            f"model network: {count!r} layers in files {', '.join(sorted(files))}, expected {WEIGHTS} with 1 to {LAYERS_MAX + 1}"
        )
    arrays = of_bytes(files[WEIGHTS], f"model network: {WEIGHTS}")
    layers = tuple(
        (np.asarray(arrays[f"weights_{number}"], np.float64), np.asarray(arrays[f"offsets_{number}"], np.float64))
        for number in range(count)
    )
    width = len(names)
    for weights, offsets in layers:
        if weights.ndim != 2 or weights.shape[1] != width or offsets.shape != weights.shape[:1]:
            raise Unreadable(f"model network: a layer of {weights.shape} and {offsets.shape}, expected one that takes {width} numbers")
        width = len(weights)
    centre, scale = (np.asarray(arrays[name], np.float64) for name in ("centre", "scale"))
    if width != 1 or centre.shape != (len(names),) or scale.shape != (len(names),):
        raise Unreadable(f"model network: {width} answers over {centre.shape} and {scale.shape}, expected 1 over {len(names)} features")
    return FittedNetwork(names, centre, scale, float(head["mean"]), float(head["spread"]), layers)
