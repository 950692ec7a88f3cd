"""A user's own table, declared in YAML, goes the way of prices: captured, published, read as of a time, traced, restated."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from tradewinds.core.instant import parse
from tradewinds.jobs.config import Config, DatasetConfig, VendorConfig
from tradewinds.jobs.lineage import lineage_of
from tradewinds.jobs.tables import table_named
from tradewinds.wiring.house import House, ReplayClock, run_job

DECLARATION = """
name: harbour-wind
path: wind.csv
instrument: {column: station, venue: HARBOUR}
event: {column: measured}
known: {column: received, lag: 10m}
columns:
  knots: float
"""
FIRST = (
    "station,measured,received,knots\n"
    "NORTH,2024-03-04T08:00:00Z,2024-03-04T08:00:30Z,12.5\n"
    "NORTH,2024-03-04T09:00:00Z,,13.0\n"
    "SOUTH,2024-03-04T09:00:00Z,2024-03-04T09:01:00Z,4.0\n"
)
CORRECTED = FIRST + "NORTH,2024-03-04T08:00:00Z,2024-03-06T12:00:00Z,21.5\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "wind.yaml").write_text(DECLARATION)
    (tmp_path / "wind.csv").write_text(FIRST)
    return tmp_path


def house_at(folder: Path, clock: str) -> House:
    config = Config(
        home=str(folder / "home"),
        workspace=str(folder),
        vendors={"wind": VendorConfig(use="declared", options={"path": "wind.yaml"})},
        datasets={"wind": DatasetConfig(vendor="wind", dataset="harbour-wind", since=date(2024, 1, 1))},
    )
    return House(config, clock=ReplayClock(parse(clock)))


def knots(house: House, as_of: str) -> list[tuple[str, float]]:
    table = table_named(house.context("test", ""), "harbour-wind")
    return house.lake.read(table, as_of_ns=parse(as_of)).select("instrument", "knots").rows()


def test_a_declared_table_is_published_and_read_as_it_was_known(folder: Path) -> None:
    house = house_at(folder, "2024-03-05T00:00:00Z")

    result = run_job("dataset", "now", {"name": "wind"}, house=house)

    assert (result["state"], result["rows_published"]) == ("done", 3)
    assert knots(house, "2024-03-04T08:00:29Z") == []
    assert knots(house, "2024-03-04T08:00:30Z") == [("NORTH.HARBOUR", 12.5)]
    assert knots(house, "2024-03-04T09:05:00Z") == [("NORTH.HARBOUR", 12.5), ("SOUTH.HARBOUR", 4.0)]
    assert knots(house, "2024-03-04T09:10:00Z") == [("NORTH.HARBOUR", 12.5), ("NORTH.HARBOUR", 13.0), ("SOUTH.HARBOUR", 4.0)]
    assert run_job("dataset", "now", {"name": "wind"}, house=house)["state"] == "nothing"


def test_a_correction_is_a_later_version_and_the_past_keeps_what_it_knew(folder: Path) -> None:
    run_job("dataset", "now", {"name": "wind"}, house=house_at(folder, "2024-03-05T00:00:00Z"))
    (folder / "wind.csv").write_text(CORRECTED)
    house = house_at(folder, "2024-03-07T00:00:00Z")

    result = run_job("dataset", "now", {"name": "wind"}, house=house)

    assert (result["rows_published"], result["rows_restated"]) == (0, 1)
    assert knots(house, "2024-03-06T00:00:00Z")[0] == ("NORTH.HARBOUR", 12.5)
    assert knots(house, "2024-03-07T00:00:00Z")[0] == ("NORTH.HARBOUR", 21.5)


def test_each_row_leads_back_to_the_bytes_of_its_file(folder: Path) -> None:
    house = house_at(folder, "2024-03-05T00:00:00Z")
    run_job("dataset", "now", {"name": "wind"}, house=house)
    table = table_named(house.context("test", ""), "harbour-wind")
    row = house.lake.read(table, as_of_ns=parse("2024-03-05T00:00:00Z")).row(by_predicate=pl.col("knots") == 4.0, named=True)

    chain = lineage_of(house.context("test", ""), "harbour-wind", row, parse("2024-03-05T00:00:00Z"))

    assert house.raw.get(row["source"]) == FIRST.encode()
    assert row["source"] in repr(chain)
    assert "wind.csv" in repr(chain)
