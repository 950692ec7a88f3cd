"""What a job is given: the stores, the vendors, the clock and the configuration, all behind ports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradewinds.core.ports import Clock, Lake, RawStore, Vendor
from tradewinds.jobs.config import Config

if TYPE_CHECKING:
    from tradewinds.jobs.records import Records


def _silent(message: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Context:
    """Everything a job may touch. `vendor(name)` builds the vendor configured under that name."""

    config: Config
    clock: Clock
    raw: RawStore
    lake: Lake
    records: Records
    vendor: Callable[[str], Vendor]
    progress: Callable[[str], None] = _silent
