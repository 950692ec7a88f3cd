"""Errors say what to do next, by class and by exit code."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tradewinds.core import errors


@pytest.mark.parametrize(
    ("error", "code", "kind"),
    [
        (errors.Transient, 75, errors.TradewindsError),
        (errors.Late, 75, errors.Transient),
        (errors.Rejected, 2, errors.TradewindsError),
        (errors.DataFault, 65, errors.TradewindsError),
        (errors.Unreadable, 65, errors.DataFault),
        (errors.Missing, 65, errors.DataFault),
        (errors.OutcomeUnknown, 75, errors.TradewindsError),
        (errors.Invariant, 70, errors.TradewindsError),
    ],
)
def test_every_class_ends_a_command_with_its_own_code(error: type[errors.TradewindsError], code: int, kind: type[Exception]) -> None:
    assert error.exit_code == code
    assert issubclass(error, kind)


def test_a_wait_that_the_other_side_named_travels_with_the_error() -> None:
    assert errors.Transient("asked too often").retry_after_s is None
    assert errors.Late("not there yet", retry_after_s=119.0).retry_after_s == 119.0


def test_an_unknown_outcome_is_not_something_to_repeat_blindly() -> None:
    assert not issubclass(errors.OutcomeUnknown, errors.Transient)


def test_the_ground_floor_imports_the_standard_library_only() -> None:
    program = (
        "import sys, pkgutil, importlib, tradewinds.core as core;"
        "[importlib.import_module(f'tradewinds.core.{m.name}') for m in pkgutil.iter_modules(core.__path__)];"
        "print(sorted({m.partition('.')[0] for m in sys.modules} - set(sys.stdlib_module_names) - {'__main__', 'tradewinds'}))"
    )

    found = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {program}"], capture_output=True, text=True, check=True
    )

    assert found.stdout.strip() == "[]"
