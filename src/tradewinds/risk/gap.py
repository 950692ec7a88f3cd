"""`Gap`: what the risk model could not know, and why. A night ends with what can be had and names the rest."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gap:
    """subject: an instrument, a factor, or a session as `2026-11-20`. reason: for people, with figures that tell how much is missing."""

    subject: str
    reason: str
