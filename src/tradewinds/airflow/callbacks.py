"""What happens when a run fails or is late: a line in the log, an alert in the ledger's outbox where routes are configured
(docs/alerts.md), and a message to a webhook where one is set.

`TRADEWINDS_ALERT_WEBHOOK` (or `TRADEWINDS_ALERT_WEBHOOK_FILE`, a file that holds it) receives a POST with a JSON object: `kind`
(`failed` or `late`), `dag`, `run`, `partition`, `text`. An alert that cannot be sent is logged and changes nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SEND_S_MAX = 10.0
_log = logging.getLogger(__name__)


def run_failed(context: Mapping[str, Any]) -> None:
    """Airflow's `on_failure_callback` of every DAG: called once for each run that failed."""
    run = context.get("dag_run")
    reason = str(context.get("reason") or "a task failed")
    send(_message("failed", run, f"{_name(run)} failed: {reason}"))
    _raise(run, reason, None)


async def run_late(hours: float, context: Mapping[str, Any]) -> None:
    """Airflow's deadline callback: called in the triggerer when a run has not ended `hours` after it was due."""
    run = context.get("dag_run")
    await asyncio.to_thread(send, _message("late", run, f"{_name(run)} has not ended {hours:g} hours after it was due"))
    await asyncio.to_thread(_raise, run, "", hours)


def send(message: Mapping[str, Any]) -> bool:
    """Logs the alert and posts it where a webhook is set; whether it was delivered."""
    _log.warning("alert: %s", message["text"])
    place = _webhook(os.environ)
    if place is None:
        return False
    import httpx

    try:
        httpx.post(place, json=dict(message), timeout=SEND_S_MAX).raise_for_status()
    except httpx.HTTPError as error:
        # The address is a secret of its own: only the kind of failure is told.
        _log.error("alert could not be sent: %s", type(error).__name__)
        return False
    return True


def _raise(run: object, reason: str, hours: float | None) -> None:
    """Into the outbox; what goes wrong with that is logged and changes nothing else."""
    try:
        from tradewinds.airflow.work import raise_plan_alert

        raise_plan_alert(str(_of(run, "dag_id")), str(_of(run, "run_id")), str(_of(run, "partition_key") or ""), reason, hours)
    except Exception as error:  # noqa: BLE001 - a callback that raises hides what it was called for
        _log.error("alert could not be put into the ledger: %s: %s", type(error).__name__, error)


def _webhook(environment: Mapping[str, str]) -> str | None:
    named = environment.get("TRADEWINDS_ALERT_WEBHOOK")
    file = environment.get("TRADEWINDS_ALERT_WEBHOOK_FILE")
    if named or file is None:
        return named or None
    try:
        return Path(file).read_text().strip() or None
    except OSError as error:
        _log.error("alert webhook: %s cannot be read (%s), expected a file with an address", file, error.strerror)
        return None


def _message(kind: str, run: object, text: str) -> dict[str, Any]:
    return {"kind": kind, "dag": _of(run, "dag_id"), "run": _of(run, "run_id"), "partition": _of(run, "partition_key"), "text": text}


def _of(run: object, name: str) -> Any:
    return run.get(name) if isinstance(run, Mapping) else getattr(run, name, None)


def _name(run: object) -> str:
    return f"{_of(run, 'dag_id')} {_of(run, 'partition_key') or _of(run, 'run_id')}"
