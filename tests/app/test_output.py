"""What people and programs read on standard output."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from tradewinds.app.output import cell, plain, print_json, print_table


@dataclass(frozen=True)
class Seen:
    at_ns: int
    until_ns: int | None
    price: float


def test_json_has_no_nan_and_iso_times(capsys: pytest.CaptureFixture[str]) -> None:
    print_json(
        {
            "nan": float("nan"),
            "inf": [float("inf"), 1.5],
            "at": datetime(2024, 1, 31, 16, tzinfo=UTC),
            "day": date(2024, 1, 31),
            "tick": Decimal("1E-8"),
            "seen": Seen(1706716800000000000, None, float("nan")),
        }
    )

    assert json.loads(capsys.readouterr().out) == {
        "nan": None,
        "inf": [None, 1.5],
        "at": "2024-01-31T16:00:00Z",
        "day": "2024-01-31",
        "tick": "0.00000001",
        "seen": {"at": "2024-01-31T16:00:00Z", "until": None, "price": None},
    }


def test_tiny_and_large_prices_are_written_out() -> None:
    assert [cell(value) for value in (0.00000812, 100000.0, 1234567, None, True, float("nan"))] == [
        "0.00000812",
        "100000",
        "1,234,567",
        "-",
        "yes",
        "-",
    ]
    assert cell(datetime(2024, 1, 31, 14, 30, tzinfo=UTC)) == "2024-01-31 14:30Z"
    assert cell(datetime(2024, 1, 31, 14, 30, 1, tzinfo=UTC)) == "2024-01-31 14:30:01Z"


def test_text_of_others_neither_steers_the_terminal_nor_is_read_as_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("t", ("detail",), [("[bold]x[/bold] \x1b[31mred\n",)])

    assert "[bold]x[/bold] \\x1b[31mred\\n" in capsys.readouterr().out


def test_a_table_that_fits_has_one_line_for_each_row(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "40")

    print_table("Bars", ("day", "close"), [("2024-01-02", 1.5), ("2024-01-03", 12.25)])

    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == ["2024-01-02    1.5", "2024-01-03  12.25"]


def test_where_it_is_narrow_spare_columns_go_and_it_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    rows = [("2024-01-02", "x" * 20, 1.5)]

    print_table("Bars", ("day", "hash", "close"), rows, spare=("hash",))

    printed = capsys.readouterr()
    assert printed.out.splitlines()[-1].split() == ["2024-01-02", "1.5"]
    assert "not shown, for want of width: hash" in printed.err


def test_what_cannot_stand_side_by_side_is_shown_as_records(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "30")

    print_table("", ("first", "second"), [("a" * 30, "b"), ("c", "d")])

    assert capsys.readouterr().out == f"first   {'a' * 30}\nsecond  b\n\nfirst   c\nsecond  d\n"


def test_a_table_without_rows_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("Findings", ("kind",), [], if_empty="none")

    assert capsys.readouterr().out == "Findings: none\n"


def test_what_json_does_not_know_becomes_text() -> None:
    assert plain({1: {2.5}, "raw": b"\x00\xff"}) == {"1": [2.5], "raw": "00ff"}
