"""The folder of one sweep in an S3 bucket: its parcel, the tasks of each index of an array job, and the outcomes that came back.

    s3://BUCKET/PREFIX/parcel/<file>
    s3://BUCKET/PREFIX/<job>/tasks/<index>.json       [[number, payload], ...]
    s3://BUCKET/PREFIX/<job>/outcomes/<index>.json    [{"number": ..., "value" or "failure": ...}, ...]

Parcels run code when they are opened: nobody but the sweep's owner may write to the bucket.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tradewinds.core.errors import Missing, Rejected, TradewindsError, Transient
from tradewinds.engines.parcel import Parcel, parcel_of

_REFUSED = {
    "AccessDenied", "AccessDeniedException", "InvalidAccessKeyId", "SignatureDoesNotMatch", "NoSuchBucket", "InvalidBucketName",
    "ClientException", "NoRegionError", "NoCredentialsError", "PartialCredentialsError", "ProfileNotFound",
}  # fmt: skip
_ABSENT = {"NoSuchKey", "404"}


@dataclass(frozen=True, slots=True)
class Bucket:
    """Objects under `s3://bucket/prefix` through a boto3 client; `job` is the part that one array job reads and writes."""

    client: Any
    bucket: str
    prefix: str
    job: str = ""

    @classmethod
    def at(cls, address: str, client: Any = None) -> Bucket:
        """Of `s3://BUCKET/PREFIX` or, for a worker, `s3://BUCKET/PREFIX#JOB`; credentials and endpoint from where boto3 looks for them."""
        place, _, job = address.removeprefix("s3://").partition("#")
        bucket, _, prefix = place.partition("/")
        if not address.startswith("s3://") or not bucket or not prefix:
            raise Rejected(f"sweep on AWS Batch: place {address!r}, expected s3://BUCKET/PREFIX")
        if client is None:
            client = aws("s3")
        return cls(client, bucket, prefix.strip("/"), job)

    def address(self, job: str) -> str:
        """What a worker of that job is given."""
        return f"s3://{self.bucket}/{self.prefix}#{job}"

    def of_job(self, job: str) -> Bucket:
        """The same place, for one array job."""
        return Bucket(self.client, self.bucket, self.prefix, job)

    def put_parcel(self, parcel: Parcel) -> None:
        content = parcel.content()
        for name, text in content.items():
            self._put(f"parcel/{name}", text)
        self._put("parcel.json", json.dumps(list(content)).encode())

    def parcel(self, folder: Path) -> Parcel:
        """The parcel, fetched into a folder."""
        names = json.loads(self._get("parcel.json"))
        return parcel_of({name: self._get(f"parcel/{name}") for name in names}, folder)

    def put_tasks(self, index: int, tasks: Sequence[tuple[int, Any]]) -> None:
        self._put(f"{self.job}/tasks/{index}.json", json.dumps([list(task) for task in tasks]).encode())

    def tasks(self, index: int) -> list[tuple[int, Any]]:
        """(number, payload) of each task of an index."""
        return [(number, payload) for number, payload in json.loads(self._get(f"{self.job}/tasks/{index}.json"))]

    def put_outcomes(self, index: int, outcomes: Iterable[dict[str, Any]]) -> None:
        self._put(f"{self.job}/outcomes/{index}.json", json.dumps(list(outcomes)).encode())

    def outcomes(self, index: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self._get(f"{self.job}/outcomes/{index}.json"))
        return found

    def finished(self) -> set[int]:
        """The indices whose outcomes are there."""
        folder = f"{self.prefix}/{self.job}/outcomes/"
        pages = self._call("listing", folder, lambda: list(self._pages(folder)))
        return {int(one["Key"].removeprefix(folder).removesuffix(".json")) for page in pages for one in page.get("Contents", ())}

    def _pages(self, folder: str) -> Any:
        return self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=folder)

    def _put(self, name: str, content: bytes) -> None:
        key = f"{self.prefix}/{name}"
        self._call("writing", key, lambda: self.client.put_object(Bucket=self.bucket, Key=key, Body=content))

    def _get(self, name: str) -> bytes:
        key = f"{self.prefix}/{name}"
        content: bytes = self._call("reading", key, lambda: self._content(key))
        return content

    def _content(self, key: str) -> Any:
        return self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def _call(self, doing: str, key: str, action: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return action()
        except (BotoCoreError, ClientError) as error:
            raise told(f"{doing} s3://{self.bucket}/{key}", error) from None


def aws(service: str) -> Any:
    """A client of boto3; region, credentials and endpoint from where it looks for them."""
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        return boto3.client(service)
    except (BotoCoreError, ValueError) as error:
        raise told(f"reaching AWS {service}", error) from None


def told(what: str, error: Any) -> TradewindsError:
    """An error of AWS in our words."""
    code = str(getattr(error, "response", {}).get("Error", {}).get("Code", type(error).__name__))
    if code in _ABSENT:
        return Missing(f"{what}: not there, expected an object that the sweep put")
    if code in _REFUSED:
        return Rejected(f"{what}: {error}, expected a place and a queue that this account may use")
    return Transient(f"{what}: {error}, expected an answer; repeat")
