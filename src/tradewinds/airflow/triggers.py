"""Waiting for a vendor without holding a worker: in the triggerer, until it is ready or its lateness limit has passed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from tradewinds.airflow.work import check_ready
from tradewinds.core.errors import TradewindsError, Transient
from tradewinds.jobs.plan import Readiness


class ReadyTrigger(BaseTrigger):
    """Asks a readiness check of the catalog again and again; fires with its answer once that says to go on.

    The check decides by the configured clock, so a replay waits by the replay's time. A check that cannot answer for the
    moment (Transient) is asked again; any other error of ours ends the wait, and the task says why.
    """

    def __init__(self, check: str, partition: str, params: Mapping[str, Any], poll_s: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # airflow leaves it untyped
        self.check = check
        self.partition = partition
        self.params = dict(params)
        self.poll_s = poll_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """How Airflow keeps this trigger."""
        values = {"check": self.check, "partition": self.partition, "params": self.params, "poll_s": self.poll_s}
        return f"{type(self).__module__}.{type(self).__qualname__}", values

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yields one event: the readiness, or the error that ended the wait."""
        while True:
            answer = await asyncio.to_thread(self._ask)
            if answer.get("is_ready") or answer.get("is_limit_passed") or "error" in answer:
                yield TriggerEvent(answer)  # type: ignore[no-untyped-call]  # airflow leaves it untyped
                return
            self.log.info("%s %s is not ready: %s; asking again in %s s", self.check, self.partition, answer["detail"], self.poll_s)
            await asyncio.sleep(self.poll_s)

    def _ask(self) -> dict[str, Any]:
        try:
            return check_ready(self.check, self.partition, self.params)
        except Transient as error:
            return asdict(Readiness(is_ready=False, is_limit_passed=False, detail=str(error)))
        except TradewindsError as error:
            return {"error": f"{type(error).__name__}: {error}"}
