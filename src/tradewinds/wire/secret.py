"""A secret that cannot be printed by accident."""

from __future__ import annotations

HIDDEN = "***"


class Secret:
    """A key or token. Its text leaves only through `reveal`, which only the wire calls."""

    __slots__ = ("_prefix", "_text")

    def __init__(self, text: str, *, prefix: str = "") -> None:
        self._text = text.strip()
        self._prefix = prefix

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    def __str__(self) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reveal() == self.reveal()

    def __hash__(self) -> int:
        return hash(self.reveal())

    def __bool__(self) -> bool:
        return bool(self._text)

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a Secret is not pickled: pass the setting that holds it")

    def behind(self, prefix: str) -> Secret:
        """The same secret as a header wants it, such as behind `Bearer `."""
        return Secret(self._text, prefix=prefix)

    def reveal(self) -> str:
        """The text itself."""
        return self._prefix + self._text

    def redact(self, message: str) -> str:
        """`message` with every occurrence of the secret hidden."""
        return message.replace(self._text, HIDDEN) if self._text else message
