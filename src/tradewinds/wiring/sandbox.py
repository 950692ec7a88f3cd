"""Starts the local venues for the demo and for `tradewinds sandbox`; the one production file that knows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class RunningSandbox(Protocol):
    """Local venues that answer: their addresses, and how to end them."""

    urls: dict[str, str]

    @property
    def environment(self) -> dict[str, str]:
        """The settings that point Tradewinds at these venues (TRADEWINDS_..._URL)."""
        ...

    def stop(self) -> None: ...


def start(config: Mapping[str, Any] | None = None, *, in_process: bool = False) -> RunningSandbox:
    """Start the local venues and return once they answer.

    config: the fields of `SandboxConfig` by name (seed, now_ns, speed, port, archive, symbols, faults, …); all have defaults.
    in_process: serve from a thread of this process instead of a process of their own.
    """
    from tradewinds.sandbox.config import config_from
    from tradewinds.sandbox.server import Sandbox, SandboxProcess

    chosen = config_from(config or {})
    return Sandbox(chosen).start() if in_process else SandboxProcess(chosen).start()


def serve(arguments: list[str]) -> int:
    """Run the venues in this process until interrupted, as `python -m tradewinds.sandbox` does; returns the exit code."""
    from tradewinds.sandbox.__main__ import main

    return main(arguments)
