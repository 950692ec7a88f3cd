"""The decoder of `ib_async`, made quicker for what a gateway says twice."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import fields
from functools import cache
from typing import Any

from ib_async.decoder import Decoder

READ_KEPT_MAX = 50_000
_LOG = logging.getLogger("ib_async")


class QuickDecoder(Decoder):
    """The library's decoder, for a gateway that tells the same again and again: every comparison lists the executions of the whole day.

    1. The fields of an order's class are looked at once for each class, not anew for each order.
    2. Executions, commissions and orders, told in the same words as before, are not read again. Nobody changes what was read.
    """

    def __init__(self, line: Any) -> None:
        super().__init__(line, 0)
        self._line = line
        self._read: dict[tuple[str, ...], tuple[Any, ...]] = {}
        if not _LOG.handlers:
            # What it logs is told by `Link`; without a handler of anybody it would go to the standard error.
            _LOG.addHandler(logging.NullHandler())

    def execDetails(self, fields: list[str]) -> None:
        said = ("execution", *fields[2:])
        known = self._read.get(said)
        if known is not None:
            self._line.execDetails(int(fields[1]), *known)
            return
        super().execDetails(fields)  # type: ignore[no-untyped-call]  # the library has no types here
        self._remember(said)

    def commissionReport(self, fields: list[str]) -> None:
        said = ("commission", *fields)
        known = self._read.get(said)
        if known is not None:
            self._line.commissionReport(*known)
            return
        super().commissionReport(fields)  # type: ignore[no-untyped-call]  # the library has no types here
        self._remember(said)

    def openOrder(self, fields: list[str]) -> None:
        said = ("open", *fields)
        known = self._read.get(said)
        if known is not None:
            self._line.openOrder(*known)
            return
        super().openOrder(fields)  # type: ignore[no-untyped-call]  # the library has no types here
        self._remember(said)

    def completedOrder(self, fields: list[str]) -> None:
        said = ("completed", *fields)
        known = self._read.get(said)
        if known is not None:
            self._line.completedOrder(*known)
            return
        super().completedOrder(fields)  # type: ignore[no-untyped-call]  # the library has no types here
        self._remember(said)

    def _remember(self, said: tuple[str, ...]) -> None:
        if len(self._read) >= READ_KEPT_MAX:
            self._read.clear()
        self._read[said] = self._line.read_last

    def parse(self, obj: Any) -> None:
        values, kind = obj.__dict__, obj.__class__
        for name, make, default in _typed(kind):
            value = values[name]
            values[name] = make(value) if value else default


@cache
def _typed(kind: Any) -> tuple[tuple[str, Callable[[Any], Any], Any], ...]:
    make: dict[type, Callable[[Any], Any]] = {int: int, float: float, bool: lambda value: bool(int(value))}
    return tuple((one.name, make[type(one.default)], one.default) for one in fields(kind) if type(one.default) in make)
