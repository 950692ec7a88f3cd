"""What every raw store must do, over memory, a local folder and S3."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tradewinds.core.errors import Missing, Rejected, Unreadable
from tradewinds.core.instant import parse
from tradewinds.core.observation import Payload, Pull
from tradewinds.stores.lake_files import Files, LocalFiles
from tradewinds.stores.memory import MemoryFiles
from tradewinds.stores.raw import FileRawStore

NOON = parse("2024-01-31T12:00:00Z")
HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


@pytest.fixture(params=["memory", "local", "s3"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Files]:
    if request.param == "memory":
        yield MemoryFiles()
    elif request.param == "local":
        yield LocalFiles(tmp_path / "raw")
    else:
        from tradewinds.stores.lake_s3 import S3Files

        client, bucket = request.getfixturevalue("s3_bucket")
        yield S3Files(client, bucket, "firm/raw")


def payload(content: bytes = b"hello", *, vendor: str = "alpha", captured_ns: int = NOON, published_ns: int | None = None) -> Payload:
    pull = Pull(vendor, "bars-1m", f"https://{vendor}.example/klines", {"symbol": "BTCUSDT", "limit": "1000"})
    return Payload(pull, content, captured_ns, published_ns)


def everything(files: Files) -> dict[str, bytes]:
    return {
        f"{folder}/{stat.name}": files.read(f"{folder}/{stat.name}")
        for folder in (f"{number:02x}" for number in range(256))
        for stat in files.listing(folder)
    }


def test_bytes_are_kept_as_they_came_under_their_hash(files: Files) -> None:
    store = FileRawStore(files)

    name = store.put(payload())

    assert name == HELLO
    assert store.has(HELLO)
    assert store.get(HELLO) == b"hello"
    assert files.read(f"2c/{HELLO}") == b"hello"


def test_a_capture_says_when_and_from_where_but_not_more(files: Files) -> None:
    store = FileRawStore(files)
    store.put(payload(published_ns=parse("2024-01-31T11:00:00Z")))

    assert store.captures(HELLO) == [
        {
            "vendor": "alpha",
            "dataset": "bars-1m",
            "locator": "https://alpha.example/klines",
            "params": '{"limit":"1000","symbol":"BTCUSDT"}',
            "captured_at": "2024-01-31T12:00:00Z",
            "published_at": "2024-01-31T11:00:00Z",
            "bytes": "5",
        }
    ]
    assert json.loads(store.captures(HELLO)[0]["params"])["symbol"] == "BTCUSDT"


def test_the_same_bytes_from_the_same_place_write_nothing_and_the_first_capture_stands(files: Files) -> None:
    store = FileRawStore(files)
    store.put(payload())
    before = everything(files)

    store.put(payload(captured_ns=parse("2024-02-01")))

    assert everything(files) == before
    assert [capture["captured_at"] for capture in store.captures(HELLO)] == ["2024-01-31T12:00:00Z"]


def test_the_same_bytes_from_two_vendors_are_kept_once_with_two_captures(files: Files) -> None:
    store = FileRawStore(files)
    store.put(payload(vendor="beta", captured_ns=NOON + 1_000))
    store.put(payload(vendor="alpha"))

    assert [capture["vendor"] for capture in store.captures(HELLO)] == ["alpha", "beta"]
    assert len(everything(files)) == 3


def test_many_payloads_are_put_at_once_in_order(files: Files) -> None:
    store = FileRawStore(files)
    contents = [b"one", b"two", b"one", b""]

    names = store.put_many([payload(content) for content in contents])

    assert names == [hashlib.sha256(content).hexdigest() for content in contents]
    assert [store.get(name) for name in names] == contents
    assert len(everything(files)) == 6


def test_unknown_bytes_are_missing(files: Files) -> None:
    store = FileRawStore(files)

    assert not store.has(HELLO)
    assert store.captures(HELLO) == []
    with pytest.raises(Missing, match=f"raw bytes {HELLO}: not in this store"):
        store.get(HELLO)


def test_bytes_that_changed_on_disk_are_unreadable(files: Files) -> None:
    store = FileRawStore(files)
    store.put(payload())
    files.write(f"2c/{HELLO}", b"hellO")

    with pytest.raises(Unreadable, match="5 bytes on disk hash to"):
        store.get(HELLO)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", HELLO.upper(), HELLO[:-1]])
def test_a_name_that_is_no_hash_is_refused(files: Files, name: str) -> None:
    with pytest.raises(Rejected, match="expected 64 hexadecimal digits"):
        FileRawStore(files).get(name)
