"""Files in an S3 bucket, under a prefix. Wants a store that enforces `If-None-Match: *` on PUT (Amazon, MinIO, Ceph, R2, moto).

An object is visible whole or not at all and durable when PUT answers, so only `create` needs a condition.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from tradewinds.core.errors import DataFault, Missing, Rejected, TradewindsError, Transient
from tradewinds.core.instant import from_datetime
from tradewinds.stores.lake_files import Content, FileStat, checked_path

if TYPE_CHECKING:
    import pyarrow as pa

UPLOADS_MAX = 8
GAP_BYTES_MAX = 256 * 1024
_TAIL = 64 * 1024
_REFUSED = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "NoSuchBucket", "InvalidBucketName"}


class S3Files:
    """Files under `s3://bucket/prefix` through a boto3 client, whose credentials, endpoint and retries are the caller's."""

    def __init__(self, client: Any, bucket: str, prefix: str = "") -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = f"{checked_path(prefix)}/" if prefix else ""

    def read(self, path: str) -> bytes:
        content: bytes = self._call("reading", path, lambda key: self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read())
        return content

    def open(self, path: str, ranges: Sequence[tuple[int, int]]) -> pa.NativeFile:
        import pyarrow as pa

        stat = self.stat(path)
        if stat is None:
            raise Missing(f"opening {self._place(path)}: not there, expected a file")
        return pa.PythonFile(_RangeFile(self, path, stat.size, ranges), mode="r")

    def read_range(self, path: str, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`."""
        span = f"bytes={offset}-{offset + length - 1}"
        content: bytes = self._call(
            "reading", path, lambda key: self._client.get_object(Bucket=self._bucket, Key=key, Range=span)["Body"].read()
        )
        return content

    def write(self, path: str, content: Content) -> None:
        body = bytes(content)
        self._call("writing", path, lambda key: self._client.put_object(Bucket=self._bucket, Key=key, Body=body))

    def write_many(self, items: Sequence[tuple[str, Content]]) -> None:
        with ThreadPoolExecutor(UPLOADS_MAX) as pool:
            for done in [pool.submit(self.write, path, content) for path, content in items]:
                done.result()  # objects appear as they arrive: S3 promises no order, and no reader here needs one

    def create(self, path: str, content: Content) -> bool:
        body = bytes(content)

        def put(key: str) -> bool:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body, IfNoneMatch="*")
            return True

        try:
            return bool(self._call("creating", path, put))
        except _AlreadyThereError:
            return False

    def stat(self, path: str) -> FileStat | None:
        try:
            head = self._call("looking at", path, lambda key: self._client.head_object(Bucket=self._bucket, Key=key))
        except Missing:
            return None
        return FileStat(path.rpartition("/")[2], head["ContentLength"], from_datetime(head["LastModified"]))

    def names(self, folder: str) -> list[str]:
        return [stat.name for stat in self.listing(folder)]

    def listing(self, folder: str, prefix: str = "") -> list[FileStat]:
        head = len(self._key(folder)) + 1
        return [
            FileStat(item["Key"][head:], item["Size"], from_datetime(item["LastModified"]))
            for page in self._pages(folder, prefix)
            for item in page.get("Contents", ())
        ]

    def folders(self, folder: str) -> list[str]:
        head = len(self._key(folder)) + 1
        return sorted(item["Prefix"][head:-1] for page in self._pages(folder, "") for item in page.get("CommonPrefixes", ()))

    def temporaries(self, folder: str) -> list[FileStat]:
        return []

    def delete(self, path: str) -> None:
        self._call("removing", path, lambda key: self._client.delete_object(Bucket=self._bucket, Key=key))

    def _pages(self, folder: str, prefix: str) -> Iterator[Any]:
        paginator = self._client.get_paginator("list_objects_v2")
        wanted = f"{self._key(folder)}/{prefix}"
        pages = self._call("listing", folder, lambda _: list(paginator.paginate(Bucket=self._bucket, Prefix=wanted, Delimiter="/")))
        yield from pages

    def _key(self, path: str) -> str:
        return self._prefix + checked_path(path)

    def _place(self, path: str) -> str:
        return f"s3://{self._bucket}/{self._key(path)}"

    def _call(self, doing: str, path: str, action: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return action(self._key(path))
        except ClientError as error:
            raise _fault(f"{doing} {self._place(path)}", error) from error
        except (BotoCoreError, OSError) as error:
            raise Transient(f"{doing} {self._place(path)}: {error}, expected an answer; repeat") from error


class _AlreadyThereError(Exception):
    """A conditional PUT found the object there."""


def _fault(doing: str, error: Any) -> TradewindsError | _AlreadyThereError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    message = f"{doing}: {code} ({status})"
    if code in ("PreconditionFailed", "ConditionalRequestConflict") or status == 412:
        return _AlreadyThereError(message)
    if code in _REFUSED:
        return Rejected(f"{message}, expected a bucket that these credentials may use")
    if status == 404:
        return Missing(f"{message}, expected a file")
    if status >= 500 or status in (408, 429) or code == "SlowDown":
        return Transient(f"{message}, expected an answer; repeat")
    return DataFault(f"{message}, expected a readable and writable object")


class _RangeFile(io.RawIOBase):
    """A read-only object of which the announced ranges are fetched together, neighbours in one request."""

    def __init__(self, files: S3Files, path: str, size: int, ranges: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        self._files = files
        self._path = path
        self._size = size
        self._at = 0
        self._wanted = _joined(ranges)
        self._held: list[tuple[int, bytes]] = []

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = self._size if size < 0 else min(self._size, self._at + size)
        content = self._between(self._at, end) if end > self._at else b""
        self._at = end
        return content

    def _between(self, low: int, end: int) -> bytes:
        for offset, held in self._held:
            if offset <= low and end <= offset + len(held):
                return held[low - offset : end - offset]
        offset, length = next(
            ((o, n) for o, n in self._wanted if o <= low and end <= o + n),
            _tail(low, end, self._size),
        )
        held = self._files.read_range(self._path, offset, length)
        self._held.append((offset, held))
        return held[low - offset : end - offset]


def _joined(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for offset, length in sorted(ranges):
        if joined and offset - sum(joined[-1]) <= GAP_BYTES_MAX:
            joined[-1] = (joined[-1][0], max(sum(joined[-1]), offset + length) - joined[-1][0])
        else:
            joined.append((offset, length))
    return joined


def _tail(low: int, end: int, size: int) -> tuple[int, int]:
    """The range itself, or the whole end of the file when it lies there: the footer comes in one request."""
    first = max(0, size - _TAIL) if low >= size - _TAIL else low
    return first, (size if first != low else end) - first
