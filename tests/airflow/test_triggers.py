"""The wait for a vendor."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tradewinds.airflow import triggers
from tradewinds.airflow.triggers import ReadyTrigger
from tradewinds.core.errors import Rejected, Transient

WAIT = {"is_ready": False, "is_limit_passed": False, "detail": "no file yet"}


def _wait(monkeypatch: pytest.MonkeyPatch, answers: list[Any]) -> tuple[dict[str, Any], int]:
    """What ends the wait, and how often it was asked."""
    asked: list[tuple[str, str, dict[str, Any]]] = []

    def check(name: str, partition: str, params: dict[str, Any]) -> dict[str, Any]:
        asked.append((name, partition, params))
        answer = answers[len(asked) - 1]
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    async def first() -> dict[str, Any]:
        async for event in ReadyTrigger("equities", "2024-01-31", {"v": "alpha"}, 0.0).run():
            return dict(event.payload)
        raise AssertionError("the wait ended without an event")

    monkeypatch.setattr(triggers, "check_ready", check)
    payload = asyncio.run(first())
    assert set(map(str, asked)) == {"('equities', '2024-01-31', {'v': 'alpha'})"}
    return payload, len(asked)


def test_the_wait_ends_when_the_vendor_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    ready = {**WAIT, "is_ready": True}

    assert _wait(monkeypatch, [WAIT, WAIT, ready]) == (ready, 3)


def test_the_wait_ends_when_the_limit_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    over = {**WAIT, "is_limit_passed": True}

    assert _wait(monkeypatch, [WAIT, over]) == (over, 2)


def test_a_check_that_cannot_answer_for_the_moment_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    ready = {**WAIT, "is_ready": True}

    assert _wait(monkeypatch, [Transient("the ledger is away"), ready]) == (ready, 2)


def test_a_check_that_was_asked_wrongly_ends_the_wait_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _wait(monkeypatch, [Rejected("no vendor 'alpha'")]) == ({"error": "Rejected: no vendor 'alpha'"}, 1)
