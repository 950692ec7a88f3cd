"""Which build this is, and whether all services are of the same one.

A build's hash is over the names and texts of every file of the package. An image has it in TRADEWINDS_BUILD; where the files say otherwise,
the image was altered. `check_build` is what a service calls at its start: the first one of a stack writes the hash into a place that all
share, the others compare with it, and whoever is of another build ends before it has read or sent anything.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from tradewinds.core.errors import Rejected

BUILD = "TRADEWINDS_BUILD"  # the hash that an image was built with
SHARED = "TRADEWINDS_BUILD_FILE"  # a file that all services of a stack see
_PACKAGE = Path(__file__).parents[1]
_SKIPPED = ("__pycache__",)


@lru_cache(maxsize=1)
def build_hash() -> str:
    """16 hexadecimal digits of SHA-256 over this installation's files; the same wherever the same files are installed."""
    digest = hashlib.sha256()
    for place in sorted(_PACKAGE.rglob("*")):
        if not place.is_file() or place.suffix in (".pyc", ".pyo") or any(part in _SKIPPED for part in place.parts):
            continue
        digest.update(f"{place.relative_to(_PACKAGE).as_posix()}\0".encode())
        digest.update(hashlib.sha256(place.read_bytes()).digest())
    return digest.hexdigest()[:16]


def check_build(environment: Mapping[str, str] = os.environ) -> str:
    """This build's hash. Raises Rejected where it is not the image's, or not the one that the stack's other services run.

    Without either variable there is nothing to compare with, as on one machine with one installation.
    """
    mine = build_hash()
    named = environment.get(BUILD)
    if named and named != mine:
        raise Rejected(f"build {mine}: its files are not those of the image, expected {named}; build the image again")
    shared = environment.get(SHARED)
    if shared:
        _compare(mine, Path(shared))
    return mine


def _compare(mine: str, place: Path) -> None:
    """Write ours where nobody has, else compare. Only one of many that start at once writes."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        aside = place.with_name(f".{place.name}.{secrets.token_hex(8)}")  # process ids repeat across containers
        aside.write_text(f"{mine}\n")
        try:
            os.link(aside, place)
        except FileExistsError:
            pass
        finally:
            aside.unlink(missing_ok=True)
        found = place.read_text().strip()
    except OSError as error:
        raise Rejected(f"build {mine}: {place} cannot be used ({error.strerror}), expected a file that every service shares") from None
    if found != mine:
        raise Rejected(f"build {mine}: the stack runs {found}, expected one build for all services; stop all of it, then remove {place}")


def main(arguments: list[str] | None = None) -> None:
    """`python -m tradewinds.app.build [PROGRAM ...]`: say the hash, or check it and become the program."""
    from tradewinds.core.errors import TradewindsError

    words = sys.argv[1:] if arguments is None else arguments
    if not words:
        sys.stdout.write(f"{build_hash()}\n")
        return
    try:
        check_build()
    except TradewindsError as error:
        sys.stderr.write(f"tradewinds: {error}\n")
        sys.exit(error.exit_code)
    os.execvp(words[0], words)  # noqa: S606 - the container's own command


if __name__ == "__main__":
    main()
