"""Vendor bytes under their SHA-256, kept exactly as they came, with a record of every place they came from.

Layout: `<first two digits>/<sha256>` holds the bytes, `<first two digits>/<sha256>.<record hash>.json` one capture
record. A record's name is the hash of vendor, dataset, locator and params, so a second capture of the same bytes from
the same place writes nothing and the first capture time stands. The record becomes visible after its bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence

from tradewinds.core import instant
from tradewinds.core.errors import Missing, Rejected, Unreadable
from tradewinds.core.observation import Payload
from tradewinds.stores.lake_files import Files

_SHA256 = re.compile(r"[0-9a-f]{64}")


class FileRawStore:
    """The raw store over any `Files`."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def put(self, payload: Payload) -> str:
        return self.put_many([payload])[0]

    def put_many(self, payloads: Sequence[Payload]) -> list[str]:
        """`put` of each, in order; the folder syncs are shared, so hand over as many as fit in memory."""
        names = [payload.sha256 for payload in payloads]
        contents: dict[str, bytes] = {}
        records: dict[str, bytes] = {}
        for name, payload in zip(names, payloads, strict=True):
            if _path(name) not in contents and self._files.stat(_path(name)) is None:
                contents[_path(name)] = payload.content
            path = f"{_path(name)}.{_record_name(payload)}.json"
            if path not in records and self._files.stat(path) is None:
                records[path] = _record(payload)
        if contents or records:
            self._files.write_many([*contents.items(), *records.items()])
        return names

    def get(self, sha256: str) -> bytes:
        path = _path(sha256)
        try:
            content = self._files.read(path)
        except Missing:
            raise Missing(f"raw bytes {sha256}: not in this store, expected bytes that were captured") from None
        found = hashlib.sha256(content).hexdigest()
        if found != sha256:
            raise Unreadable(f"raw bytes {sha256}: {len(content)} bytes on disk hash to {found}, expected the name they are stored under")
        return content

    def has(self, sha256: str) -> bool:
        return self._files.stat(_path(sha256)) is not None

    def captures(self, sha256: str) -> list[Mapping[str, str]]:
        folder, _, name = _path(sha256).partition("/")
        found = [json.loads(self._files.read(f"{folder}/{stat.name}")) for stat in self._files.listing(folder, f"{name}.")]
        return sorted(
            found, key=lambda record: (instant.parse(record["captured_at"]), record["vendor"], record["locator"], record["params"])
        )


def _path(sha256: str) -> str:
    if _SHA256.fullmatch(sha256) is None:
        raise Rejected(f"raw bytes: {sha256!r}, expected 64 hexadecimal digits of a SHA-256")
    return f"{sha256[:2]}/{sha256}"


def _params(payload: Payload) -> str:
    return json.dumps(dict(payload.pull.params), sort_keys=True, separators=(",", ":"))


def _record_name(payload: Payload) -> str:
    parts = (payload.pull.vendor, payload.pull.dataset, payload.pull.locator, _params(payload))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _record(payload: Payload) -> bytes:
    record = {
        "vendor": payload.pull.vendor,
        "dataset": payload.pull.dataset,
        "locator": payload.pull.locator,
        "params": _params(payload),
        "captured_at": instant.text(payload.captured_ns),
        "bytes": str(len(payload.content)),
    }
    if payload.published_ns is not None:
        record["published_at"] = instant.text(payload.published_ns)
    return json.dumps(record, sort_keys=True, indent=1).encode()
