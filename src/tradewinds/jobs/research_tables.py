"""What research keeps in the lake, by book. All wide, one row an instrument and session, partitioned by year.

    features-<book>-<definition>   a column a feature
    risk-exposures-<book>-<factors>, risk-covariance-<book>-<factors>, risk-returns-<book>, risk-specific-<book>
    predictions-<book>   key model: version, sha256, score
    out-of-sample-<book> keys model, trained: what was foretold of unseen sessions, and what came
    signals-<book>       score; target weight, the one before, the rung of the ladder
    night-<step>-<book>  how that step of a night ended, and why; the next step waits for it

Rows about a factor have the instrument `<FACTOR>.RISK`, rows about the book `<BOOK>.NIGHT`.
A row's known_ns is when the last of what it was made from became known, so that a night that runs again publishes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from tradewinds.core.observation import Column, Dataset, Table


def features_table(book: str, expressions: Mapping[str, str]) -> Table:
    """A column a feature. Other expressions are another table, so that a changed definition never mixes with values of the old one."""
    return Table(Dataset(f"features-{book}-{definition(expressions)}", tuple(Column(name) for name in expressions), partitioning="year"))


def definition(expressions: Mapping[str, str]) -> str:
    """Eight hexadecimal digits of what the expressions say, in their order."""
    return _digest([f"{name}={text}" for name, text in expressions.items()])


def exposures_table(book: str, factors: Sequence[str]) -> Table:
    return Table(Dataset(f"risk-exposures-{book}-{_digest(factors)}", tuple(Column(name) for name in factors), partitioning="year"))


def factor_returns_table(book: str) -> Table:
    return Table(Dataset(f"risk-returns-{book}", (Column("value", unit="fraction"), Column("t_statistic")), partitioning="year"))


def covariance_table(book: str, factors: Sequence[str]) -> Table:
    """Other factors are another table, as for features."""
    columns = tuple(Column(name, unit="fraction squared") for name in factors)
    return Table(Dataset(f"risk-covariance-{book}-{_digest(factors)}", columns, partitioning="year"))


def specific_table(book: str) -> Table:
    columns = (Column("specific_return", unit="fraction"), Column("specific_variance", unit="fraction squared"))
    return Table(Dataset(f"risk-specific-{book}", columns, partitioning="year"))


def predictions_table(book: str) -> Table:
    columns = (Column("model", "text"), Column("version", "text"), Column("sha256", "text"), Column("score"))
    return Table(Dataset(f"predictions-{book}", columns, keys=("model",), partitioning="year"))


def out_of_sample_table(book: str) -> Table:
    """What a model foretold of sessions that it had not seen, beside what came; `trained`: the partition of the training run."""
    columns = (Column("model", "text"), Column("trained", "text"), Column("fold", "int"), Column("score"), Column("label"))
    more = (Column("label_start_ns", "int"), Column("label_end_ns", "int"))
    return Table(Dataset(f"out-of-sample-{book}", (*columns, *more), keys=("model", "trained"), partitioning="year"))


def signals_table(book: str) -> Table:
    columns = (Column("score"), Column("weight", unit="fraction"), Column("weight_before", unit="fraction"), Column("rung", "text"))
    return Table(Dataset(f"signals-{book}", columns, partitioning="year"))


def night_table(book: str, step: str) -> Table:
    """How a step of a night ended; a table for each step, because the next step waits for it."""
    columns = (Column("state", "text"), Column("gaps", "text"), Column("detail", "text"))
    return Table(Dataset(f"night-{step.replace('_', '-')}-{book}", columns, partitioning="year"))


STEPS = ("features", "risk_model", "predict", "signals", "report")


def tables_of_book(book: str, features: Mapping[str, str], factors: Sequence[str]) -> list[Table]:
    """Every table of a book as it is configured now; those of other expressions or factors, before it was changed, are not among them."""
    tables = [exposures_table(book, factors), covariance_table(book, factors), factor_returns_table(book), specific_table(book)]
    tables += [predictions_table(book), out_of_sample_table(book), signals_table(book), *(night_table(book, step) for step in STEPS)]
    return [features_table(book, features), *tables] if features else tables


def book_table(step: str, book: str) -> str:
    """The name of the table whose publication says that a step of the night is over."""
    return night_table(book, step).name


def _digest(words: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(list(words)).encode()).hexdigest()[:8]
