"""`python -m tradewinds.sandbox`: run the local venues alone and print where they are."""

from __future__ import annotations

import argparse
import json
import sys
import threading
from contextlib import suppress
from pathlib import Path

from tradewinds.core import instant
from tradewinds.core.errors import TradewindsError
from tradewinds.sandbox.config import SandboxConfig, config_from_json
from tradewinds.sandbox.faults import fault
from tradewinds.sandbox.server import Sandbox


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; the addresses go to standard output, one setting a line or one JSON object."""
    asked = _parser().parse_args(arguments)
    try:
        config = _config(asked)
        sandbox = Sandbox(config).bind()
    except TradewindsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - this is the command's voice
        return error.exit_code
    if asked.json:
        lines = [json.dumps({"urls": sandbox.urls, "environment": sandbox.environment, "seed": config.seed})]
    else:
        lines = [f"{name}={value}" for name, value in sandbox.environment.items()]
    print("\n".join(lines), flush=True)  # noqa: T201 - this is the command's answer
    if asked.config == "-":
        threading.Thread(target=_stop_with_input, args=(sandbox,), daemon=True).start()
    with suppress(KeyboardInterrupt):
        sandbox.serve()
    return 0


def _stop_with_input(sandbox: Sandbox) -> None:
    """Whoever started this process holds its input open; when that closes, so does the sandbox."""
    sys.stdin.read()
    sandbox.request_stop()


def _config(asked: argparse.Namespace) -> SandboxConfig:
    if asked.config:
        return config_from_json(sys.stdin.readline() if asked.config == "-" else Path(asked.config).read_text(encoding="utf-8"))
    return SandboxConfig(
        seed=asked.seed,
        now_ns=instant.parse(asked.now) if asked.now else None,
        speed=asked.speed,
        host=asked.host,
        port=asked.port,
        archive=tuple(asked.archive),
        symbols=tuple(asked.symbols.split(",")) if asked.symbols else (),
        faults=tuple(fault(json.loads(text)) for text in asked.fault),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tradewinds sandbox", description="Local venues on this machine.")
    parser.add_argument("--seed", type=int, default=7, help="seed of the market (7)")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--now", help="the venues' time, ISO 8601; it stands still unless --speed is given")
    parser.add_argument("--speed", type=float, default=0.0, help="venue seconds per second, from --now on")
    parser.add_argument("--archive", action="append", default=[], metavar="DIR", help="play recorded Binance files below DIR")
    parser.add_argument("--symbols", help="only these pairs of the seeded market, comma-separated")
    parser.add_argument(
        "--fault", action="append", default=[], metavar="JSON", help='such as {"kind": "late", "symbol": "BTCUSDT", "times": 2}'
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of settings")
    parser.add_argument("--config", help="a JSON file with everything, - for one line of standard input")
    return parser


if __name__ == "__main__":
    sys.exit(main())
