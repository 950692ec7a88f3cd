"""Puts the user's calendar overrides in force: files named in the configuration, for holidays that no release knows yet."""

from __future__ import annotations

from pathlib import Path

from tradewinds.calendars.override import Override, parse_overrides
from tradewinds.calendars.sessions import stand
from tradewinds.core.errors import Rejected
from tradewinds.jobs.config import Config


def stand_calendars(config: Config) -> None:
    """Read the override files and let every calendar of this process follow them. Raises Rejected naming a file and what is wrong."""
    found: list[Override] = []
    for name in config.calendars:
        place = Path(config.workspace or ".") / Path(name).expanduser()
        try:
            text = place.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Rejected(f"calendar override {place}: {error}, expected a readable file") from None
        found += parse_overrides(text, what=str(place))
    stand(found)
