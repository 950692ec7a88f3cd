"""Metrics: what is counted is what a scrape over the loopback says, read by Prometheus' own parser."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tradewinds.core.errors import Invariant, Rejected
from tradewinds.wire.metric_table import TABLE, Declared
from tradewinds.wire.metrics import Metrics, NoMetrics, Reading, Served, open_metrics, serve, targets


def scraped(served: Served) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample by name and labels."""
    with urllib.request.urlopen(f"http://{served.address}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def test_a_scrape_over_the_loopback_says_what_was_counted(tmp_path: Path) -> None:
    metrics = Metrics("trade")
    metrics.counter("tradewinds_orders_sent_total", "main").inc()
    metrics.counter("tradewinds_orders_sent_total", "main").inc(2)
    metrics.histogram("tradewinds_journal_commit_seconds", "main").observe(0.003)
    metrics.at_scrape(lambda: [Reading("tradewinds_halt_epoch", 7), Reading("tradewinds_heartbeat_age_seconds", 0.5, ("trade",))])

    served = serve(metrics, tmp_path, {})
    try:
        found = scraped(served)
        named = json.loads((targets(tmp_path) / "trade.json").read_text())
    finally:
        served.close()

    assert found["tradewinds_orders_sent_total", (("account", "main"),)] == 3
    assert found["tradewinds_journal_commit_seconds_bucket", (("account", "main"), ("le", "0.005"))] == 1
    assert found["tradewinds_journal_commit_seconds_bucket", (("account", "main"), ("le", "0.002"))] == 0
    assert found["tradewinds_halt_epoch", ()] == 7
    assert found["tradewinds_heartbeat_age_seconds", (("of", "trade"),)] == 0.5
    assert named == [{"targets": [served.address], "labels": {"process": "trade"}}]
    assert served.address is not None
    assert served.address.startswith("127.0.0.1:")
    assert not (targets(tmp_path) / "trade.json").exists()  # a clean end


def test_a_ledger_that_is_away_hides_nothing_else(tmp_path: Path) -> None:
    def away() -> list[Reading]:
        raise OSError("database is away")

    metrics = Metrics("console")
    metrics.at_scrape(away)
    metrics.gauge("tradewinds_http_streams_open").set(2)

    served = serve(metrics, tmp_path, {})
    try:
        found = scraped(served)
    finally:
        served.close()

    assert found["tradewinds_http_streams_open", ()] == 2


def test_what_does_not_stand_in_the_table_cannot_be_counted() -> None:
    metrics = Metrics("trade")

    with pytest.raises(Invariant, match="tradewinds_guesses_total"):
        metrics.counter("tradewinds_guesses_total")
    with pytest.raises(Invariant, match="with 0 labels"):
        metrics.counter("tradewinds_orders_sent_total")
    with pytest.raises(Invariant, match="gauge"):
        metrics.gauge("tradewinds_orders_sent_total", "main")


def test_what_is_not_held_any_more_is_forgotten(tmp_path: Path) -> None:
    metrics = Metrics("trade")
    metrics.gauge("tradewinds_position_units", "main", "BTCUSDT.BINANCE").set(2)
    metrics.forget("tradewinds_position_units")
    metrics.gauge("tradewinds_position_units", "main", "ETHUSDT.BINANCE").set(-1)

    text = metrics.exposition()[0].decode()

    assert 'instrument="ETHUSDT.BINANCE"} -1.0' in text
    assert "BTCUSDT" not in text


def test_nobody_counts_where_metrics_are_off(tmp_path: Path) -> None:
    metrics = open_metrics("trade", {"TRADEWINDS_METRICS_ADDRESS": "off"})
    metrics.counter("tradewinds_orders_sent_total", "main").inc()

    assert isinstance(metrics, NoMetrics)
    assert serve(metrics, tmp_path, {}).address is None
    assert metrics.exposition()[0] == b""


@pytest.mark.parametrize("given", ["9464", "localhost:", "127.0.0.1:http"])
def test_an_address_that_is_none_is_refused(given: str, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="TRADEWINDS_METRICS_ADDRESS"):
        serve(Metrics("trade"), tmp_path, {"TRADEWINDS_METRICS_ADDRESS": given})


def test_an_address_that_is_taken_is_refused(tmp_path: Path) -> None:
    first = serve(Metrics("trade"), tmp_path, {})
    try:
        with pytest.raises(Rejected, match="expected an address that is free"):
            serve(Metrics("guard"), tmp_path, {"TRADEWINDS_METRICS_ADDRESS": str(first.address)})
    finally:
        first.close()


def test_names_keep_to_the_convention() -> None:
    for name, one in TABLE.items():
        assert name.startswith("tradewinds_")
        assert one.help.endswith(".")
        if one.kind == "histogram":
            assert name.endswith("_seconds")
    with pytest.raises(Rejected, match="label job, which Prometheus puts on every series"):
        Declared("tradewinds_runs_total", "counter", "console", "Runs.", ("job",))
    with pytest.raises(Rejected, match="_total"):
        Declared("tradewinds_orders", "counter", "trade", "Orders.")
