"""Memory is used again only when nobody can see it any more."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from tradewinds.compiled import arena

LARGE = arena.KEPT_FROM_BYTES // 8


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    vars(arena._threads).clear()


def test_memory_that_nobody_refers_to_is_handed_out_again() -> None:
    first = arena.empty((LARGE,))
    place = first.ctypes.data
    del first

    again = arena.empty((LARGE // 2, 2))

    assert again.ctypes.data == place
    assert again.shape == (LARGE // 2, 2)


def test_a_view_keeps_memory_from_being_used_again() -> None:
    first = arena.empty((LARGE,))
    first[:] = 7.0
    tail = first[-3:]
    del first

    other = arena.empty((LARGE,))
    other[:] = 0.0

    assert tail.tolist() == [7.0, 7.0, 7.0]


def test_two_that_are_in_use_never_share_memory() -> None:
    first, second = arena.empty((LARGE,)), arena.empty((LARGE,))

    assert not np.shares_memory(first, second)


def test_what_was_fixed_can_be_written_when_it_is_handed_out_again() -> None:
    first = arena.empty((LARGE,))
    arena.fix(first)
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 1.0
    del first

    again = arena.empty((LARGE,))
    again[0] = 1.0

    assert again[0] == 1.0


def test_a_small_array_is_new_memory_of_its_own() -> None:
    assert arena.empty((10, 2)).base is None
    assert not hasattr(arena._threads, "kept")


def test_what_is_kept_is_bounded() -> None:
    many = [arena.empty((8 * LARGE + extra,)) for extra in range(12)]

    assert len(many) == 12
    assert sum(one.nbytes for one in arena._threads.kept) <= arena.KEPT_BYTES_MAX


def test_another_thread_has_memory_of_its_own() -> None:
    first = arena.empty((LARGE,))
    place = first.ctypes.data
    del first
    found: list[int] = []

    thread = threading.Thread(target=lambda: found.append(arena.empty((LARGE,)).ctypes.data))
    thread.start()
    thread.join()

    assert found != [place]
