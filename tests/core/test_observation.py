"""Datasets, requests and payloads refuse what cannot be."""

from __future__ import annotations

import pytest

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import parse
from tradewinds.core.observation import PROVENANCE, RESERVED, TIMES, Column, Dataset, Payload, Pull, Request, Table

COT = Dataset("cot", (Column("market", "text"), Column("long"), Column("short")), keys=("market",), partitioning="year")


def test_a_fact_is_identified_by_instrument_keys_and_start() -> None:
    assert COT.identity == ("instrument", "market", "start_ns")


def test_a_fact_is_kept_in_the_partition_of_its_start() -> None:
    assert COT.partition_of(parse("2023-12-31T23:59:59.999999999Z")) == "2023"
    assert COT.partition_of(parse("2024-01-01")) == "2024"
    assert Dataset("funding", (Column("rate"),)).partition_of(parse("2024-02-29")) == "2024-02"


@pytest.mark.parametrize("name", ["", "Bars", "9bars", "a b", "../x", "x" * 60])
def test_a_dataset_has_a_name_that_a_folder_can_have(name: str) -> None:
    with pytest.raises(Rejected, match="dataset name"):
        Dataset(name, (Column("rate"),))


@pytest.mark.parametrize("name", [*TIMES, *PROVENANCE, "instrument", "source"])
def test_a_column_cannot_take_a_reserved_name(name: str) -> None:
    assert name in RESERVED
    with pytest.raises(Rejected, match=f"'{name}'"):
        Dataset("funding", (Column(name),))


def test_a_column_stands_there_once_and_a_key_is_a_column() -> None:
    with pytest.raises(Rejected, match=r"\['rate'\] are reserved or stand there twice"):
        Dataset("funding", (Column("rate"), Column("rate")))
    with pytest.raises(Rejected, match=r"keys \['market'\]"):
        Dataset("funding", (Column("rate"),), keys=("market",))


def test_a_table_is_what_one_vendor_said_or_the_published_history() -> None:
    assert Table(COT).name == "history/cot"
    assert Table(COT, "cftc").name == "vendor/cftc/cot"


def test_bytes_are_named_by_their_sha_256() -> None:
    pull = Pull("cftc", "cot", "https://example.org/deacot2024.zip")

    payload = Payload(pull, b"abc", captured_ns=1)

    assert payload.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert Payload(pull, b"abc", captured_ns=2).sha256 == payload.sha256


def test_a_request_cannot_end_before_it_starts() -> None:
    assert Request("cot", ("A.CFTC",), 5, 5, now_ns=9).params == {}
    with pytest.raises(Rejected, match="ends at 4 before its start 5"):
        Request("cot", ("A.CFTC",), 5, 4, now_ns=9)


def test_parameters_of_a_request_cannot_be_changed_for_everybody() -> None:
    with pytest.raises(TypeError):
        Request("cot", (), 0, 1, now_ns=9).params["x"] = "y"  # type: ignore[index]  # the refusal is what is tested
