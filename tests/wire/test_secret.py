"""Secrets that cannot be printed by accident."""

from __future__ import annotations

import pickle
from dataclasses import dataclass

import pytest

from tradewinds.wire.secret import Secret


@dataclass
class Holder:
    key: Secret


def test_no_way_of_printing_shows_it():
    secret = Secret(" k3y-of-nobody\n")

    shown = f"{secret} {secret!r} {secret!s} {Holder(secret)} {[secret]} {vars(Holder(secret))}"

    assert "k3y" not in shown
    assert secret.reveal() == "k3y-of-nobody"


def test_it_is_not_written_to_disk_with_other_things():
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Secret("k3y"))


def test_it_is_hidden_wherever_it_stands_in_a_message():
    secret = Secret("k3y").behind("Bearer ")

    assert secret.reveal() == "Bearer k3y"
    assert secret.redact("Bearer k3y and k3y again") == "Bearer *** and *** again"
    assert Secret("").redact("nothing to hide") == "nothing to hide"


def test_equal_secrets_are_equal():
    assert Secret("k3y") == Secret("k3y")
    assert Secret("k3y") != Secret("k3y").behind("Bearer ")
    assert Secret("k3y") != "k3y"
    assert len({Secret("k3y"), Secret("k3y")}) == 1
    assert not Secret("")
