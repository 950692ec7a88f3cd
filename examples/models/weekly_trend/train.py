"""A model from a file of daily bars to a card, by hand: what the nightly jobs do, in one screen.

    python train.py --bars bars.csv                      # prints the card
    python train.py --bars bars.csv --learner trees --home ~/.local/share/tradewinds   # and registers the model
    mlflow run . -P bars=bars.csv --env-manager local

bars.csv has the columns date, instrument, close.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import polars as pl
import yaml

from tradewinds.factors.expression import parse
from tradewinds.models.bound import with_features
from tradewinds.models.card import card
from tradewinds.models.drift import with_reference
from tradewinds.models.label import check_future, label_of
from tradewinds.models.sample import sample_of
from tradewinds.models.split import WalkForward, walk_forward
from tradewinds.models.train import latest, train, train_folds
from tradewinds.models.uniqueness import weighed

FEATURES = {
    "momentum": "zscore(momentum(60, 5))",
    "reversal": "zscore(-reversal(5))",
    "volatility": "zscore(volatility(20))",
}
LABEL = {"kind": "forward_return", "horizon": 5}
WALK = WalkForward(train=252, test=63, embargo=5)


def main(arguments=None):
    """Train, judge out of sample, print the card; register the model where a home is named."""
    asked = _arguments(arguments)
    learner = yaml.safe_load((Path(__file__).parent / "learners.yaml").read_text())[asked.learner]
    instruments, times, close = read(asked.bars)

    label = label_of(LABEL, times, close)
    check_future(label, close)  # raises where the label is made of the past
    features = np.stack([parse(text).compute({"close": close}) for text in FEATURES.values()], axis=2)
    sample = weighed(sample_of(tuple(FEATURES), instruments, times, features, label))

    judged = train_folds(sample, learner, walk_forward(sample, WALK))
    rows = latest(sample, WALK)
    files = with_reference(with_features(train(learner, rows), FEATURES), rows)
    made = card(
        "weekly_trend", files, rows, judged, label=LABEL, learner=learner, walk={"train": WALK.train, "test": WALK.test},
        as_of_ns=int(times[-1]), tables={Path(asked.bars).name: 1}, code="example",
    )  # fmt: skip
    sys.stdout.write(made.as_markdown())
    if asked.home:
        from tradewinds.stores.model_registry import ModelRegistry

        stored = ModelRegistry(Path(asked.home)).record(files, made, alias="challenger")
        sys.stdout.write(f"\nregistered as {stored.uri}, SHA-256 {stored.sha256}\n")
    return made


def read(place):
    """(instruments, times (T,), closes (T, N)) of a CSV."""
    wide = pl.read_csv(place, try_parse_dates=True).pivot("instrument", index="date", values="close").sort("date")
    times = wide["date"].cast(pl.Datetime("ns")).cast(pl.Int64).to_numpy()
    return tuple(wide.columns[1:]), times, np.ascontiguousarray(wide[:, 1:].to_numpy().astype(np.float64))


def _arguments(given):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bars", required=True)
    parser.add_argument("--learner", default="ridge")
    parser.add_argument("--home", default="")
    return parser.parse_args(given)


if __name__ == "__main__":
    main()
