"""Weights of rows whose labels overlap: a label that shares its bars with others tells less of its own.

The uniqueness of a label is the mean, over the time it spans, of one over the number of labels of the same instrument that are open then.
Source: Lopez de Prado, Advances in Financial Machine Learning (2018), 4.3 and 4.4.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tradewinds.models.sample import Floats, Sample


def uniqueness(sample: Sample) -> Floats:
    """(R,) in (0, 1]. Time is counted in stretches between moments at which any label starts or ends: sessions, where labels are daily."""
    edges = np.unique(np.concatenate([sample.starts_ns, sample.label_end_ns]))
    first, last = np.searchsorted(edges, sample.starts_ns), np.searchsorted(edges, sample.label_end_ns)
    opened = np.zeros((len(sample.universe), len(edges) + 1))
    np.add.at(opened, (sample.instruments, first), 1.0)
    np.add.at(opened, (sample.instruments, last), -1.0)
    count = np.cumsum(opened, axis=1)[:, : len(edges)]
    share = np.divide(1.0, count, out=np.zeros_like(count), where=count > 0)
    upto = np.concatenate([np.zeros((len(sample.universe), 1)), np.cumsum(share, axis=1)], axis=1)
    return np.asarray((upto[sample.instruments, last] - upto[sample.instruments, first]) / (last - first), np.float64)


def weighed(sample: Sample) -> Sample:
    """The sample with weights by uniqueness, which sum to the number of its rows."""
    found = uniqueness(sample)
    return replace(sample, weight=found * (len(sample) / float(found.sum()))) if len(sample) else sample
