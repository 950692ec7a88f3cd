"""The control channel: its owner's alone, JSON lines, errors of ours told as what they are."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tradewinds.core.errors import Late, Rejected, Transient
from tradewinds.live.control import ControlServer, ask, control_path, is_running


async def answer(act: str, words: Mapping[str, Any]) -> Mapping[str, Any]:
    if act == "late":
        raise Late("decide: not yet, expected later")
    if act == "needs":
        return {"got": words["needed"]}
    return {"act": act, "words": dict(words)}


def asked(home: Path, *questions: tuple[str, dict[str, Any]]) -> list[Any]:
    """Each question put by another thread, as another process would, while the server listens."""

    async def serve() -> list[Any]:
        server = ControlServer(control_path(home), answer)
        await server.start()
        try:
            return [await asyncio.to_thread(_told, home, act, words) for act, words in questions]
        finally:
            await server.close()

    return asyncio.run(serve())


def _told(home: Path, act: str, words: dict[str, Any]) -> Any:
    try:
        return ask(home, act, words)
    except (Rejected, Transient) as error:
        return error


def test_a_question_is_answered_and_an_error_is_raised_as_what_it_was(tmp_path: Path) -> None:
    told, late, wrong = asked(tmp_path, ("status", {"account": "main"}), ("late", {}), ("needs", {}))

    assert told == {"act": "status", "words": {"account": "main"}}
    assert isinstance(late, Late)
    assert "not yet" in str(late)
    assert isinstance(wrong, Rejected)
    assert "needed" in str(wrong)


def test_nobody_else_may_open_the_socket(tmp_path: Path) -> None:
    async def mode() -> int:
        server = ControlServer(control_path(tmp_path), answer)
        await server.start()
        found = stat.S_IMODE(control_path(tmp_path).stat().st_mode)
        await server.close()
        return found

    assert asyncio.run(mode()) == 0o600
    assert not control_path(tmp_path).exists()


def test_where_no_service_runs_the_error_may_pass(tmp_path: Path) -> None:
    with pytest.raises(Transient, match="no trading service runs"):
        ask(tmp_path, "status")
    assert not is_running(tmp_path)


def test_a_home_with_a_long_name_is_reached_too(tmp_path: Path) -> None:
    home = tmp_path / ("a" * 60) / ("b" * 60)

    assert asked(home, ("ping", {})) == [{"act": "ping", "words": {}}]


def test_a_line_that_is_no_question_is_answered_and_the_next_one_too(tmp_path: Path) -> None:
    async def talk() -> tuple[bytes, bytes]:
        server = ControlServer(control_path(tmp_path), answer)
        await server.start()
        reader, writer = await asyncio.open_unix_connection(str(control_path(tmp_path)))
        writer.write(b"no json\n" + b'{"act": "ping"}\n')
        first, second = await reader.readline(), await reader.readline()
        writer.close()
        await server.close()
        return first, second

    first, second = asyncio.run(talk())

    assert b"expected one JSON object" in first
    assert second == b'{"answer": {"act": "ping", "words": {}}}\n'
