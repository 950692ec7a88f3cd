"""Two more vendors of the minutes that the demo trades, so that a fill leads to a bar that three told of and one lied about.

    the venue   tells its own minutes; the job `crypto_incremental` brings them into the history, as always
    tape        tells the same minutes, as files
    planted     tells the same, and of every third minute of each coin prices that are 3 % too high; planted, and named as such

The files go the usual way: their bytes into the raw store, their rows into the vendor's own table. `history.reconcile` weighs all three,
and what it finds about whom is recorded. The history has the venue's values, and keeps them.

    python -m tradewinds.app.demo_vendors <since>     in the environment of a demo; instants as in ISO 8601
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewinds.core.instant import NS_PER_MINUTE, parse, text, to_date
from tradewinds.core.market import PRICES, bars
from tradewinds.core.observation import Request, Table

if TYPE_CHECKING:
    import polars as pl

    from tradewinds.jobs.context import Context
    from tradewinds.wiring.house import House

TAPE, PLANTED = "tape", "planted_minutes"
LIE = 1.03
LIE_EVERY = 3
BEFORE_NS = 90 * NS_PER_MINUTE  # what reconciliation sees before the first minute asked for
BARS = bars("1m")
VENUE = "BINANCE"
COINS = tuple(f"{coin}USDT.{VENUE}" for coin in ("BTC", "ETH", "BNB"))


@dataclass(frozen=True, slots=True)
class Told:
    """minutes: new ones of all coins. lies: of them, told wrongly. found: findings that are new."""

    minutes: int
    lies: int
    found: int


def vendors(folder: Path) -> dict[str, Any]:
    """The section `vendors` of the configuration."""
    options = {"interval": "1m", "venue": VENUE}
    return {name: {"use": "files", "url": str(folder / name), "options": {**options, "name": name}} for name in (TAPE, PLANTED)}


def bring(house: House, since_ns: int) -> Told:
    """The venue's new minutes into the history, what the other two say of them beside it, and what is wrong with whom."""
    from tradewinds.wiring.house import run_job

    run_job("crypto_incremental.ingest", to_date(house.clock.now_ns()).isoformat(), _newest(house), house=house)
    return tell(house, since_ns)


def tell(house: House, since_ns: int) -> Told:
    """What the other vendors say of the minutes that the history has since then, and are not asked for yet."""
    import polars as pl

    context = house.context("demo", to_date(house.clock.now_ns()).isoformat())
    rest = house.config.crypto["binance"].rest
    mine = house.lake.read(Table(BARS), as_of_ns=house.clock.now_ns(), instruments=COINS, start_ns=since_ns - BEFORE_NS)
    mine = mine.drop("vendor", "status", "reason")
    fresh = mine.join(_rows(context, TAPE, since_ns), on=["instrument", "start_ns"], how="anti").sort("start_ns", "instrument")
    if fresh.is_empty():
        return Told(0, 0, 0)
    _publish(context, Table(BARS, vendor=rest), fresh)
    lied = fresh.with_columns(pl.when(_is_lie(since_ns)).then(pl.col(one) * LIE).otherwise(pl.col(one)).alias(one) for one in PRICES)
    for name, rows in ((TAPE, fresh), (PLANTED, lied)):
        _capture(context, name, rows)
    lies = fresh.filter(_is_lie(since_ns)).height
    return Told(fresh.height, lies, _judged(context, {one: _rows(context, one, since_ns) for one in (rest, TAPE, PLANTED)}, since_ns))


def main(since: str) -> None:
    """`bring` in a process of its own."""
    from tradewinds.wiring.house import open_house

    with closing(open_house()) as house:
        bring(house, parse(since))


def _newest(house: House) -> Mapping[str, Any]:
    """The coins that the accounts trade, at the first interval that the configuration keeps, from its beginning."""
    market = house.config.crypto["binance"]
    return {
        "market": "binance",
        "interval": market.bars[0].interval,
        "instruments": list(COINS),
        "since_ns": parse(f"{market.bars[0].since}"),
    }


def _is_lie(since_ns: int) -> pl.Expr:
    """Every third minute since the beginning, another one for each coin."""
    import polars as pl

    coin = pl.col("instrument").replace_strict({name: number for number, name in enumerate(COINS)}, return_dtype=pl.Int64)
    minute = (pl.col("start_ns") - since_ns) // NS_PER_MINUTE + coin
    return (pl.col("start_ns") >= since_ns) & (minute % LIE_EVERY == 0)


def _capture(context: Context, name: str, rows: pl.DataFrame) -> None:
    """Write a file as the vendor would, and take it in as any other."""
    import polars as pl

    from tradewinds.jobs.ingest import Chunk, ingest

    vendor = context.vendor(name)
    folder = Path(context.config.vendors[name].url or "")
    folder.mkdir(parents=True, exist_ok=True)
    first = text(int(rows["start_ns"][0])).replace(":", "")
    file = folder / f"{first}.csv"
    time = pl.from_epoch("start_ns", time_unit="ns").dt.strftime("%Y-%m-%dT%H:%M:%SZ").alias("time")
    symbol = pl.col("instrument").str.split(".").list.first().alias("symbol")
    rows.select(time, symbol, *(pl.col(one).round(8) for one in PRICES), "volume").write_csv(file)
    now_ns = context.clock.now_ns()
    request = Request(BARS.name, COINS, int(rows["start_ns"][0]), now_ns, now_ns)
    pulls = [replace(one, locator=str(file)) for one in vendor.plan(request)]
    done = ingest(context, vendor, Table(BARS, vendor=name), [Chunk(tuple((name, one) for one in pulls))])
    if done.total.failed:
        context.progress(f"demo vendor {name}: {done.total.failed}")


def _publish(context: Context, table: Table, rows: pl.DataFrame) -> None:
    from tradewinds.jobs.ingest import split_by_partition

    for partition, part in split_by_partition(table.dataset, rows):
        context.lake.publish(table, partition, part)


def _rows(context: Context, name: str, since_ns: int) -> pl.DataFrame:
    return context.lake.read(Table(BARS, vendor=name), as_of_ns=context.clock.now_ns(), start_ns=since_ns - BEFORE_NS)


def _judged(context: Context, told: Mapping[str, pl.DataFrame], since_ns: int) -> int:
    """Weigh the vendors side by side and record what is wrong with whom; the newest minute waits for the one after it."""
    from tradewinds.history.reconcile import reconcile
    from tradewinds.history.reconcile_limits import Limits

    now_ns, newest_ns = context.clock.now_ns(), max(int(one["start_ns"].to_numpy().max()) for one in told.values())
    decided = reconcile(told, dataset=BARS.name, as_of_ns=now_ns, limits=Limits(preference=tuple(told)))
    return context.records.record(replace(one, found_ns=now_ns) for one in decided.findings if since_ns <= one.start_ns < newest_ns)


if __name__ == "__main__":
    main(sys.argv[1])
