"""What reconciliation tolerates and how sure it must be before it decides."""

from __future__ import annotations

from dataclasses import dataclass

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import NS_PER_HOUR

KINDS = (
    "gap",
    "duplicate",
    "stale",
    "spike",
    "impossible",
    "shift",
    "split",
    "swapped",
    "unit",
    "volume_scale",
    "late",
    "revised",
    "conflict",
)
ANY_VENDOR = "*"


@dataclass(frozen=True, slots=True)
class Limits:
    """Tolerances are fractions: two vendors agree where prices differ by at most `price_tolerance` and volumes by `volume_tolerance`.

    margin: log-odds by which one reading of a dispute must beat the next before it is published as resolved (3 is 20 to 1).
    margin_unexplained: the same where a reading leaves rows unexplained, or explains them as those of another bar: in the middle of such a
    run either side can look like the one that runs ahead.
    corroboration: log-odds that each further vendor on the same side adds; low, because vendors share upstreams.
    spike_least: a single price that is off by less is called a conflict, not a spike: vendors' prints differ that much.
    minor: differences up to this fraction that nothing decides are settled by `preference`, where some vendor there is preferred, and
    listed as a conflict; None: they are held like all others.
    window: bars before a session from which its usual moves are measured.
    lateness_ns: how long after its end a bar may arrive. absence: bars after which a silent vendor is no longer waited for.
    preference: vendors to take values from first where several agree; otherwise the one nearest to the others.
    """

    price_tolerance: float = 1e-3
    volume_tolerance: float = 0.2
    margin: float = 3.0
    margin_unexplained: float = 8.0
    corroboration: float = 1.4
    spike_least: float = 0.02
    minor: float | None = None
    window: int = 60
    lateness_ns: int = 12 * NS_PER_HOUR
    absence: int = 5
    preference: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("price_tolerance", "volume_tolerance", "margin"):
            value = getattr(self, name)
            if not 0 < value < 100:
                raise Rejected(f"reconciliation limits: {name} {value}, expected a number above 0 and below 100")
        for name in ("window", "absence", "lateness_ns"):
            if getattr(self, name) < 1:
                raise Rejected(f"reconciliation limits: {name} {getattr(self, name)}, expected at least 1")
