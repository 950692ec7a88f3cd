"""`tradewinds sandbox`: the local venues, until interrupted."""

from __future__ import annotations

import sys

import click


@click.command(
    "sandbox", context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}, add_help_option=False
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sandbox(arguments: tuple[str, ...]) -> None:
    """Run the local venues: Binance, CoinGecko, OANDA and others on this machine.

    Prints the settings that point Tradewinds at them. --help lists the options.
    """
    from tradewinds.wiring.sandbox import serve

    sys.exit(serve(list(arguments)))
