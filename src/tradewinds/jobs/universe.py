"""Which coins are followed: the top by market cap, mapped to the venue's pairs, as a snapshot that says what was known when.

1. The venue's list of instruments: rules are kept, listings and delistings end or begin a name.
2. The market-cap list: kept as a dataset, read back as coins.
3. The rule of the configuration picks members (`history.universe`); symbols named in the configuration are added or left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import polars as pl

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import to_date
from tradewinds.core.instrument import Instrument, Ticker, instrument_id, split_id
from tradewinds.core.observation import Payload, Pull, Request, Table
from tradewinds.core.record import Member, Universe
from tradewinds.history.universe import Rule, coins_of_markets, pairs_of_exchange_info, select
from tradewinds.jobs import crypto
from tradewinds.jobs.config import UNIVERSE, CryptoConfig
from tradewinds.jobs.context import Context
from tradewinds.jobs.ingest import publish, split_by_partition
from tradewinds.jobs.plan import JobResult

COINS_PER_MEMBER = 3  # how many coins are looked at for each member wanted: stable and wrapped coins and those without a pair drop out


@runtime_checkable
class ListsInstruments(Protocol):
    """A venue that can be asked for everything it lists."""

    def instruments_pull(self, market: Any = ...) -> Pull: ...

    def parse_instruments(self, payload: Payload) -> list[Instrument]: ...


def run(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """Take a snapshot of the universe."""
    market, config = crypto.market_of(context, params)
    now_ns = context.clock.now_ns()
    listed, body = _instruments(context, config)
    changed = context.records.upsert_instruments(listed)
    if not _is_wanted(config):
        return JobResult(state="done" if changed else "nothing", rows_in=len(listed), detail={"instruments": len(listed)})
    coins = _coins(context, config)
    rule = Rule(crypto.universe_name(market), config.universe.top, venue=config.venue_name, quote=config.universe.quote)
    chosen = select(rule, coins_of_markets(coins), pairs_of_exchange_info(body), to_date(now_ns), now_ns)
    members = _members(config, chosen.universe.members, {instrument.id for instrument in listed})
    if not members:
        raise DataFault(
            f"universe {rule.name}: no member among {len(coins)} coins and {len(listed)} instruments, expected up to {rule.top}"
        )
    before = {member.instrument for member in context.records.members(rule.name, now_ns)}
    is_new = context.records.save_universe(Universe(rule.name, to_date(now_ns), now_ns, members))
    after = {member.instrument for member in members}
    return JobResult(
        state="done" if is_new else "nothing",
        rows_in=len(coins) + len(listed),
        rows_published=len(members) if is_new else 0,
        detail={
            "members": len(members),
            "joined": sorted(after - before) if before else len(after),
            "left": sorted(before - after),
            "instruments": len(listed),
            "passed_over": _counted(one.reason for one in chosen.passed_over),
        },
    )


def _is_wanted(config: CryptoConfig) -> bool:
    return any(UNIVERSE in history.instruments for history in config.bars) or UNIVERSE in config.trades


def _instruments(context: Context, config: CryptoConfig) -> tuple[list[Instrument], Mapping[str, Any]]:
    """The venue's instruments, with names begun and ended, and the body they came in."""
    vendor = context.vendor(config.rest)
    if not isinstance(vendor, ListsInstruments):
        raise Rejected(f"universe: vendor {config.rest} cannot list instruments, expected one that does, such as binance_rest")
    pull = vendor.instruments_pull(config.market)
    payload = next(iter(vendor.capture(pull)))
    context.raw.put(payload)
    listed = [one for one in vendor.parse_instruments(payload) if split_id(one.id)[1] == config.venue_name]
    known = {instrument.id: instrument for instrument in context.records.instruments(venue=config.venue_name)}
    if known:
        _names(context, known, {instrument.id for instrument in listed})
    gone = [replace(known[name], is_tradable=False) for name in sorted(set(known) - {one.id for one in listed})]
    return [*listed, *gone], json.loads(payload.content)


def _names(context: Context, known: Mapping[str, Instrument], listed: set[str]) -> None:
    """Begin the names of newcomers, end those of what vanished. Before the first list nobody knows when a name began."""
    now_ns = context.clock.now_ns()
    begun = [Ticker(name, *split_id(name), now_ns) for name in sorted(listed - set(known))]
    ended = []
    for name in sorted(set(known) - listed):
        names = context.records.tickers(name) or [Ticker(name, *split_id(name), 0)]
        ended += [replace(ticker, end_ns=now_ns) for ticker in names if ticker.end_ns is None]
    if begun or ended:
        context.records.add_tickers([*begun, *ended])


def _coins(context: Context, config: CryptoConfig) -> list[dict[str, Any]]:
    """The market-cap list as rows with id, symbol and market_cap; kept in the lake as `coin-markets`."""
    vendor = context.vendor(config.universe.source)
    dataset = next(iter(vendor.datasets()))
    now_ns = context.clock.now_ns()
    top = str(max(50, config.universe.top * COINS_PER_MEMBER))
    frames = []
    for pull in vendor.plan(Request(dataset.name, (), now_ns, now_ns, now_ns, {"top": top})):
        for payload in vendor.capture(pull):
            context.raw.put(payload)
            frames.append(vendor.parse(payload))
    rows = pl.concat(frames) if frames else pl.DataFrame()
    if rows.is_empty():
        raise DataFault(f"universe: {config.universe.source} answered with no coin, expected some")
    rows = rows.unique("instrument", keep="first", maintain_order=True).sort("instrument")
    for partition, part in split_by_partition(dataset, rows):
        publish(context, Table(dataset), partition, part, vendor=vendor.name)
    chosen = rows.select(pl.col("instrument").str.replace(r"\.[^.]*$", "").alias("id"), "symbol", "market_cap")
    return chosen.to_dicts()


def _members(config: CryptoConfig, chosen: Sequence[Member], listed: set[str]) -> tuple[Member, ...]:
    """The chosen ones less what is excluded, then what is included by name, ranks closed up."""
    wanted = {name if "." in name else instrument_id(name, config.venue_name): name for name in config.universe.include}
    absent = sorted(name for instrument, name in wanted.items() if instrument not in listed)
    if absent:
        raise Rejected(f"universe: include {absent}, expected symbols that {config.venue_name} lists")
    left_out = {name if "." in name else instrument_id(name, config.venue_name) for name in config.universe.exclude}
    kept = [member for member in chosen if member.instrument not in left_out]
    have = {member.instrument for member in kept}
    kept += [Member(instrument, 0) for instrument in wanted if instrument not in have and instrument not in left_out]
    return tuple(replace(member, rank=rank) for rank, member in enumerate(kept, 1))


def _counted(reasons: Any) -> dict[str, int]:
    counts: dict[str, int] = {}
    for reason in reasons:
        counts[reason] = counts.get(reason, 0) + 1
    return dict(sorted(counts.items()))
