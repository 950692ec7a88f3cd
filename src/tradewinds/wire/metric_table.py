"""Every metric that a process of ours exports, in one table: names by the Prometheus convention, units last, `_total` for what only rises.

A metric that does not stand here cannot be made (`metrics.Metrics`), and what dashboards, alert rules and docs/watching.md name must stand
here: tests compare them. Values of a label are few and known: accounts, rules, jobs, routes; never an order id, which belongs in a log.
Timestamps are seconds since 1970.
Source of the convention: https://prometheus.io/docs/practices/naming/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tradewinds.core.errors import Rejected

TAKEN = frozenset({"job", "instance", "process"})  # labels of the target that is scraped

Kind = Literal["counter", "gauge", "histogram"]

FAST_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # a commit, an answer of a venue
SLOW_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)  # a bar on its way, a page


@dataclass(frozen=True, slots=True)
class Declared:
    """One metric. process: which process of ours exports it; `every` where each does. bounds: upper ones of a histogram, in seconds."""

    name: str
    kind: Kind
    process: str
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if (self.kind == "counter") != self.name.endswith("_total"):
            raise Rejected(f"metric {self.name}: a {self.kind}, expected _total behind counters and nowhere else")
        if taken := set(self.labels) & TAKEN:
            raise Rejected(f"metric {self.name}: label {sorted(taken)[0]}, which Prometheus puts on every series itself; expected another")
        if bool(self.bounds) != (self.kind == "histogram"):
            raise Rejected(f"metric {self.name}: bounds {self.bounds}, expected some for histograms alone")


def _table() -> tuple[Declared, ...]:
    account, by_interval = ("account",), ("interval",)
    return (
        # Every process
        Declared("tradewinds_build_info", "gauge", "every", "1; its labels say which program and version runs.", ("program", "version")),
        Declared("tradewinds_heartbeat_age_seconds", "gauge", "every", "Since a process of this home last said that it lives.", ("of",)),
        Declared("tradewinds_halt_epoch", "gauge", "every", "The halt epoch in force; it rises by one with each halt."),
        Declared("tradewinds_halt_epoch_acknowledged", "gauge", "every", "The last halt epoch that the trade process obeys."),
        Declared("tradewinds_log_lines_dropped_total", "counter", "every", "Lines of the structured log that could not be written."),
        # Trade: orders
        Declared("tradewinds_orders_approved_total", "counter", "trade", "Orders that passed the gate and are journalled.", account),
        Declared("tradewinds_orders_refused_total", "counter", "trade", "Intents refused, by the rule.", ("account", "rule")),
        Declared("tradewinds_orders_held_total", "counter", "trade", "Orders put before a person.", ("account", "rule")),
        Declared("tradewinds_orders_sent_total", "counter", "trade", "Orders and replacements handed to the broker.", account),
        Declared("tradewinds_orders_ended_total", "counter", "trade", "Orders that ended, by how.", ("account", "state")),
        Declared("tradewinds_broker_calls_failed_total", "counter", "trade", "Calls of a broker without an answer to rely on.",
                 ("account", "ask", "error")),
        Declared("tradewinds_broker_answer_seconds", "histogram", "trade", "From a call to its answer.", ("account", "ask"), FAST_S),
        Declared("tradewinds_order_send_seconds", "histogram", "trade", "From what an order is decided on to its leaving for the broker.",
                 account, FAST_S),
        Declared("tradewinds_fills_total", "counter", "trade", "Fills booked.", account),
        Declared("tradewinds_decisions_total", "counter", "trade", "Decisions of strategies.", ("account", "strategy")),
        Declared("tradewinds_alerts_total", "counter", "trade", "What the trading service told people.", ("account", "severity")),
        # Trade: state
        Declared("tradewinds_account_trading", "gauge", "trade", "1 while the account trades.", ("account", "mode")),
        Declared("tradewinds_account_halted", "gauge", "trade", "1 while the account is halted.", account),
        Declared("tradewinds_account_link_up", "gauge", "trade", "1 while the broker's stream is there.", account),
        Declared("tradewinds_account_orders_open", "gauge", "trade", "Orders that work.", account),
        Declared("tradewinds_account_orders_unknown", "gauge", "trade", "Orders of which nobody knows whether they work.", account),
        Declared("tradewinds_account_orders_waiting", "gauge", "trade", "Orders that wait for a person.", account),
        Declared("tradewinds_position_units", "gauge", "trade", "Units held, negative where short.", ("account", "instrument")),
        # Trade: journal and feed
        Declared("tradewinds_journal_commit_seconds", "histogram", "trade", "One durable write of the journal.", account, FAST_S),
        Declared("tradewinds_journal_entries_total", "counter", "trade", "Entries made durable.", account),
        Declared("tradewinds_journal_failures_total", "counter", "trade", "Writes that the journal did not take.", account),
        Declared("tradewinds_feed_bars_total", "counter", "trade", "Closed bars that the feed published, history apart.", by_interval),
        Declared("tradewinds_feed_lag_seconds", "histogram", "trade", "From the end of a bar to its publication.", by_interval, SLOW_S),
        Declared("tradewinds_feed_last_bar_timestamp_seconds", "gauge", "trade", "When the newest bar ended.", by_interval),
        # Guard
        Declared("tradewinds_guard_watching", "gauge", "guard", "1 for each account that the guard watches over.", account),
        Declared("tradewinds_guard_halts_total", "counter", "guard", "Halts that the guard carried out."),
        # Console
        Declared("tradewinds_http_requests_total", "counter", "console", "Requests answered.", ("method", "route", "status")),
        Declared("tradewinds_http_request_seconds", "histogram", "console", "From a request to its answer.", ("method", "route"), FAST_S),
        Declared("tradewinds_http_requests_in_progress", "gauge", "console", "Requests that are being answered."),
        Declared("tradewinds_http_streams_open", "gauge", "console", "Readers of live streams."),
        # Console, from the ledger: what jobs did, wherever they ran
        Declared("tradewinds_job_last_run_timestamp_seconds", "gauge", "console", "When a job's last run started.", ("job_name",)),
        Declared("tradewinds_job_last_success_timestamp_seconds", "gauge", "console", "When a job last ended well.", ("job_name",)),
        Declared("tradewinds_job_last_duration_seconds", "gauge", "console", "How long a job's last run took.", ("job_name",)),
        Declared("tradewinds_job_last_rows", "gauge", "console", "Rows of a job's last run, by what became of them.", ("job_name", "rows")),
        Declared("tradewinds_job_last_findings", "gauge", "console", "Findings of a job's last run.", ("job_name",)),
        Declared("tradewinds_job_last_failed", "gauge", "console", "1 where a job's last run failed.", ("job_name",)),
        Declared("tradewinds_holds_open", "gauge", "console", "Values that wait for a person's decision."),
        # Alerts
        Declared("tradewinds_alert_deliveries_total", "counter", "alerts", "Messages handed to a route.", ("route", "outcome")),
        Declared("tradewinds_alerts_unacknowledged", "gauge", "alerts", "Alerts that nobody acknowledged.", ("severity",)),
    )  # fmt: skip


TABLE: dict[str, Declared] = {one.name: one for one in _table()}


def suffixes(one: Declared) -> tuple[str, ...]:
    """The names of the series of a metric, as queries name them."""
    return tuple(f"{one.name}{end}" for end in ("_bucket", "_count", "_sum")) if one.kind == "histogram" else (one.name,)
