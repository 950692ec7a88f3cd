"""Keys of the local venues' accounts: what each may do, and whether a request was signed with one."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from tradewinds.core.errors import Rejected

SCOPES = ("read", "trade", "cancel", "withdraw")
_FORM = re.compile(r"[A-Za-z0-9_-]{8,128}")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key. secret: text for HMAC-SHA256, or an Ed25519 public key in PEM. account: whose orders it sees.

    scopes: read; trade (orders of every kind); cancel (cancels, and orders that reduce); withdraw (which no adapter should accept).
    """

    key: str
    secret: str = field(repr=False)
    account: str = "main"
    scopes: tuple[str, ...] = ("read", "trade")

    def __post_init__(self) -> None:
        unknown = sorted(set(self.scopes) - set(SCOPES))
        if unknown or _FORM.fullmatch(self.key) is None:
            raise Rejected(f"api key {self.key[:8]}: scopes {unknown or self.scopes}, expected 8 to 128 letters and any of {SCOPES}")


USUAL_KEYS = (
    ApiKey("sandbox-trading-key", "sandbox-trading-secret", "main", ("read", "trade")),
    ApiKey("sandbox-read-only-key", "sandbox-read-only-secret", "main", ("read",)),
    ApiKey("sandbox-guard-key", "sandbox-guard-secret", "main", ("read", "cancel")),
    ApiKey("sandbox-withdraw-key", "sandbox-withdraw-secret", "main", ("read", "trade", "withdraw")),
    ApiKey("sandbox-second-key", "sandbox-second-secret", "second", ("read", "trade")),
)


class KeyRing:
    """The keys that a venue knows, and which of them were revoked."""

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self._keys = {each.key: each for each in keys}
        self._revoked: set[str] = set()

    def find(self, key: str) -> ApiKey | None:
        """The key, None where it is unknown or revoked."""
        return None if key in self._revoked else self._keys.get(key)

    def revoke(self, key: str) -> bool:
        """Accept it no longer; False where it was unknown."""
        self._revoked.add(key)
        return key in self._keys

    def restore(self, key: str) -> None:
        """Accept it again."""
        self._revoked.discard(key)


def is_key(text: str) -> bool:
    """Whether it has the form of a key."""
    return _FORM.fullmatch(text) is not None


def is_signed(key: ApiKey, payload: bytes, signature: str) -> bool:
    """Whether the signature is this key's over these very bytes; hexadecimal in either case, or base64 for Ed25519."""
    if "PUBLIC KEY" in key.secret:
        return _is_signed_ed25519(key.secret, payload, signature)
    made = hmac.new(key.secret.encode(), payload, hashlib.sha256).hexdigest()
    return hmac.compare_digest(made.encode(), signature.lower().encode())


def _is_signed_ed25519(pem: str, payload: bytes, signature: str) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    public = load_pem_public_key(pem.encode())
    assert isinstance(public, Ed25519PublicKey)
    try:
        public.verify(base64.b64decode(signature, validate=True), payload)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True
