"""Which secrets this process knows, and whether a file holds one: no backup leaves with a secret in it."""

from __future__ import annotations

import mmap
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

from tradewinds.core.errors import Rejected
from tradewinds.wiring.settings import value_of

CHARACTERS_MIN = 8  # what is shorter stands in many files by chance
_NAMES = re.compile(r"(SECRET|PASSWORD|PASSWD|TOKEN|(^|_)KEY)(_ID)?$")
_IN_ADDRESS = re.compile(r"(?P<head>[a-z][a-z0-9+.-]*://[^\s/:@'\"]*:)(?P<secret>[^\s/@'\"]+)(?=@)")
_IN_YAML = re.compile(r"(?im)^(?P<head>\s*[\"']?[a-z_]*(?:secret|password|passwd|token|api_?key)[\"']?\s*:\s*)(?P<secret>[^\s#{\[|>&*].*)$")


def known_secrets(environment: Mapping[str, str], texts: tuple[str, ...] = ()) -> dict[str, bytes]:
    """Secrets by where they come from: the environment's names, the files that its `…_FILE` name, passwords within addresses.

    texts: configuration, whose addresses may hold passwords too. Values shorter than `CHARACTERS_MIN` are left out.
    """
    found: dict[str, str] = {}
    for name, value in environment.items():
        bare = name.removesuffix("_FILE")
        if _NAMES.search(bare.upper()):
            try:
                found[name] = value_of(bare, {name: value}) or ""
            except Rejected:
                continue  # a file that is not there holds no secret
        for match in _IN_ADDRESS.finditer(value):
            found[name] = match["secret"]
    for text in texts:
        for match in _IN_ADDRESS.finditer(text):
            found.setdefault("an address of the configuration", match["secret"])
    plain = {name: value.strip() for name, value in found.items()}
    return {name: unquote(value).encode() for name, value in plain.items() if len(value) >= CHARACTERS_MIN}


def without_secrets(text: str) -> str:
    """Configuration with the password of every address, and every value whose key says that it is a secret, made ***."""
    return _IN_YAML.sub(r"\g<head>'***'", _IN_ADDRESS.sub(r"\g<head>***", text))


def refuse_secrets(place: Path, name: str, secrets: Mapping[str, bytes]) -> None:
    """Raises Rejected, naming the file and where its secret came from, where the file holds one."""
    if not secrets or place.stat().st_size == 0:
        return
    with place.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for source, secret in secrets.items():
            if content.find(secret) >= 0:
                raise Rejected(f"backup: {name} holds the secret of {source}, expected no secret in it; remove it there, then repeat")
