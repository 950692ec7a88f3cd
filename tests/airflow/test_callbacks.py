"""Alerts: logged always, posted where a webhook is set."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tradewinds.airflow.callbacks import run_failed, run_late, send

RUN = {"dag_id": "fx", "run_id": "manual__1", "partition_key": "2024-01-31"}


class Receiver(BaseHTTPRequestHandler):
    """Keeps what is posted."""

    got: list[dict[str, Any]]

    def do_POST(self) -> None:
        self.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Says nothing."""


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """A webhook on the loopback; yields what it received."""
    Receiver.got = []
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("TRADEWINDS_ALERT_WEBHOOK", f"http://127.0.0.1:{server.server_port}/")
    yield Receiver.got
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_failed_run_is_posted_with_its_reason(webhook: list[dict[str, Any]]) -> None:
    run_failed({"dag_run": RUN, "reason": "task_failure"})

    assert webhook == [
        {"kind": "failed", "dag": "fx", "run": "manual__1", "partition": "2024-01-31", "text": "fx 2024-01-31 failed: task_failure"}
    ]


def test_a_late_run_is_posted_with_its_limit(webhook: list[dict[str, Any]]) -> None:
    asyncio.run(run_late(30.0, {"dag_run": RUN}))

    assert [(one["kind"], one["text"]) for one in webhook] == [("late", "fx 2024-01-31 has not ended 30 hours after it was due")]


def test_without_a_webhook_an_alert_is_only_logged(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.delenv("TRADEWINDS_ALERT_WEBHOOK", raising=False)

    with caplog.at_level(logging.WARNING):
        is_delivered = send({"kind": "failed", "text": "fx failed"})

    assert not is_delivered
    assert "alert: fx failed" in caplog.text


def test_an_alert_that_cannot_be_sent_is_logged_without_the_address(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    (tmp_path / "hook").write_text("http://127.0.0.1:1/secret-token\n")
    monkeypatch.delenv("TRADEWINDS_ALERT_WEBHOOK", raising=False)
    monkeypatch.setenv("TRADEWINDS_ALERT_WEBHOOK_FILE", str(tmp_path / "hook"))

    is_delivered = send({"kind": "failed", "text": "fx failed"})

    assert not is_delivered
    assert "alert could not be sent: ConnectError" in caplog.text
    assert "secret-token" not in caplog.text


def test_a_failed_and_a_late_run_stand_in_the_outbox_once_where_there_are_routes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from tradewinds.wiring.house import open_house

    place = tmp_path / "tradewinds.yaml"
    place.write_text(f"home: {tmp_path / 'home'}\nalerts: {{routes: {{phone: {{}}}}}}\n")
    monkeypatch.setenv("TRADEWINDS_CONFIG", str(place))
    monkeypatch.delenv("TRADEWINDS_ALERT_WEBHOOK", raising=False)

    for _ in range(2):
        run_failed({"dag_run": RUN, "reason": "task_failure"})
        asyncio.run(run_late(30.0, {"dag_run": RUN}))

    house = open_house()
    found = house.ledger.outbox.alerts()
    house.close()
    assert sorted((one.alert.subject, one.alert.text) for one in found) == [
        ("fx 2024-01-31", "failed: task_failure"), ("fx 2024-01-31", "has not ended 30 hours after it was due"),
    ]  # fmt: skip


def test_without_routes_no_ledger_is_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    place = tmp_path / "tradewinds.yaml"
    place.write_text(f"home: {tmp_path / 'home'}\n")
    monkeypatch.setenv("TRADEWINDS_CONFIG", str(place))

    run_failed({"dag_run": RUN, "reason": "task_failure"})

    assert not (tmp_path / "home").exists()
