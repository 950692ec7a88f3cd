"""The state of a strategy goes into text and comes back exactly; what cannot come back is refused by name."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.trading.state import dump, restore
from tradewinds.trading.strategy import Params


@dataclass
class Setup:
    price: float
    bars: int


class Mean:
    """An indicator as strategies hold them: `state()` and `restore(value)`."""

    def __init__(self, length: int) -> None:
        self._values: deque[float] = deque(maxlen=length)

    def update(self, value: float) -> float:
        self._values.append(value)
        return sum(self._values) / len(self._values)

    def state(self) -> list[float]:
        return list(self._values)

    def restore(self, value: list[float]) -> None:
        self._values.clear()
        self._values.extend(value)


class Kept:
    def __init__(self, value: Any = None) -> None:
        self.value = value

    def on_bar(self, view: object) -> None:
        """The names of this file's dataclasses are found through it."""


def round_trip(value: Any, fresh: Any = None) -> Any:
    again = Kept(fresh)
    restore(again, dump(Kept(value)))
    assert dump(again) == dump(Kept(value))
    return again.value


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(PLAIN)
def test_plain_values_come_back_with_their_types(value: Any) -> None:
    assert repr(round_trip(value)) == repr(value)


@pytest.mark.parametrize(
    "value",
    [
        {3: "c", 1: "a"},
        {(1, "x"): [1.5]},
        {"$float": 1},
        {1, 2, 3},
        frozenset({"a"}),
        deque([1.0, float("nan"), float("-inf")], maxlen=3),
        np.float32(1.1),
        np.datetime64("2024-01-31T00:00", "ns"),
        Params(fast=3, slow=10),
        Setup(101.25, 3),
        [Setup(1.0, 1), Setup(2.0, 2)],
        -0.0,
        "a \u2603",
    ],
    ids=repr,
)
def test_what_strategies_keep_comes_back(value: Any) -> None:
    back = round_trip(value)

    assert repr(back) == repr(value)
    assert type(back) is type(value)


def test_arrays_come_back_to_the_bit_and_can_be_written() -> None:
    value = np.array([[1.0, np.nan], [-0.0, 1e-300]])

    back = round_trip(value)

    assert back.tobytes() == value.tobytes()
    assert back.shape == (2, 2)
    back[0, 0] = 2.0


def test_a_dict_keeps_its_order() -> None:
    assert list(round_trip({"b": 1, "a": 2})) == ["b", "a"]


def test_indicators_are_restored_in_place_also_within_lists_and_dicts() -> None:
    # given
    used = {"fast": Mean(2), "slow": [Mean(3), Mean(4)]}
    for price in (1.0, 2.0, 4.0):
        used["fast"].update(price)  # type: ignore[attr-defined]
        for one in used["slow"]:  # type: ignore[attr-defined]
            one.update(price)

    # when
    back = round_trip(used, {"fast": Mean(2), "slow": [Mean(3), Mean(4)]})

    # then
    assert back["fast"].update(6.0) == 5.0
    assert back["slow"][0].update(6.0) == 4.0


def test_an_indicator_that_the_new_object_has_not_made_is_refused() -> None:
    with pytest.raises(Rejected, match="attribute value is missing in the new object, expected it to be made in __init__"):
        round_trip(Mean(2), None)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (object(), "attribute value is a object"),
        ([1, {"deep": lambda: None}], "attribute value[1]['deep'] is a function"),
        (SimpleNamespace(a=1), "attribute value is a SimpleNamespace"),
        (np.array([object()]), "attribute value is an array of object"),
    ],
)
def test_what_cannot_come_back_is_refused_by_the_name_of_its_attribute(value: Any, said: str) -> None:
    with pytest.raises(Rejected) as refused:
        dump(Kept(value))

    assert said in str(refused.value)


def test_a_dataclass_that_the_strategy_cannot_name_is_refused() -> None:
    @dataclass
    class Hidden:
        price: float

    with pytest.raises(Rejected, match=r"attribute value is a .*Hidden, expected a dataclass that the strategy's file names"):
        dump(Kept(Hidden(1.0)))


def test_one_list_behind_two_attributes_is_refused() -> None:
    kept = Kept([1])
    kept.other = kept.value  # type: ignore[attr-defined]

    with pytest.raises(Rejected, match="attributes other and value are one object, expected one of their own each"):
        dump(kept)


def test_slots_count_as_attributes_and_unset_ones_stay_unset() -> None:
    class Slotted:
        __slots__ = ("long", "price")
        long: bool
        price: float

    before, after = Slotted(), Slotted()
    before.long = True
    after.price = 3.0

    restore(after, dump(before))

    assert after.long is True
    assert not hasattr(after, "price")


def test_the_same_state_is_the_same_text() -> None:
    one, two = Kept({"a", "b", "c"}), Kept({"c", "b", "a"})

    assert dump(one) == dump(two) == '{"attributes":{"value":{"$set":["a","b","c"]}},"format":1}'


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[1]", '{"format":9,"attributes":{}}', '{"format":1,"attributes":{"a":{"$wat":1}}}', '{"format":1,"attributes":{"a":{}}}'],
)
def test_text_that_no_dump_wrote_is_a_fault_of_data(text: str) -> None:
    with pytest.raises(DataFault):
        restore(Kept(), text)
