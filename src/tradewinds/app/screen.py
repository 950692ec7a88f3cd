"""`tradewinds screen list|show|run|approve|deny`: what screeners found, and what a person says of it."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING, Any

import click

from tradewinds.app.arguments import JSON
from tradewinds.app.output import log, print_json, print_table, when
from tradewinds.core.errors import ANSWER_IS_NO, NOTHING_TO_DO, TradewindsError

if TYPE_CHECKING:
    from tradewinds.core.candidate import Answer, Candidate

BY = click.option("--by", help="Who says so; the user of this machine when left out.")
NOTE = click.option("--note", help="Why; it stays with the row.")
FACE = "console"


@click.group("screen", context_settings={"help_option_names": ["-h", "--help"]})
def screen() -> None:
    """What screeners found, which waits for a person, and the person's answer."""


@screen.command("list")
@click.option("--book", help="Only this book of research.")
@click.option("--screener", help="Only this screener.")
@click.option("--session", help="Only what was found in this session.")
@click.option("--state", type=click.Choice(["waiting", "approved", "denied", "expired", "all"]), default="waiting", show_default=True)
@click.option("--limit", default=40, show_default=True, type=click.IntRange(1), help="At most so many, newest first.")
@JSON
def list_(book: str | None, screener: str | None, session: str | None, state: Any, limit: int, *, as_json: bool) -> None:
    """Candidates, newest first. None ends with exit code 1."""
    from tradewinds.wiring.house import open_house

    house = open_house()
    kept = house.ledger.candidates
    kept.expire(house.clock.now_ns())
    named = None if state == "all" else state
    found = kept.candidates(book=book, screener=screener, session=session, state=named, limit=limit)
    if as_json:
        print_json({"candidates": [_plain(one) for one in found]})
    else:
        columns = ("id", "book", "screener", "session", "instrument", "score", "state", "values", "by", "expires")
        print_table("Candidates", columns, [_row(one) for one in found], spare=("expires", "book", "by"))
    if not found:
        sys.exit(ANSWER_IS_NO)


@screen.command("show")
@click.argument("number", metavar="ID")
@JSON
def show(number: str, *, as_json: bool) -> None:
    """One candidate whole, with everything that was said of it. ID: its first digits do."""
    from tradewinds.wiring.house import open_house

    kept = open_house().ledger.candidates
    one, said = kept.candidate(number), kept.history(number)
    if as_json:
        print_json({**_plain(one), "history": said})
        return
    for key, value in _plain(one).items():
        click.echo(f"{key:<14}{when(value) if key.endswith('_ns') else '-' if value is None else value}")
    print_table("History", ("at", "state", "by", "face", "note"), [(when(a.at_ns), a.state, a.by, a.face, a.note) for a in said])


@screen.command("run")
@click.argument("book", required=False)
@click.argument("screener", required=False)
@click.option("--partition", help="The day, hour or minute, such as 2024-01-31 or 2024-01-31T05:30; today (UTC) when left out.")
@JSON
def run(book: str | None, screener: str | None, partition: str | None, *, as_json: bool) -> None:
    """Run SCREENER of BOOK, or all of them, and show what is new. Nothing new is 99; a screener that fails stops no other.

    \b
    tradewinds screen run
    tradewinds screen run us cheap --partition 2024-01-31
    """
    from tradewinds.core.instant import to_date
    from tradewinds.jobs.book import book_of
    from tradewinds.jobs.research_screen import screener_of
    from tradewinds.wiring.house import open_house, run_job

    house = open_house()
    context = house.context("screen", "")
    chosen = partition or to_date(house.clock.now_ns()).isoformat()
    books = [book_of(context, {"research": name}) for name in ([book] if book else house.config.research)]
    named = [(one, name) for one in books for name in ([screener] if screener else one.config.screeners)]
    wanted = [(one.name, screener_of(one, {"screener": name})[0]) for one, name in named]
    fresh: list[str] = []
    failures: list[TradewindsError] = []
    for name, screening in wanted:
        try:
            params = {"research": name, "screener": screening}
            done = run_job("research.screen", chosen, params, house=house, progress=log)
            fresh += done["detail"]["candidates"]
        except TradewindsError as error:
            log(f"{name} {screening}: {error}")
            failures.append(error)
    found = [house.ledger.candidates.candidate(one) for one in fresh]
    if as_json:
        print_json({"partition": chosen, "candidates": [_plain(one) for one in found], "failed": [str(one) for one in failures]})
    else:
        print_table("New candidates", ("id", "book", "screener", "session", "instrument", "score"), [_row(one)[:6] for one in found])
    sys.exit(failures[0].exit_code if failures else 0 if found else NOTHING_TO_DO)


@screen.command("approve")
@click.argument("numbers", nargs=-1, required=True, metavar="ID...")
@BY
@NOTE
@JSON
def approve(numbers: tuple[str, ...], by: str | None, note: str | None, *, as_json: bool) -> None:
    """Say yes to candidates. The same answer again changes nothing; another one is refused."""
    _answer(numbers, "approved", by, note, as_json=as_json)


@screen.command("deny")
@click.argument("numbers", nargs=-1, required=True, metavar="ID...")
@BY
@NOTE
@JSON
def deny(numbers: tuple[str, ...], by: str | None, note: str | None, *, as_json: bool) -> None:
    """Say no to candidates. The same answer again changes nothing; another one is refused."""
    _answer(numbers, "denied", by, note, as_json=as_json)


def _answer(numbers: tuple[str, ...], answer: Answer, by: str | None, note: str | None, *, as_json: bool) -> None:
    from tradewinds.wiring.house import open_house

    house = open_house()
    done: list[Candidate] = []
    refused: list[TradewindsError] = []
    for number in numbers:
        try:
            at_ns = house.clock.now_ns()
            done.append(house.ledger.candidates.answer(number, answer, by=by or getpass.getuser(), at_ns=at_ns, face=FACE, note=note))
        except TradewindsError as error:
            log(str(error))
            refused.append(error)
    if as_json:
        print_json({"candidates": [_plain(one) for one in done], "refused": [str(one) for one in refused]})
    else:
        for one in done:
            click.echo(f"{one.id} {one.instrument}: {one.state} by {one.answered_by} at {when(one.answered_ns)}")
    sys.exit(refused[0].exit_code if refused else 0)


def _row(one: Candidate) -> tuple[object, ...]:
    values = ", ".join(f"{name} {'-' if value is None else f'{value:.6g}'}" for name, value in one.values.items())
    first = (one.id, one.book, one.screener, one.session, one.instrument, one.score)
    return (*first, one.state, values, one.answered_by, when(one.expires_ns))


def _plain(one: Candidate) -> dict[str, Any]:
    from tradewinds.app.output import plain

    return {"id": one.id, **plain(one)}
