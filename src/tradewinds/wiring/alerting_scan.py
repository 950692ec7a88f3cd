from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from tradewinds.people.alert import Alert

if TYPE_CHECKING:
    from tradewinds.wiring.house import House


def scans_of(house: House) -> Mapping[str, Callable[[], Sequence[Alert]]]:
    return {}
