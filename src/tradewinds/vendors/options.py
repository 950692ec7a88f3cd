"""Reading a vendor's options, which are text, and refusing those it does not know."""

from __future__ import annotations

from collections.abc import Mapping

from tradewinds.core.errors import Rejected
from tradewinds.core.market import Interval


def checked(options: Mapping[str, str], vendor: str, **allowed: tuple[str, ...]) -> Mapping[str, str]:
    """`options` as given; raises Rejected for a name that is not allowed, or a value that is not among the allowed ones (if any)."""
    for name, value in options.items():
        if name not in allowed:
            raise Rejected(f"{vendor}: option {name!r}, expected one of {', '.join(sorted(allowed))}")
        if allowed[name] and value not in allowed[name]:
            raise Rejected(f"{vendor}: option {name} {value!r}, expected one of {', '.join(allowed[name])}")
    return options


def pairs(text: str, *, what: str) -> dict[str, str]:
    """`A=B,C=D` as a mapping; raises Rejected where a part is no pair or a name stands there twice."""
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        key, sign, value = (piece.strip() for piece in part.partition("="))
        if not (key and sign and value) or key in found:
            raise Rejected(f"{what}: {part!r}, expected pairs such as IBM=XNYS, each name once")
        found[key] = value
    return found


def lag_ns(text: str, *, what: str) -> int:
    """The length of `0s`, `30m`, `2h` or `1d`; raises Rejected for months, whose length varies."""
    if text == "0s":
        return 0
    length = Interval(text).ns
    if length is None:
        raise Rejected(f"{what}: lag {text!r}, expected seconds to weeks such as 30m, 2h or 1d")
    return length
