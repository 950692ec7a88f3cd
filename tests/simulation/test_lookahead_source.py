"""What is read off a strategy's code without running it."""

from __future__ import annotations

import datetime
import random
import time
from datetime import datetime as moment
from time import time as seconds
from typing import Any

import numpy as np
import pytest

from tradewinds.simulation.lookahead_source import hidden_inputs, text_constants


def _by_module(panel: Any) -> float:
    return time.time() + panel.close


def _by_name(panel: Any) -> float:
    return seconds() + panel.close


def _by_date(panel: Any) -> Any:
    return moment.now(datetime.UTC), panel


def _calls_another(panel: Any) -> float:
    return _by_module(panel)


def _in_a_lambda(panel: Any) -> Any:
    later = lambda: (datetime.date.today(), panel)  # noqa: DTZ011, E731 -- a clock inside another function is what is tried
    return later()


def _tosses(panel: Any) -> float:
    return random.random() + np.random.normal()


def _imports_the_machine(panel: Any) -> Any:
    import os

    return os.getpid()


class _Asks:
    def on_bar(self, view: Any) -> float:
        return self._chance()

    def _chance(self) -> float:
        return random.gauss(0, 1)


def _seeded(panel: Any) -> Any:
    return np.random.default_rng(5).normal(size=3), random.Random(7).random()


_MACHINE = "os"


def _shadows(time: Any) -> Any:
    return time.time(), _MACHINE.upper()


def _reads_given_times(panel: Any) -> Any:
    return time.gmtime(panel.times[0] / 1e9), datetime.datetime.fromtimestamp(panel.event_ns[0] / 1e9, datetime.UTC), panel.now_ns


@pytest.mark.parametrize("code", [_by_module, _by_name, _by_date, _calls_another, _in_a_lambda])
def test_a_clock_is_seen(code: Any) -> None:
    assert hidden_inputs(code) == ("the machine's clock",)


@pytest.mark.parametrize(
    ("code", "read"), [(_tosses, "chance without a seed"), (_Asks, "chance without a seed"), (_imports_the_machine, "the module os")]
)
def test_chance_and_the_machine_are_seen(code: Any, read: str) -> None:
    assert hidden_inputs(code) == (read,)


@pytest.mark.parametrize("code", [_seeded, _shadows, _reads_given_times])
def test_seeded_chance_and_given_times_are_no_hidden_input(code: Any) -> None:
    assert hidden_inputs(code) == ()


def test_texts_that_could_be_fields_are_found() -> None:
    def code(panel: Any) -> Any:
        return [panel.other("filings", name) for name in ("profit", "net_debt")], "not a name"

    assert text_constants(code) == ("filings", "net_debt", "profit")
