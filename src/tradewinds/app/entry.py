"""The console's way in: `halt` without anything else, every other command through `cli.py`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command and end with its exit code."""
    if sys.argv[1:2] == ["halt"]:
        from tradewinds.app.halt import main as halt

        sys.exit(halt(sys.argv[2:]))
    from tradewinds.app.cli import main as command

    command()
