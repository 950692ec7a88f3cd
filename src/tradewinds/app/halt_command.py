"""`tradewinds halt` as a command among the others; what it does stands in `halt.py`, which needs none of this."""

from __future__ import annotations

import sys

import click


@click.command("halt", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--flatten", is_flag=True, help="Close every position too, at the market.")
@click.option("--reason", default="", help="Why; it stands in the journals.")
@click.option("--home", help="The home of the trade process, where it is not the configured one.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def halt(*, flatten: bool, reason: str, home: str | None, as_json: bool) -> None:
    """Stop all trading of this home now: nothing is sent any more, every order is cancelled.

    Exit code 0: no order is open. 1: one is, or nobody can say. 99: no account is configured.
    """
    from tradewinds.app.halt import main

    given = [*(["--flatten"] if flatten else []), *(["--json"] if as_json else []), *(["--home", home] if home is not None else [])]
    sys.exit(main([*given, f"--reason={reason}"]))
