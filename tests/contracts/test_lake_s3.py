"""What is particular to S3: ranges, conditions and the errors a bucket can answer with."""

from __future__ import annotations

from typing import Any

import pytest

from tradewinds.core.errors import Missing, Rejected
from tradewinds.stores.lake_s3 import S3Files


class _Recorded:
    """A client that remembers the ranges it was asked for."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.ranges: list[str] = []

    def get_object(self, **asked: Any) -> Any:
        self.ranges.append(asked.get("Range", "all"))
        return self._client.get_object(**asked)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def test_announced_ranges_that_lie_close_together_are_one_request_and_the_rest_is_not_fetched(s3_bucket: tuple[Any, str]) -> None:
    client, bucket = s3_bucket
    recorded = _Recorded(client)
    files = S3Files(recorded, bucket, "lake")
    content = bytes(range(256)) * 4_096
    files.write("table/file", content)

    with files.open("table/file", [(1_000, 100), (1_200, 100), (900_000, 50)]) as source:
        source.seek(1_000)
        first = source.read(100)
        source.seek(1_210)
        second = source.read(20)
        source.seek(900_000)
        third = source.read(50)

    assert (first, second, third) == (content[1_000:1_100], content[1_210:1_230], content[900_000:900_050])
    assert recorded.ranges == ["bytes=1000-1299", "bytes=900000-900049"]


def test_the_end_of_a_file_comes_in_one_request_and_whole_files_can_be_read(s3_bucket: tuple[Any, str]) -> None:
    client, bucket = s3_bucket
    recorded = _Recorded(client)
    files = S3Files(recorded, bucket)
    content = bytes(range(250)) * 1_000
    files.write("file", content)

    with files.open("file", []) as source:
        assert source.size() == 250_000
        source.seek(249_992)
        assert source.read(8) == content[-8:]
        source.seek(240_000)
        assert source.read(100) == content[240_000:240_100]

    assert recorded.ranges == ["bytes=184464-249999"]
    assert files.read("file") == content


def test_of_two_creations_of_one_path_the_second_is_refused_by_the_store(s3_bucket: tuple[Any, str]) -> None:
    files = S3Files(*s3_bucket, "lake")

    assert files.create("log/1.json", b"first")
    assert not files.create("log/1.json", b"second")
    assert files.read("log/1.json") == b"first"


def test_files_and_folders_are_listed_one_level_deep(s3_bucket: tuple[Any, str]) -> None:
    files = S3Files(*s3_bucket, "lake")
    files.write_many([("a/x", b"1"), ("a/y", b"22"), ("a/b/z", b"333"), ("ab/q", b"4")])

    assert [(stat.name, stat.size) for stat in files.listing("a")] == [("x", 1), ("y", 2)]
    assert [stat.name for stat in files.listing("a", "y")] == ["y"]
    assert files.folders("a") == ["b"]
    assert files.listing("nowhere") == []
    files.delete("a/x")
    files.delete("a/x")
    assert files.names("a") == ["y"]
    assert files.stat("a/x") is None


def test_what_is_absent_and_what_is_forbidden_are_told_apart(s3_bucket: tuple[Any, str]) -> None:
    client, bucket = s3_bucket

    with pytest.raises(Missing, match=f"reading s3://{bucket}/lake/a: NoSuchKey"):
        S3Files(client, bucket, "lake").read("a")
    with pytest.raises(Missing, match="opening s3://"):
        S3Files(client, bucket, "lake").open("a", [])
    with pytest.raises(Rejected, match=r"writing s3://no-such-bucket/a: NoSuchBucket \(404\), expected a bucket"):
        S3Files(client, "no-such-bucket").write("a", b"")
