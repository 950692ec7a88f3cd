"""Every job by name, and the plans that call them.

JOBS    name -> "module:function", imported when called: run(context, partition, params) -> JobResult
READY   name -> "module:function": is_ready(context, partition, params) -> Readiness
plans   the plans that a configuration asks for
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from tradewinds.core.errors import Rejected
from tradewinds.jobs.config import Config
from tradewinds.jobs.plan import AfterClose, AfterTables, Cron, Plan, Step
from tradewinds.jobs.research_plan import research_plans

JOBS: Mapping[str, str] = {
    "universe": "tradewinds.jobs.universe:run",
    "crypto_backfill.plan": "tradewinds.jobs.crypto_backfill:plan",
    "crypto_backfill.ingest": "tradewinds.jobs.crypto_backfill:run_shard",
    "crypto_incremental.plan": "tradewinds.jobs.crypto_incremental:plan",
    "crypto_incremental.ingest": "tradewinds.jobs.crypto_incremental:run_batch",
    "crypto_trades.plan": "tradewinds.jobs.crypto_trades:plan",
    "crypto_trades.ingest": "tradewinds.jobs.crypto_trades:run_shard",
    "equities.plan": "tradewinds.jobs.equities:plan",
    "equities.capture": "tradewinds.jobs.equities:capture",
    "equities.quality": "tradewinds.jobs.equities:quality",
    "equities.reconcile": "tradewinds.jobs.equities:reconcile",
    "equities.publish": "tradewinds.jobs.equities:publish",
    "dataset": "tradewinds.jobs.dataset:run",
    "pack": "tradewinds.jobs.maintenance:pack",
    "compact": "tradewinds.jobs.maintenance:compact",
    "retain": "tradewinds.jobs.maintenance:retain",
    "calendar_coverage": "tradewinds.jobs.maintenance:calendar_coverage",
    "marts": "tradewinds.jobs.marts:run",
    "warehouse": "tradewinds.jobs.marts:warehouse",
    "evening": "tradewinds.jobs.evening:run",
    "alerts": "tradewinds.jobs.alerts:run",
    "research.features": "tradewinds.jobs.research_features:run",
    "research.risk_model": "tradewinds.jobs.research_risk:run",
    "research.predict": "tradewinds.jobs.research_predict:run",
    "research.signals": "tradewinds.jobs.research_signals:run",
    "research.report": "tradewinds.jobs.research_report:run",
    "research.screen": "tradewinds.jobs.research_screen:run",
    "research.answer": "tradewinds.jobs.research_screen:answer",
    "research.sheet": "tradewinds.jobs.research_sheet:run",
    "train.plan": "tradewinds.jobs.train:plan",
    "train.fold": "tradewinds.jobs.train:fold",
    "train.run": "tradewinds.jobs.train:run",
    "train.promote": "tradewinds.jobs.promotion:promote",
}

READY: Mapping[str, str] = {
    "equities": "tradewinds.jobs.equities:is_ready",
}


def function(registry: Mapping[str, str], name: str) -> Callable[..., Any]:
    """The function registered under `name`, imported now."""
    place = registry.get(name)
    if place is None:
        raise Rejected(f"job {name!r} is unknown, expected one of {', '.join(sorted(registry))}")
    module, _, attribute = place.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), attribute)
    return found


def plans(config: Config) -> list[Plan]:
    """The plans this configuration asks for, by name. Pure: reads no file, opens no store, asks no clock."""
    found = [*_crypto(config), *_equities(config), *_fx(config), *_datasets(config), _maintenance(config), _marts(config)]
    found += [*_evenings(config), *research_plans(config), *_alerts(config)]
    return sorted(found, key=lambda plan: plan.name)


def _evenings(config: Config) -> list[Plan]:
    return [
        Plan(
            f"evening_{name}",
            f"The day of account {name} beside its broker's own statement, signed",
            _cron(config, f"evening_{name}", "10 0 * * *"),
            (Step("reconcile", "evening", {"account": name}),),
            freshness_hours=6,
            tags=("trading",),
        )
        for name in config.accounts
    ]


def _alerts(config: Config) -> list[Plan]:
    """After the bars of each length that is published, or at the times that the configuration names."""
    if config.alerts is None:
        return []
    if config.alerts.schedule is not None:
        steps = (Step("alerts", "alerts", retries=0),)
        return [Plan("alerts", "Conditions of the alert table that came true", Cron(config.alerts.schedule), steps, tags=("alerts",))]
    lengths = [history.interval for market in config.crypto.values() for history in market.bars]
    lengths += ["1d"] if config.equities else []
    lengths += [history.interval for history in config.fx.bars] if config.fx is not None and config.fx.kind == "bars" else []
    return [
        Plan(
            f"alerts_{length}",
            f"Conditions of the alert table over {length} that came true",
            AfterTables((f"history/bars-{length}",)),
            (Step("alerts", "alerts", {"interval": length}, retries=0),),
            tags=("alerts",),
        )
        for length in dict.fromkeys(lengths)
    ]


def _cron(config: Config, name: str, default: str) -> Cron:
    return Cron(config.schedules.get(name, default))


def _bars_tables(config: Config, market: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f"history/bars-{history.interval}" for history in config.crypto[market].bars))


def _crypto(config: Config) -> list[Plan]:
    found = []
    for market in config.crypto:
        suffix = "" if len(config.crypto) == 1 else f"_{market}"
        params = {"market": market}
        tables = _bars_tables(config, market)
        found.append(
            Plan(
                f"universe{suffix}",
                "Which coins we follow: top by market cap, mapped to the venue's pairs",
                _cron(config, "universe", "15 0 * * *"),
                (Step("universe", "universe", params, produces=("ledger/universe",)),),
                freshness_hours=30,
                tags=("crypto",),
            )
        )
        found.append(
            Plan(
                f"crypto_backfill{suffix}",
                "Bulk history from the venue's archive: monthly files, then daily ones",
                _cron(config, "crypto_backfill", "0 2 * * 2"),
                (
                    Step("plan", "crypto_backfill.plan", params),
                    Step("ingest", "crypto_backfill.ingest", params, after=("plan",), over="plan", group="shard", produces=tables),
                ),
                tags=("crypto",),
            )
        )
        found.append(
            Plan(
                f"crypto_incremental{suffix}",
                "The newest bars over REST, from each symbol's bookmark; newcomers are backfilled",
                _cron(config, "crypto_incremental", "5 * * * *"),
                (
                    Step("plan", "crypto_incremental.plan", params),
                    Step("ingest", "crypto_incremental.ingest", params, after=("plan",), over="plan", group="batch", produces=tables),
                ),
                freshness_hours=2,
                tags=("crypto",),
            )
        )
        found.append(
            Plan(
                f"crypto_trades{suffix}",
                "Trade prints from the archive and over REST by id, and bars made of them",
                _cron(config, "crypto_trades", "30 3 * * *"),
                (
                    Step("plan", "crypto_trades.plan", params),
                    Step(
                        "ingest", "crypto_trades.ingest", params, after=("plan",), over="plan", group="shard", produces=("history/trades",)
                    ),
                ),
                freshness_hours=30,
                tags=("crypto",),
            )
        )
    return found


def _equities(config: Config) -> list[Plan]:
    found = []
    for name, market in config.equities.items():
        params = {"market": name}
        found.append(
            Plan(
                f"equities_nightly_{name.lower()}",
                f"Equities of {market.calendar}: capture every vendor, judge, reconcile, publish",
                AfterClose(market.calendar, market.delay_minutes),
                (
                    Step("plan", "equities.plan", params),
                    Step("capture", "equities.capture", params, after=("plan",), over="plan", group="vendor", ready="equities"),
                    Step("quality", "equities.quality", params, after=("capture",), over="plan", group="vendor"),
                    Step("reconcile", "equities.reconcile", params, after=("quality",), run_even_if_some_failed=True),
                    Step("publish", "equities.publish", params, after=("reconcile",), produces=("history/bars-1d",)),
                ),
                freshness_hours=market.lateness_hours + 6,
                tags=("equities",),
            )
        )
    return found


def _fx(config: Config) -> list[Plan]:
    if config.fx is None:
        return []
    steps = tuple(
        Step(
            f"{config.fx.kind}_{history.interval}",
            "dataset",
            {"fx": history.interval},
            produces=(f"history/{config.fx.kind}-{history.interval}",),
        )
        for history in config.fx.bars
    )
    return [Plan("fx", "Currency pairs", AfterClose("FX", 15), steps, freshness_hours=30, tags=("fx",))]


def _datasets(config: Config) -> list[Plan]:
    return [
        Plan(
            name,
            f"Dataset {dataset.dataset} from {dataset.vendor}",
            _cron(config, name, dataset.schedule),
            (Step("ingest", "dataset", {"name": name}, produces=(f"history/{dataset.dataset}",)),),
            freshness_hours=dataset.freshness_hours,
            tags=("dataset",),
        )
        for name, dataset in config.datasets.items()
    ]


def _maintenance(config: Config) -> Plan:
    return Plan(
        "maintenance",
        "Compact, retain, pack, and look how far the calendars reach",
        _cron(config, "maintenance", "30 4 * * *"),
        (
            Step("compact", "compact"),
            Step("pack", "pack", after=("compact",)),
            Step("retain", "retain", after=("pack",)),
            Step("calendar_coverage", "calendar_coverage"),
        ),
        freshness_hours=30,
        tags=("house",),
    )


def _marts(config: Config) -> Plan:
    return Plan(
        "marts",
        "A star schema for BI tools, and the warehouse",
        AfterTables(("history/bars-1d",)),
        (Step("marts", "marts"), Step("warehouse", "warehouse", after=("marts",))),
        tags=("house",),
    )
