"""How the console looks (`console.css`) and the few lines of script that every page has (`console.js`): times, colours, keys.

Colours are variables that dark mode changes; fonts are the machine's own. Nothing is asked of another address.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def style() -> str:
    """The style sheet."""
    return files(__package__).joinpath("console.css").read_text("utf-8")


@cache
def script() -> str:
    """The script."""
    return files(__package__).joinpath("console.js").read_text("utf-8")
