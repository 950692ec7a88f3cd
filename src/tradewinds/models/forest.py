"""Trees as LightGBM writes them, read strictly and answered by compiled code: whoever only asks needs no LightGBM and no thread of it.

1. The text is a head, then blocks `Tree=n` of `name=values`, then `end of trees`. LightGBM itself ends the process at a broken one; here
   it is Unreadable. Children come after their parents, so that every walk ends.
2. A row walks each tree: value <= threshold goes left. What is not known goes left or right as the node's decision type says (bit 2: left;
   bits 4 and 8: what counts as not known, 0 nothing, 1 zero, 2 NaN; NaN counts as 0 where it does not). Leaves are added in the order of
   the trees, as LightGBM adds them, so that the answers agree to the bit.

Source: LightGBM 4, include/LightGBM/tree.h, Tree::NumericalDecision.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from tradewinds.compiled import compiled
from tradewinds.core.errors import Unreadable
from tradewinds.models.sample import Floats, Ints

CATEGORICAL = 1
ZERO = 1e-35
ROWS_AT_ONCE = 64
"""Rows that walk a tree together, so that it is in the cache once for all of them."""

Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """Nodes and leaves of all trees behind each other. first_node, first_leaf: (trees + 1,). left, right: a node, or ~leaf.

    feature, decision, left, right, threshold, gain: (nodes,). leaf: (leaves,).
    """

    first_node: Ints
    first_leaf: Ints
    feature: Ints
    decision: Ints
    left: Ints
    right: Ints
    threshold: Floats
    gain: Floats
    leaf: Floats

    @property
    def trees(self) -> int:
        return len(self.first_node) - 1


def forest_of(text: bytes, features: int) -> Forest:
    """The trees of LightGBM's text over so many features. Raises Unreadable for anything that is not what it writes for a regression."""
    try:
        lines = text.decode("ascii").splitlines()
        head = dict(line.split("=", 1) for line in lines[: lines.index("")] if "=" in line)
        _check_head(lines, head, features)
        trees = [_tree(block, features) for block in _blocks(lines)]
    except (ValueError, KeyError, IndexError) as error:
        raise Unreadable(f"trees: {type(error).__name__} {str(error)[:120]}, expected the text that LightGBM writes") from None
    if len(trees) != len(head.get("tree_sizes", "").split()):
        raise Unreadable(f"trees: {len(trees)} of {len(head.get('tree_sizes', '').split())}, expected all of them")
    firsts = [np.array([0, *accumulate(len(tree[kind]) for tree in trees)], np.int64) for kind in ("feature", "leaf")]
    whole = [np.concatenate([tree[name] for tree in trees]) if trees else np.empty(0) for name in _PARTS]
    codes = [part.astype(np.int64) for part in whole[:4]]
    return Forest(firsts[0], firsts[1], codes[0], codes[1], codes[2], codes[3], whole[4], whole[5], whole[6])


def foretell(forest: Forest, rows: Floats) -> Floats:
    """(R,) sums of leaves of (R, K) rows; NaN is what is not known."""
    out = np.zeros(len(rows))
    _walk(
        forest.first_node, forest.first_leaf, forest.feature, forest.decision, forest.left, forest.right, forest.threshold, forest.leaf,
        rows, out,
    )  # fmt: skip
    return out


_PARTS = ("feature", "decision", "left", "right", "threshold", "gain", "leaf")
_NAMES = ("split_feature", "decision_type", "left_child", "right_child", "threshold", "split_gain", "leaf_value")


def _check_head(lines: list[str], head: dict[str, str], features: int) -> None:
    if not lines or lines[0] != "tree" or head.get("version") != "v4":
        raise Unreadable(f"trees: begin {lines[0][:20]!r}, version {head.get('version')!r}, expected 'tree' and v4")
    if head.get("num_class") != "1" or head.get("num_tree_per_iteration") != "1" or "average_output" in lines:
        raise Unreadable("trees: of several classes, or averaged, expected a boosted regression")
    if int(head["max_feature_idx"]) != features - 1:
        raise Unreadable(f"trees: over {int(head['max_feature_idx']) + 1} features, expected {features}")
    if "end of trees" not in lines:
        raise Unreadable("trees: no end, expected 'end of trees'")


def _blocks(lines: list[str]) -> Iterator[dict[str, str]]:
    block: dict[str, str] | None = None
    for line in lines[: lines.index("end of trees")]:
        if line.startswith("Tree="):
            block = {}
        elif not line and block:
            yield block
            block = None
        elif block is not None and line:
            name, _, value = line.partition("=")
            block[name] = value
    if block:
        yield block


def _tree(block: dict[str, str], features: int) -> dict[str, Floats]:
    leaves = int(block["num_leaves"])
    if leaves < 1 or block.get("num_cat", "0") != "0" or block.get("is_linear", "0") != "0":
        raise Unreadable(
            f"trees: {leaves} leaves, num_cat {block.get('num_cat')}, is_linear {block.get('is_linear')}, expected plain numbers"
        )
    tree = {
        part: np.array(block.get(name, "").split() if leaves > 1 or part == "leaf" else [], np.float64)
        for part, name in zip(_PARTS, _NAMES, strict=True)
    }
    if any(len(tree[part]) != leaves - (part != "leaf") for part in _PARTS):
        raise Unreadable(f"trees: {[len(tree[part]) for part in _PARTS]} values, expected {leaves - 1} a column and {leaves} leaves")
    # a split of what is known from what is not has an infinite threshold
    if not all(np.isfinite(values[~np.isinf(values)] if part == "threshold" else values).all() for part, values in tree.items()):
        raise Unreadable("trees: a value that is not finite, expected numbers")
    nodes = np.arange(leaves - 1)
    for side in ("left", "right"):
        child = tree[side]
        if not ((child == np.rint(child)) & (((child > nodes) & (child < leaves - 1)) | ((child < 0) & (child >= -leaves)))).all():
            raise Unreadable("trees: a child that is no later node and no leaf, expected one")
    if not ((tree["feature"] >= 0) & (tree["feature"] < features) & (tree["feature"] == np.rint(tree["feature"]))).all():
        raise Unreadable(f"trees: a split on no feature, expected 0 to {features - 1}")
    if (tree["decision"].astype(np.int64) & CATEGORICAL).any():
        raise Unreadable("trees: a split on categories, expected numbers")
    return tree


@compiled
def _walk(
    first_node: Ints, first_leaf: Ints, feature: Ints, decision: Ints, left: Ints, right: Ints, threshold: Floats, leaf: Floats,
    rows: Floats, out: Floats,
) -> None:  # fmt: skip
    for start in range(0, len(rows), ROWS_AT_ONCE):
        end = min(start + ROWS_AT_ONCE, len(rows))
        for tree in range(len(first_node) - 1):
            node0, leaf0 = first_node[tree], first_leaf[tree]
            if first_node[tree + 1] == node0:
                for row in range(start, end):
                    out[row] += leaf[leaf0]
                continue
            for row in range(start, end):
                node = 0
                while node >= 0:
                    at = node0 + node
                    value = rows[row, feature[at]]
                    missing = (decision[at] >> 2) & 3
                    if np.isnan(value):
                        if missing == 2:
                            node = left[at] if decision[at] & 2 else right[at]
                            continue
                        value = 0.0
                    if missing == 1 and -ZERO <= value <= ZERO:
                        node = left[at] if decision[at] & 2 else right[at]
                    else:
                        node = left[at] if value <= threshold[at] else right[at]
                out[row] += leaf[leaf0 + ~node]
