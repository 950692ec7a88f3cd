"""Override files that the configuration names are in force for everybody in the process."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from tradewinds.calendars.sessions import calendar, stand
from tradewinds.core.errors import Rejected
from tradewinds.wiring.house import open_house
from tradewinds.wiring.settings import load_config

OVERRIDE = """
calendar: XNYS
as_known: 2025-01-02
removed: [2025-03-05]
"""


@pytest.fixture(autouse=True)
def _nothing_stands() -> Iterator[None]:
    yield
    stand(())


def test_a_closed_day_that_no_release_knows_is_closed(tmp_path: Path) -> None:
    (tmp_path / "tradewinds.yaml").write_text("calendars: [holiday.yaml]")
    (tmp_path / "holiday.yaml").write_text(OVERRIDE)
    assert calendar("XNYS").is_session(date(2025, 3, 5))

    open_house(load_config(tmp_path / "tradewinds.yaml", {"TRADEWINDS_HOME": str(tmp_path)}))

    assert not calendar("XNYS").is_session(date(2025, 3, 5))


def test_an_absent_override_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "tradewinds.yaml").write_text("calendars: [gone.yaml]")

    with pytest.raises(Rejected, match=r"gone\.yaml"):
        open_house(load_config(tmp_path / "tradewinds.yaml", {"TRADEWINDS_HOME": str(tmp_path)}))
