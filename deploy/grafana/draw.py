"""Draws the Grafana dashboards: `python deploy/grafana/draw.py` writes dashboards/*.json. Standard library only.

A dashboard is a list of rows, a row is a list of panels: title, unit, queries with their legends. A test sees that the files are as drawn,
and that every metric they ask for is one that a process of ours exports (src/tradewinds/wire/metric_table.py).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA_VERSION = 39
FOLDER = Path(__file__).resolve().parent / "dashboards"
SOURCE = {"type": "prometheus", "uid": "prometheus"}
WIDE, HIGH = 24, 8
ACCOUNT = 'account=~"$account"'

Queries = tuple[tuple[str, str], ...]  # (PromQL, legend)


@dataclass(frozen=True)
class Panel:
    """One drawing. red_above: where a stat turns red; kind: timeseries, stat or table."""

    title: str
    queries: Queries
    unit: str = "short"
    kind: str = "timeseries"
    red_above: float | None = None
    help: str = ""


@dataclass(frozen=True)
class Dashboard:
    """One page. variables: label -> the metric that its values are read from."""

    uid: str
    title: str
    rows: tuple[tuple[Panel, ...], ...]
    variables: tuple[tuple[str, str], ...] = ()


def quantile(share: float, metric: str, by: str, where: str = "") -> str:
    return f"histogram_quantile({share}, sum by ({by}, le) (rate({metric}_bucket{{{where}}}[$__rate_interval])))"


def rate(metric: str, by: str, where: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{{{where}}}[$__rate_interval]))"


def many(metric: str, by: str, where: str = "") -> str:
    return f"sum by ({by}) (increase({metric}{{{where}}}[$__rate_interval]))"


TRADING = Dashboard(
    "tradewinds-trading",
    "Tradewinds: trading",
    (
        (
            Panel("Accounts that trade", (("sum(tradewinds_account_trading)", ""),), kind="stat"),
            Panel("Halted", (("sum(tradewinds_account_halted)", ""),), kind="stat", red_above=1),
            Panel("Orders in doubt", (("sum(tradewinds_account_orders_unknown)", ""),), kind="stat", red_above=1),
            Panel("Wait for a person", (("sum(tradewinds_account_orders_waiting)", ""),), kind="stat", red_above=1),
            Panel("Heartbeat of the trade process", (('max(tradewinds_heartbeat_age_seconds{of="trade"})', ""),), "s", "stat", 10),
        ),
        (
            Panel("Orders sent and fills, a second", (
                (rate("tradewinds_orders_sent_total", "account", ACCOUNT), "{{account}} sent"),
                (rate("tradewinds_fills_total", "account", ACCOUNT), "{{account}} fills"),
            ), "ops"),
            Panel("Refused, by the gate's rule", (
                (many("tradewinds_orders_refused_total", "account, rule", ACCOUNT), "{{account}} {{rule}}"),
            )),
            Panel("How orders ended", (
                (many("tradewinds_orders_ended_total", "account, state", ACCOUNT), "{{account}} {{state}}"),
            )),
        ),
        (
            Panel("From a decision to the wire", (
                (quantile(0.5, "tradewinds_order_send_seconds", "account", ACCOUNT), "{{account}} median"),
                (quantile(0.99, "tradewinds_order_send_seconds", "account", ACCOUNT), "{{account}} p99"),
            ), "s"),
            Panel("Answer of the broker", (
                (quantile(0.5, "tradewinds_broker_answer_seconds", "account, ask", ACCOUNT), "{{account}} {{ask}} median"),
                (quantile(0.99, "tradewinds_broker_answer_seconds", "account, ask", ACCOUNT), "{{account}} {{ask}} p99"),
            ), "s"),
            Panel("Journal: a durable write", (
                (quantile(0.5, "tradewinds_journal_commit_seconds", "account", ACCOUNT), "{{account}} median"),
                (quantile(0.99, "tradewinds_journal_commit_seconds", "account", ACCOUNT), "{{account}} p99"),
            ), "s"),
        ),
        (
            Panel("Positions", ((f"tradewinds_position_units{{{ACCOUNT}}}", "{{account}} {{instrument}}"),)),
            Panel("Orders that work", ((f"tradewinds_account_orders_open{{{ACCOUNT}}}", "{{account}}"),)),
            Panel("Broker's stream", ((f"tradewinds_account_link_up{{{ACCOUNT}}}", "{{account}}"),), help="1 while it is there."),
        ),
        (
            Panel("Broker calls that failed", (
                (many("tradewinds_broker_calls_failed_total", "account, ask, error", ACCOUNT),
                 "{{account}} {{ask}} {{error}}"),
            )),
            Panel("Decisions", ((many("tradewinds_decisions_total", "strategy", ACCOUNT), "{{strategy}}"),)),
            Panel("Halt epoch", (
                ("max(tradewinds_halt_epoch)", "raised"), ("max(tradewinds_halt_epoch_acknowledged)", "obeyed"),
            ), help="Where the lines part, a halt was asked for and is not obeyed."),
        ),
    ),
    (("account", "tradewinds_account_trading"),),
)  # fmt: skip

DATA = Dashboard(
    "tradewinds-data",
    "Tradewinds: data",
    (
        (
            Panel("Jobs whose last run failed", (("sum(tradewinds_job_last_failed)", ""),), kind="stat", red_above=1),
            Panel("Values held", (("sum(tradewinds_holds_open)", ""),), kind="stat", red_above=1),
            Panel("Age of the newest minute bar", (
                ('time() - max(tradewinds_feed_last_bar_timestamp_seconds{interval="1m"})', ""),
            ), "s", "stat"),
        ),
        (
            Panel("Last runs", (
                ("tradewinds_job_last_failed", "failed"),
                ("time() - tradewinds_job_last_run_timestamp_seconds", "age"),
                ("tradewinds_job_last_duration_seconds", "took"),
            ), kind="table"),
            Panel("Since a job ended well", (("time() - tradewinds_job_last_success_timestamp_seconds", "{{job_name}}"),), "s"),
        ),
        (
            Panel("Rows of the last run", (('tradewinds_job_last_rows{rows="published"}', "{{job_name}}"),)),
            Panel("Restated by the last run", (('tradewinds_job_last_rows{rows="restated"}', "{{job_name}}"),)),
            Panel("Findings of the last run", (("tradewinds_job_last_findings", "{{job_name}}"),)),
        ),
        (
            Panel("Bars of the live feed, a second", ((rate("tradewinds_feed_bars_total", "interval"), "{{interval}}"),), "ops"),
            Panel("From a bar's end to its publication", (
                (quantile(0.5, "tradewinds_feed_lag_seconds", "interval"), "{{interval}} median"),
                (quantile(0.99, "tradewinds_feed_lag_seconds", "interval"), "{{interval}} p99"),
            ), "s"),
        ),
    ),
)  # fmt: skip

PLATFORM = Dashboard(
    "tradewinds-platform",
    "Tradewinds: platform",
    (
        (
            Panel("Processes that answer", (('sum(up{job="tradewinds"})', ""),), kind="stat"),
            Panel("Nobody has in hand", (("sum(tradewinds_alerts_unacknowledged)", ""),), kind="stat", red_above=1),
            Panel("Log lines lost", (("sum(increase(tradewinds_log_lines_dropped_total[1h]))", ""),), kind="stat", red_above=1),
            Panel("Accounts guarded", (("sum(tradewinds_guard_watching)", ""),), kind="stat"),
            Panel("Halts of the guard", (("sum(tradewinds_guard_halts_total)", ""),), kind="stat"),
        ),
        (
            Panel("Requests, a second", ((rate("tradewinds_http_requests_total", "status"), "{{status}}"),), "reqps"),
            Panel("Slowest routes, p99", ((f"topk(8, {quantile(0.99, 'tradewinds_http_request_seconds', 'route')})", "{{route}}"),), "s"),
            Panel("In progress, and live streams", (
                ("sum(tradewinds_http_requests_in_progress)", "in progress"), ("sum(tradewinds_http_streams_open)", "streams"),
            )),
        ),
        (
            Panel("Messages by route", (
                (many("tradewinds_alert_deliveries_total", "route, outcome"), "{{route}} {{outcome}}"),
            )),
            Panel("What trading told people", (
                (many("tradewinds_alerts_total", "account, severity"), "{{account}} {{severity}}"),
            )),
            Panel("Heartbeats", (("max by (of) (tradewinds_heartbeat_age_seconds)", "{{of}}"),), "s"),
        ),
        (
            Panel("Memory", (('process_resident_memory_bytes{job="tradewinds"}', "{{process}}"),), "bytes"),
            Panel("Processor", (('rate(process_cpu_seconds_total{job="tradewinds"}[$__rate_interval])', "{{process}}"),), "percentunit"),
            Panel("Open files", (('process_open_fds{job="tradewinds"}', "{{process}}"),)),
        ),
        (Panel("Versions", (("tradewinds_build_info", ""),), kind="table"),),
    ),
)  # fmt: skip

ALL = (TRADING, DATA, PLATFORM)


def drawn(one: Dashboard) -> dict[str, Any]:
    """A dashboard as Grafana reads it."""
    panels: list[dict[str, Any]] = []
    top = 0
    for row in one.rows:
        high = HIGH // 2 if all(panel.kind == "stat" for panel in row) else HIGH
        wide = WIDE // len(row)
        for place, panel in enumerate(row):
            at = {"h": high, "w": wide, "x": place * wide, "y": top}
            panels.append({"id": len(panels) + 1, "gridPos": at, **_panel(panel)})
        top += high
    return {
        "uid": one.uid,
        "title": one.title,
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "tags": ["tradewinds"],
        "timezone": "utc",
        "refresh": "15s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_variable(name, metric) for name, metric in one.variables]},
        "annotations": {"list": []},
        "panels": panels,
    }


def _panel(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.red_above is not None:
        steps.append({"color": "red", "value": panel.red_above})
    is_now = panel.kind in ("stat", "table")
    targets = [
        {
            "refId": chr(ord("A") + number), "datasource": SOURCE, "expr": query, "legendFormat": legend, "instant": is_now,
            "range": not is_now, "format": "table" if panel.kind == "table" else "time_series",
        }
        for number, (query, legend) in enumerate(panel.queries)
    ]  # fmt: skip
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.help,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}}, "overrides": []},
        "options": {"legend": {"showLegend": True, "displayMode": "list", "placement": "bottom"}} if panel.kind == "timeseries" else {},
        "transformations": [{"id": "merge", "options": {}}] if panel.kind == "table" else [],
        "targets": targets,
    }


def _variable(name: str, metric: str) -> dict[str, Any]:
    query = f"label_values({metric}, {name})"
    return {
        "name": name, "type": "query", "datasource": SOURCE, "query": {"query": query, "refId": name}, "definition": query, "refresh": 2,
        "includeAll": True, "multi": True, "allValue": ".*", "current": {"text": ["All"], "value": ["$__all"]},
    }  # fmt: skip


def text(one: Dashboard) -> str:
    """The file of a dashboard."""
    return json.dumps(drawn(one), indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for one in ALL:
        (FOLDER / f"{one.uid.removeprefix('tradewinds-')}.json").write_text(text(one), encoding="utf-8")


if __name__ == "__main__":
    main()
