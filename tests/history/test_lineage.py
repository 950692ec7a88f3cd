"""From a published value back to the vendor's bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tradewinds.core.errors import Missing
from tradewinds.core.instant import parse
from tradewinds.history.lineage import chain, is_complete, steps, to_dict, to_lines

START = parse("2024-01-03T14:30:00Z")
FACT = {"instrument": "AAPL.XNAS", "start_ns": START}
NOW = parse("2024-01-05")


class Recorded:
    """Look-ups over what a test writes down: published rows, vendor rows, and captures by hash."""

    def __init__(
        self, published: Mapping[str, Any] | None, said: Sequence[Mapping[str, Any]], raw: Mapping[str, Sequence[Mapping[str, str]]]
    ):
        self._published, self._said, self._raw = published, said, raw

    def published(self, dataset: str, identity: Mapping[str, Any], as_of_ns: int) -> Mapping[str, Any] | None:
        return self._published if self._published is not None and self._published["known_ns"] <= as_of_ns else None

    def vendor_rows(self, dataset: str, identity: Mapping[str, Any], as_of_ns: int) -> Sequence[Mapping[str, Any]]:
        return [row for row in self._said if row["known_ns"] <= as_of_ns]

    def has_payload(self, sha256: str) -> bool:
        return sha256 in self._raw

    def captures(self, sha256: str) -> Sequence[Mapping[str, str]]:
        return self._raw[sha256]


PUBLISHED = FACT | {
    "known_ns": parse("2024-01-04"),
    "close": 184.25,
    "vendor": "beta",
    "status": "resolved",
    "source": "bb",
    "reason": None,
}
SAID = [
    FACT | {"vendor": "beta", "known_ns": parse("2024-01-03T22:00:00Z"), "close": 184.25, "source": "bb"},
    FACT | {"vendor": "alpha", "known_ns": parse("2024-01-03T21:30:00Z"), "close": 18.425, "source": "aa"},
]
RAW = {
    "aa": [{"vendor": "alpha", "locator": "alpha/2024-01-03.csv", "captured_at": "2024-01-03T21:30:00Z"}],
    "bb": [
        {"vendor": "beta", "locator": "beta/again.csv", "captured_at": "2024-01-04T09:00:00Z"},
        {"vendor": "beta", "locator": "beta/2024-01-03.csv", "captured_at": "2024-01-03T22:00:00Z"},
    ],
}


def test_a_published_bar_leads_to_the_bytes_it_came_from_and_names_the_vendor_it_did_not_follow() -> None:
    found = chain(Recorded(PUBLISHED, SAID, RAW), "bars-1d", FACT, NOW)

    assert to_lines(found) == [
        "published bars-1d AAPL.XNAS 2024-01-03T14:30:00Z  known=2024-01-04T00:00:00Z close=184.25 vendor=beta status=resolved source=bb",
        "  vendor row beta  vendor=beta known=2024-01-03T22:00:00Z close=184.25 source=bb",
        "    payload bb",
        "      capture beta/2024-01-03.csv  vendor=beta captured_at=2024-01-03T22:00:00Z",
        "      capture beta/again.csv  vendor=beta captured_at=2024-01-04T09:00:00Z",
        "  vendor row alpha (not used)  vendor=alpha known=2024-01-03T21:30:00Z close=18.425 source=aa",
        "    payload aa",
        "      capture alpha/2024-01-03.csv  vendor=alpha captured_at=2024-01-03T21:30:00Z",
    ]
    assert is_complete(found)
    assert [step.kind for step in steps(found)].count("capture") == 3


def test_bytes_that_are_gone_are_said_to_be_missing() -> None:
    found = chain(Recorded(PUBLISHED, SAID, {"aa": RAW["aa"]}), "bars-1d", FACT, NOW)

    assert "    payload bb (missing)" in to_lines(found)
    assert not is_complete(found)


def test_bytes_that_were_not_used_may_be_gone() -> None:
    assert is_complete(chain(Recorded(PUBLISHED, SAID, {"bb": RAW["bb"]}), "bars-1d", FACT, NOW))


def test_the_chain_is_that_of_its_as_of() -> None:
    with pytest.raises(Missing, match=r"bars-1d AAPL.XNAS 2024-01-03T14:30:00Z as of 2024-01-03T23:00:00Z: nothing published"):
        chain(Recorded(PUBLISHED, SAID, RAW), "bars-1d", FACT, parse("2024-01-03T23:00:00Z"))


def test_a_source_that_no_vendor_row_names_is_still_followed() -> None:
    found = chain(Recorded(PUBLISHED, SAID[1:], RAW), "bars-1d", FACT, NOW)

    assert [step.title for step in found.parents] == ["bb", "alpha"]
    assert is_complete(found)


def test_keys_stand_in_the_name_and_the_chain_is_plain_json() -> None:
    found = chain(Recorded(PUBLISHED, SAID, RAW), "trades", FACT | {"id": 7}, NOW)

    plain = json.loads(json.dumps(to_dict(found)))

    assert plain["title"] == "trades AAPL.XNAS id=7 2024-01-03T14:30:00Z"
    assert plain["from"][0]["from"][0] == {
        "kind": "payload",
        "title": "bb",
        "is_used": True,
        "is_missing": False,
        "facts": {},
        "from": plain["from"][0]["from"][0]["from"],
    }
    assert plain["from"][1]["is_used"] is False
