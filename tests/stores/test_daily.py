"""The signed daily file: what was written reads back, and any change to it shows."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tradewinds.core.errors import Rejected, Unreadable
from tradewinds.stores.daily import canonical, read_daily, write_daily

DAY = date(2026, 11, 20)


def test_a_signed_day_reads_back(tmp_path: Path) -> None:
    place = write_daily(tmp_path, "main", DAY, {"breaks": [], "fills": 3})

    assert place == tmp_path / "main" / "2026-11-20.json"
    assert read_daily(place) == {"account": "main", "breaks": [], "day": "2026-11-20", "fills": 3}
    assert (tmp_path / "daily.key").stat().st_mode & 0o777 == 0o600


def test_a_changed_file_does_not_verify(tmp_path: Path) -> None:
    place = write_daily(tmp_path, "main", DAY, {"fills": 3})
    place.write_bytes(place.read_bytes().replace(b'"fills":3', b'"fills":4'))

    with pytest.raises(Unreadable, match="its signature does not hold"):
        read_daily(place)


def test_another_key_does_not_verify(tmp_path: Path) -> None:
    place = write_daily(tmp_path / "ours", "main", DAY, {"fills": 3})
    write_daily(tmp_path / "theirs", "main", DAY, {"fills": 3})

    with pytest.raises(Unreadable, match="its signature does not hold"):
        read_daily(place, tmp_path / "theirs" / "daily.pub")


def test_the_same_key_signs_every_day(tmp_path: Path) -> None:
    first = write_daily(tmp_path, "main", DAY, {"fills": 3})
    public = (tmp_path / "daily.pub").read_bytes()
    second = write_daily(tmp_path, "other", DAY, {"fills": 4})

    assert (tmp_path / "daily.pub").read_bytes() == public
    assert (read_daily(first)["fills"], read_daily(second)["fills"]) == (3, 4)


def test_a_missing_signature_is_said(tmp_path: Path) -> None:
    place = write_daily(tmp_path, "main", DAY, {})
    place.with_suffix(".json.sig").unlink()

    with pytest.raises(Rejected, match=r"expected the file, its \.sig and the public key"):
        read_daily(place)


def test_a_key_that_is_none_is_said(tmp_path: Path) -> None:
    place = write_daily(tmp_path, "main", DAY, {})
    (tmp_path / "daily.pub").write_bytes(b"AAAA\n")

    with pytest.raises(Unreadable, match="is no Ed25519 public key"):
        read_daily(place)


def test_equal_reports_are_equal_bytes() -> None:
    assert canonical({"b": 1, "a": "é"}) == canonical({"a": "é", "b": 1}) == '{"a":"é","b":1}\n'.encode()
