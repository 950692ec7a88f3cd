"""The signed daily file of an account: what was traded, the breaks, parity, and where the journal's hash chain stood.

    <folder>/<account>/2026-11-20.json        the report, canonical JSON
    <folder>/<account>/2026-11-20.json.sig    its Ed25519 signature, base64
    <folder>/daily.pub                        the public key, base64, to hand to whoever checks
    <folder>/daily.key                        the private key, 0600, made at the first signing

The chain's hash in the file makes later changes to the journal show, the signature later changes to the file. Files are written whole.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewinds.core.errors import Rejected, Unreadable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def write_daily(folder: Path, account: str, day: date, report: Mapping[str, Any]) -> Path:
    """Write and sign the file of a day; a second time replaces it. Returns its path."""
    key = _key(folder)
    body = canonical({**report, "account": account, "day": day.isoformat()})
    place = folder / account / f"{day.isoformat()}.json"
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # The signature first: a cut between the two leaves a file that does not verify, never an unsigned one that looks whole.
    _whole(place.with_suffix(".json.sig"), base64.b64encode(key.sign(body)) + b"\n")
    _whole(place, body)
    return place


def read_daily(place: Path, public: Path | None = None) -> dict[str, Any]:
    """The report of a file whose signature holds; raises Unreadable otherwise. public: the key to check with, else the one beside it."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    key_file = public or place.parent.parent / "daily.pub"
    try:
        body, signature = place.read_bytes(), base64.b64decode(place.with_suffix(".json.sig").read_bytes(), validate=False)
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(key_file.read_bytes()))
    except OSError as error:
        raise Rejected(f"daily file {place}: {error.filename} {error.strerror}, expected the file, its .sig and the public key") from None
    except ValueError as error:
        raise Unreadable(f"daily file {place}: key {key_file} is no Ed25519 public key ({error}), expected 32 bytes in base64") from None
    try:
        key.verify(signature, body)
    except InvalidSignature:
        raise Unreadable(f"daily file {place}: its signature does not hold, expected the file as it was signed") from None
    found = json.loads(body)
    assert isinstance(found, dict)
    return found


def canonical(report: Mapping[str, Any]) -> bytes:
    """JSON with sorted keys and no spaces: equal reports are equal bytes."""
    return json.dumps(report, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _key(folder: Path) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    place = folder / "daily.key"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not place.exists():
        made = Ed25519PrivateKey.generate()
        _whole(place, base64.b64encode(made.private_bytes_raw()) + b"\n", mode=0o600)
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(place.read_bytes()))
    _whole(folder / "daily.pub", base64.b64encode(key.public_key().public_bytes_raw()) + b"\n")
    return key


def _whole(place: Path, content: bytes, *, mode: int = 0o644) -> None:
    draft = place.with_name(place.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(place)
