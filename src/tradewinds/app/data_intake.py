"""`tradewinds data fetch` and `data import`: what brings data in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tradewinds.app.arguments import FROM, JSON, TO, key_and_value, opened, span
from tradewinds.app.output import log, print_json
from tradewinds.core.errors import NOTHING_TO_DO, Rejected

if TYPE_CHECKING:
    from tradewinds.jobs.config import Config, CryptoConfig

DAYS_FETCHED = 30
MARKETS = ("spot", "um", "cm")


@click.command("fetch")
@click.argument("symbol")
@click.option("--interval", default="1d", show_default=True, help="Bar length such as 1m, 1h, 1d.")
@FROM
@TO
@JSON
def fetch(symbol: str, interval: str, start: str | None, end: str | None, *, as_json: bool) -> None:
    """Fetch bars of SYMBOL from the archive and over REST into the history.

    SYMBOL is one of the venue (BTCUSDT), or an instrument (BTCUSDT.BINANCE_UM). Without --from it goes on where the last fetch
    ended, or begins 30 days ago. Fetching again writes only what is new; nothing new ends with exit code 99.

    \b
    tradewinds data fetch BTCUSDT --interval 1m --from 2024-01-01
    tradewinds data fetch ETHUSDT.BINANCE_UM --interval 1h --from 2024-01-01 --to 2024-02-01
    """
    from dataclasses import replace

    from tradewinds.core.instant import NS_PER_DAY
    from tradewinds.core.market import Interval
    from tradewinds.wiring.house import open_house, run_job

    Interval(interval)
    since_ns, end_ns = span(start, end)
    house = open_house()
    market, config, instrument = _market_of(house.config, symbol)
    now_ns = house.clock.now_ns()
    if since_ns is not None and since_ns >= now_ns:
        raise Rejected(f"--from {start}, expected a time before now")
    begin_ns = (end_ns or now_ns) - DAYS_FETCHED * NS_PER_DAY if since_ns is None else since_ns
    params: dict[str, Any] = {"market": market, "interval": interval, "instruments": [instrument], "since_ns": begin_ns}
    if start or end:
        params["is_from_since"] = True
    if end:
        params["to"] = end
    if market not in house.config.crypto:
        house = open_house(replace(house.config, crypto={**house.config.crypto, market: config}))
    result = run_job("crypto_incremental.ingest", instrument, params, house=house, progress=log)
    if as_json:
        print_json({"instrument": instrument, "interval": interval, **result})
    else:
        click.echo(f"{instrument} {interval}: {_counts(result)}")
    if result["state"] == "nothing":
        sys.exit(NOTHING_TO_DO)


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--instrument", help="Whose bars they are, such as AAPL.XNAS.")
@click.option("--venue", help="Instead of --instrument, where the file has a column of symbols: the venue of them all, such as XNAS.")
@click.option("--interval", default="1d", show_default=True, help="Bar length.")
@click.option("--columns", help="Where each column stands: time=Date,open=O,high=H,low=L,close=C,volume=V.")
@click.option("--option", "options", multiple=True, metavar="KEY=VALUE", help="How the file is written; see docs/vendors.md, bar_files.")
@JSON
def import_file(
    file: Path,
    instrument: str | None,
    venue: str | None,
    interval: str,
    columns: str | None,
    options: tuple[str, ...],
    *,
    as_json: bool,
) -> None:
    """Import any OHLCV CSV or Parquet file as a vendor of its own, and publish it.

    The file is kept by its hash, read, looked over and published. A file that cannot be read publishes nothing; the error names file,
    line and value. Importing it again writes nothing and ends with exit code 99.

    \b
    tradewinds data import aapl.csv --instrument AAPL.XNAS --columns time=Date,volume=Vol.
    tradewinds data import closes.csv --venue XNAS --columns symbol=Ticker,time=Day
    tradewinds data import eth.parquet --instrument ETHUSDT.BINANCE --interval 1m --option time_unit=ms
    """
    from tradewinds.app.import_file import import_bars

    if (instrument is None) == (venue is None):
        raise Rejected("data import: expected either --instrument AAPL.XNAS, or --venue XNAS where the file has a column of symbols")
    given = dict(key_and_value(text, "--option") for text in options) | ({"venue": venue.upper()} if venue else {})
    result = import_bars(opened("data.import", file.name)[1], file, instrument, interval, columns, given)
    if as_json:
        print_json({"file": str(file), **result})
    else:
        click.echo(f"{file.name}: {result['rows_in']:,} rows, {_counts(result)}")
    if result["state"] == "nothing":
        sys.exit(NOTHING_TO_DO)


def _counts(result: dict[str, Any]) -> str:
    return f"{result['rows_published']:,} new, {result['rows_restated']:,} restated, {result['findings']:,} findings"


def _market_of(config: Config, symbol: str) -> tuple[str, CryptoConfig, str]:
    """(market's name, its configuration, the instrument): by the venue where one is named, else the first that is configured."""
    from tradewinds.core.instrument import instrument_id
    from tradewinds.jobs.config import CryptoConfig

    shipped = {f"binance_{kind}" if kind != "spot" else "binance": CryptoConfig(market=kind) for kind in MARKETS}  # type: ignore[arg-type]  # the three literals
    name, dot, venue = symbol.upper().rpartition(".")
    if not dot:
        market, chosen = next(iter((config.crypto or shipped).items()))
        return market, chosen, instrument_id(symbol.upper(), chosen.venue_name)
    configured = {one.venue_name for one in config.crypto.values()}
    markets = {
        **config.crypto,
        **{key: one for key, one in shipped.items() if key not in config.crypto and one.venue_name not in configured},
    }
    for market, chosen in markets.items():
        if chosen.venue_name == venue:
            return market, chosen, instrument_id(name, venue)
    known = ", ".join(sorted(one.venue_name for one in markets.values()))
    raise Rejected(
        f"data fetch {symbol}: venue {venue}, expected one of {known}; `job run` fetches what other plans name, `data import` files"
    )
