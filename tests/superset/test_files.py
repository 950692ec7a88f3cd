"""The files of the dashboards by themselves: they fit each other, the views and the lake. Needs no Superset."""

from __future__ import annotations

import zipfile
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import polars as pl
import pytest
import sqlalchemy as sa
import yaml

from tradewinds.stores.embedded_postgres import EmbeddedPostgres
from tradewinds.stores.ledger import Ledger

DEPLOY = Path(__file__).resolve().parents[2] / "deploy" / "superset"
ASSETS = DEPLOY / "assets"


@cache
def read(folder: str) -> dict[str, Any]:
    """The YAML files below a folder of the assets by their names."""
    return {place.stem: yaml.safe_load(place.read_text(encoding="utf-8")) for place in sorted((ASSETS / folder).rglob("*.yaml"))}


def script(name: str) -> ModuleType:
    spec = spec_from_file_location(f"superset_{name}", DEPLOY / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def columns_of(params: Any) -> set[str]:
    """Columns that a chart's settings speak of: groupings, axes, metrics and filters."""
    named = {params.get("x_axis"), params.get("column")} - {None}
    for key in ("groupby", "columns", "all_columns"):
        named |= set(params.get(key) or [])
    metrics = [*(params.get("metrics") or []), params.get("metric"), params.get("secondary_metric")]
    named |= {one["column"]["column_name"] for one in metrics if one and one["expressionType"] == "SIMPLE"}
    return named | {one["subject"] for one in params["adhoc_filters"]}


@pytest.mark.parametrize("name", sorted(read("charts")))
def test_a_chart_asks_for_columns_that_its_dataset_has(name: str) -> None:
    chart = read("charts")[name]
    (dataset,) = [one for one in read("datasets").values() if one["uuid"] == chart["dataset_uuid"]]

    assert columns_of(chart["params"]) - {one["column_name"] for one in dataset["columns"]} == set()
    assert chart["viz_type"] == chart["params"]["viz_type"]
    assert "queries" in yaml.safe_load(chart["query_context"])  # so that its data can be asked for without a browser


@pytest.mark.parametrize("name", ["performance", "live"])
def test_a_dashboard_shows_charts_that_are_there_and_filters_by_columns_that_are_there(name: str) -> None:
    dashboard = read("dashboards")[name]
    charts = {one["uuid"]: one["slice_name"] for one in read("charts").values()}
    shown = [one["meta"] for one in dashboard["position"].values() if isinstance(one, dict) and one.get("type") == "CHART"]

    assert all(charts[one["uuid"]] == one["sliceName"] for one in shown)
    for row in (one for one in dashboard["position"].values() if isinstance(one, dict) and one.get("type") == "ROW"):
        assert sum(dashboard["position"][child]["meta"]["width"] for child in row["children"]) == 12
    for chosen in dashboard["metadata"]["native_filter_configuration"]:
        (target,) = chosen["targets"]
        (dataset,) = [one for one in read("datasets").values() if one["uuid"] == target["datasetUuid"]]
        assert target["column"]["name"] in {one["column_name"] for one in dataset["columns"]}


def test_every_chart_stands_on_one_dashboard_and_each_dataset_in_one_database() -> None:
    shown = [
        one["meta"]["uuid"]
        for dashboard in read("dashboards").values()
        for one in dashboard["position"].values()
        if isinstance(one, dict) and one.get("type") == "CHART"
    ]

    assert sorted(shown) == sorted(one["uuid"] for one in read("charts").values())
    assert {one["database_uuid"] for one in read("datasets").values()} == {one["uuid"] for one in read("databases").values()}
    assert not any(one["allow_dml"] or one["allow_ctas"] or one["allow_file_upload"] for one in read("databases").values())


@pytest.mark.postgres
def test_the_views_stand_on_todays_ledger_with_the_columns_of_the_datasets(postgres: EmbeddedPostgres) -> None:
    postgres.create_database("dashboards")
    with Ledger(postgres.url("dashboards")) as ledger:
        ledger.migrate()
    engine = sa.create_engine(postgres.url("dashboards"), poolclass=sa.NullPool)
    text = (DEPLOY / "views.sql").read_text(encoding="utf-8").replace("%", "%%")

    with engine.begin() as connection:
        connection.exec_driver_sql(text)
        connection.exec_driver_sql(text)  # a second time is an upgrade
        told = connection.execute(
            sa.text("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'dashboards'")
        )
        found: dict[str, set[str]] = {}
        for view, column in told:
            found.setdefault(view, set()).add(column)

    ledger_uuid = read("databases")["ledger"]["uuid"]
    wanted = {one["table_name"]: one for one in read("datasets").values() if one["database_uuid"] == ledger_uuid}
    assert set(found) == set(wanted)
    for view, dataset in wanted.items():
        assert {one["column_name"] for one in dataset["columns"]} - found[view] == set(), view


def test_the_lake_is_read_through_views_that_follow_each_new_build(tmp_path: Path) -> None:
    marts, place = tmp_path / "marts", tmp_path / "lake.duckdb"
    for build, closes in (("one", [1.0]), ("two", [1.0, 2.0])):
        (marts / build).mkdir(parents=True)
        for name in ("dim_instrument", "dim_session"):
            pl.DataFrame({"instrument": ["A.X"]}).write_parquet(marts / build / f"{name}.parquet")
        pl.DataFrame({"instrument": ["A.X"] * len(closes), "close": closes}).write_parquet(marts / build / "fact_bars.parquet")
    (marts / "current").symlink_to("one")

    made = script("lake").make(marts / "current", place)
    counts = []
    for build in ("one", "two"):
        (marts / "current").unlink()
        (marts / "current").symlink_to(build)
        with duckdb.connect(str(place), read_only=True) as database:
            counts.append(database.execute("SELECT count(*) FROM bar").fetchone())

    assert made == ["bar", "instrument", "session"]
    assert counts == [(1,), (2,)]
    with pytest.raises(FileNotFoundError, match="no fact_bars"):
        script("lake").make(tmp_path / "nowhere", place)


def test_the_archive_has_the_addresses_that_were_asked_for_and_is_the_same_each_time(tmp_path: Path) -> None:
    pack = script("pack").pack
    address = r"postgresql+psycopg2://reader:p\1@db/firm"

    names = pack(tmp_path / "a.zip", ledger=address, lake=Path("/srv/lake.duckdb"))
    pack(tmp_path / "b.zip", ledger=address, lake=Path("/srv/lake.duckdb"))
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        told = {one: yaml.safe_load(archive.read(f"tradewinds/databases/{one}.yaml"))["sqlalchemy_uri"] for one in ("ledger", "lake")}

    assert told == {"ledger": address, "lake": "duckdb:////srv/lake.duckdb?access_mode=read_only"}
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert {"metadata.yaml", "dashboards/live.yaml", "datasets/lake/bar.yaml"} <= set(names)
