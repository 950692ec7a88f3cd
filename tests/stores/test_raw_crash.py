"""The raw store when the machine stops or the disk fills between any two writes."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from tradewinds.core.errors import Missing, Transient
from tradewinds.core.observation import Payload, Pull
from tradewinds.stores.lake_files import LocalFiles
from tradewinds.stores.raw import FileRawStore

PAYLOADS = [Payload(Pull("alpha", "bars-1m", "https://alpha.example/x"), content, 0) for content in (b"one", b"two")]


class _PowerCutError(BaseException):
    """Not an Exception: nothing may catch it and tidy up."""


def test_a_cut_between_any_two_writes_leaves_whole_files_or_none_and_a_repeat_completes(tmp_path: Path) -> None:
    steps: list[str] = []
    FileRawStore(LocalFiles(tmp_path / "whole", step=steps.append)).put_many(PAYLOADS)
    assert len(steps) >= 16

    for last in range(len(steps)):
        root = tmp_path / f"cut-{last}"
        seen: list[str] = []

        def cut(what: str, seen: list[str] = seen, last: int = last) -> None:
            seen.append(what)
            if len(seen) > last:
                raise _PowerCutError

        with pytest.raises(_PowerCutError):
            FileRawStore(LocalFiles(root, step=cut)).put_many(PAYLOADS)

        store = FileRawStore(LocalFiles(root))
        for payload in PAYLOADS:
            if store.captures(payload.sha256):
                assert store.get(payload.sha256) == payload.content
        store.put_many(PAYLOADS)
        assert [store.get(payload.sha256) for payload in PAYLOADS] == [b"one", b"two"]
        assert [len(store.captures(payload.sha256)) for payload in PAYLOADS] == [1, 1]


def test_a_full_disk_is_transient_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    def full(what: str) -> None:
        if what.startswith("sync "):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(Transient, match=r"writing .*/raw/.*: No space left on device, expected room"):
        FileRawStore(LocalFiles(tmp_path / "raw", step=full)).put(PAYLOADS[0])

    store = FileRawStore(LocalFiles(tmp_path / "raw"))
    with pytest.raises(Missing):
        store.get(PAYLOADS[0].sha256)
    assert [path for path in (tmp_path / "raw").rglob("*") if path.is_file()] == []


def test_two_processes_may_write_the_same_bytes_at_once(tmp_path: Path) -> None:
    others = iter([FileRawStore(LocalFiles(tmp_path / "raw"))])

    def interrupted(what: str) -> None:
        if what.startswith("rename"):
            for other in others:
                other.put(PAYLOADS[0])

    name = FileRawStore(LocalFiles(tmp_path / "raw", step=interrupted)).put(PAYLOADS[0])

    assert FileRawStore(LocalFiles(tmp_path / "raw")).get(name) == b"one"
