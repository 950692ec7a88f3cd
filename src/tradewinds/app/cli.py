"""Every command and where it lives. A command's module is imported when it is called, so that `--help` stays fast.

Exit codes: 0 done, 1 the answer is no, 2 wrong usage, 65 input that cannot be read, 70 our bug, 75 transient, 99 nothing to do.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path

import click

from tradewinds import __version__
from tradewinds.core.errors import TradewindsError

# name -> (module:attribute, one line for --help)
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("tradewinds.app.workspace:init", "Make a workspace: tradewinds.yaml and folders of your own."),
    "demo": ("tradewinds.app.demo:demo", "Run the whole chain under a real Airflow and show what came of it."),
    "up": ("tradewinds.app.up:up", "Start the platform for this workspace."),
    "down": ("tradewinds.app.up:down", "Stop what `up` started."),
    "status": ("tradewinds.app.up:status", "Say what runs and how it is."),
    "job": ("tradewinds.app.job:job", "List, run and show jobs, without Airflow."),
    "data": ("tradewinds.app.data:data", "Fetch, import, export and look at data, findings and lineage."),
    "instrument": ("tradewinds.app.instrument:instrument", "Find instruments."),
    "sql": ("tradewinds.app.sql:sql", "Ask DuckDB over lake and ledger, as of any time."),
    "reconcile": ("tradewinds.app.reconcile:reconcile", "Reconcile folders of vendor files into one history."),
    "doctor": ("tradewinds.app.doctor:doctor", "Say in words what is wrong and what to do."),
    "sandbox": ("tradewinds.app.sandbox:sandbox", "Run the local venues: Binance, CoinGecko, OANDA and others on this machine."),
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is called."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        place = COMMANDS.get(name)
        if place is None:
            return None
        module, _, attribute = place[0].partition(":")
        found = getattr(import_module(module), attribute)
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, message="%(version)s")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The configuration file; otherwise TRADEWINDS_CONFIG, otherwise the tradewinds.yaml around this folder.",
)
def cli(config: Path | None) -> None:
    """A trading firm in a box: reconciled point-in-time market data, planned by Airflow."""
    if config is not None:
        os.environ["TRADEWINDS_CONFIG"] = str(config.absolute())


def main() -> None:
    """The entry point: runs a command and turns errors into a line on standard error and an exit code."""
    try:
        code = cli.main(standalone_mode=False)
    except TradewindsError as error:
        click.echo(f"tradewinds: {error}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("tradewinds: interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if os.environ.get("TRADEWINDS_TRACEBACK"):
            raise
        click.echo(f"tradewinds: a bug of ours: {type(error).__name__}: {error}; TRADEWINDS_TRACEBACK=1 shows where", err=True)
        sys.exit(70)
    sys.exit(code if isinstance(code, int) else 0)
