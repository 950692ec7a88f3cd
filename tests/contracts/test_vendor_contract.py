"""What every registered vendor must keep. A new vendor adds one file to `vendor_cases/` and no test.

A case file is named as the vendor in the registry and holds `CASE`, a dict of

    request    a `Request` that the vendor can plan
    content    the bytes that answer the first pull
    rows       how many rows those bytes hold
    locator    optional: what the payload is called, where that differs from the pull (a file in a folder)
    build      optional: (http, folder) -> vendor, where it needs an address or options
    bad        optional: further bytes that are not what they claim to be
    is_history optional: the bytes are a file that somebody has, whose bars are finished by nature, whatever the time of capture
"""

from __future__ import annotations

import random
import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tradewinds.core.errors import Unreadable
from tradewinds.core.observation import Payload, Pull
from tradewinds.core.ports import Vendor
from tradewinds.vendors import VENDORS, load
from tradewinds.vendors.observed import schema
from tradewinds.wire.http import HttpClient
from tradewinds.wire.secret import Secret

CAPTURED_NS = 1_800_000_000_000_000_000  # 2027-01-15T08:00:00Z
CASES = {path.stem: runpy.run_path(str(path))["CASE"] for path in sorted((Path(__file__).parent / "vendor_cases").glob("*.py"))}
BAD = {"a page": b"<!DOCTYPE html><html><body>Service Unavailable</body></html>", "noise": bytes(range(128, 256)) * 8}


class Standing:
    def now_ns(self) -> int:
        return CAPTURED_NS


class NoNetwork(HttpClient):
    """Planning and reading touch no network; this one would be noticed."""

    def get(self, url: str, **_: Any) -> Any:
        raise AssertionError(f"asked for {url}")


def build(name: str, folder: Path) -> Vendor:
    http = NoNetwork(Standing(), random=random.Random(7))
    case = CASES[name]
    if "build" in case:
        vendor: Vendor = case["build"](http, folder)
        return vendor
    return load(name)(http, secret=Secret("k3y-of-nobody"))


def payload(name: str, vendor: Vendor, *, content: bytes | None = None, captured_ns: int = CAPTURED_NS) -> Payload:
    case = CASES[name]
    pull: Pull = vendor.plan(case["request"])[0]
    pull = replace(pull, locator=case.get("locator", pull.locator))
    return Payload(pull, case["content"] if content is None else content, captured_ns)


def dataset_of(name: str, vendor: Vendor) -> Any:
    return next(dataset for dataset in vendor.datasets() if dataset.name == CASES[name]["request"].dataset)


def test_every_registered_vendor_has_a_case() -> None:
    assert sorted(CASES) == sorted(VENDORS)


@pytest.mark.parametrize("name", sorted(VENDORS))
def test_a_registered_vendor_can_be_loaded_and_needs_only_a_client(name: str) -> None:
    vendor = load(name)

    assert all(callable(getattr(vendor, method)) for method in ("datasets", "plan", "capture", "parse"))


@pytest.mark.parametrize("name", sorted(CASES))
class TestVendor:
    def test_its_capability_names_its_datasets(self, name: str, tmp_path: Path) -> None:
        vendor = build(name, tmp_path)

        assert sorted(vendor.capability.datasets) == sorted(dataset.name for dataset in vendor.datasets())
        assert vendor.capability.lag_ns >= 0
        assert vendor.name

    def test_planning_is_pure(self, name: str, tmp_path: Path) -> None:
        vendor, request = build(name, tmp_path), CASES[name]["request"]

        plan = vendor.plan(request)

        assert plan
        assert plan == vendor.plan(request) == build(name, tmp_path).plan(request)
        assert {(pull.vendor, pull.dataset) for pull in plan} == {(vendor.name, request.dataset)}
        assert "k3y-of-nobody" not in repr(plan)
        assert all(isinstance(value, str) for pull in plan for value in pull.params.values())

    def test_reading_gives_the_columns_of_the_dataset(self, name: str, tmp_path: Path) -> None:
        vendor = build(name, tmp_path)

        rows = vendor.parse(payload(name, vendor))

        assert dict(rows.schema) == dict(schema(dataset_of(name, vendor)).items())
        assert rows.height == CASES[name]["rows"]
        assert rows.select("instrument", "start_ns", "event_ns", "known_ns", "captured_ns", "source").null_count().sum_horizontal()[0] == 0

    def test_reading_is_repeatable(self, name: str, tmp_path: Path) -> None:
        vendor = build(name, tmp_path)
        one = payload(name, vendor)

        assert vendor.parse(one).equals(vendor.parse(one))
        assert vendor.parse(one).equals(build(name, tmp_path).parse(one))

    def test_rows_are_sorted_and_lead_back_to_their_bytes(self, name: str, tmp_path: Path) -> None:
        vendor = build(name, tmp_path)
        one = payload(name, vendor)

        rows = vendor.parse(one)

        identity = ["instrument", *dataset_of(name, vendor).keys, "start_ns"]
        assert rows.select(identity).equals(rows.sort(identity, maintain_order=True).select(identity))
        assert rows["source"].unique().to_list() == [one.sha256]
        assert rows["captured_ns"].unique().to_list() == [CAPTURED_NS]

    def test_nothing_is_known_before_it_happened(self, name: str, tmp_path: Path) -> None:
        vendor = build(name, tmp_path)

        rows = vendor.parse(payload(name, vendor))

        assert rows.filter(pl.col("event_ns") < pl.col("start_ns")).is_empty()
        # A corporate action is announced before it takes effect, a forecast before its day; a bar never.
        if CASES[name]["request"].dataset.startswith(("bars-", "quotes-", "marks-", "funding", "trades", "agg-trades")):
            assert rows.filter(pl.col("known_ns") < pl.col("event_ns")).is_empty()

    def test_an_unfinished_bar_is_never_among_the_rows(self, name: str, tmp_path: Path) -> None:
        vendor = build(name, tmp_path)
        if CASES[name].get("is_history") or not CASES[name]["request"].dataset.startswith(("bars-", "quotes-", "marks-")):
            pytest.skip("only bars of a venue that is open can be unfinished")
        last_start_ns = vendor.parse(payload(name, vendor))["start_ns"].max()
        assert isinstance(last_start_ns, int)

        rows = vendor.parse(payload(name, vendor, captured_ns=last_start_ns + 1))

        assert rows.filter(pl.col("event_ns") > last_start_ns + 1).is_empty()

    @pytest.mark.parametrize("kind", sorted(BAD))
    def test_what_is_not_its_format_is_unreadable(self, name: str, kind: str, tmp_path: Path) -> None:
        vendor = build(name, tmp_path)

        with pytest.raises(Unreadable):
            vendor.parse(payload(name, vendor, content=BAD[kind]))

    def test_half_an_answer_is_unreadable(self, name: str, tmp_path: Path) -> None:
        vendor = build(name, tmp_path)
        content = CASES[name]["content"]

        for bad in (content[: len(content) // 2], *CASES[name].get("bad", ())):
            with pytest.raises(Unreadable):
                vendor.parse(payload(name, vendor, content=bad))
