"""`tradewinds research run|show|factors|sheet`: a night without Airflow, how nights ended, and factors by themselves."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from tradewinds.app.arguments import JSON
from tradewinds.app.output import log, print_json, print_table
from tradewinds.core.errors import ANSWER_IS_NO, NOTHING_TO_DO, DataFault, Rejected, TradewindsError

if TYPE_CHECKING:
    from tradewinds.jobs.book import Book
    from tradewinds.wiring.house import House

STEPS = ("features", "risk_model", "predict", "signals", "report")
SESSION = click.option("--session", help="The session, such as 2024-01-31; the last one that has bars when left out.")


@click.group("research", context_settings={"help_option_names": ["-h", "--help"]})
def research() -> None:
    """Nights of research: run one, see how they ended, and look at factors."""


@research.command("run")
@click.argument("book", required=False)
@SESSION
@JSON
def run(book: str | None, session: str | None, *, as_json: bool) -> None:
    """The whole night of BOOK for one session, step by step, without Airflow. Running it again changes nothing that is done (99).

    Every step runs whatever became of the one before; what could not be had stands on the page. A step that failed ends with 65.

    \b
    tradewinds research run us --session 2024-01-31
    """
    from tradewinds.wiring.house import run_job

    house, chosen = _opened(book)
    day = session or _last_session(house, chosen)
    screeners = [name for name, one in chosen.config.screeners.items() if not one.schedule]
    jobs: list[tuple[str, str, dict[str, str]]] = [(step, f"research.{step}", {}) for step in STEPS]
    jobs[1:1] = [(f"screen {name}", "research.screen", {"screener": name}) for name in screeners]
    told: list[dict[str, Any]] = []
    for number, (step, job, params) in enumerate(jobs, 1):
        log(f"[{number}/{len(jobs)}] {step} {day}")
        try:
            done = run_job(job, day, {"research": chosen.name, **params}, house=house, progress=log)
            reason = next(iter(done["failed"].values()), None)
            state = "failed" if reason else done["state"]
            told.append({"step": step, "state": state, "rows": done["rows_published"] + done["rows_restated"], "reason": reason})
        except TradewindsError as error:
            log(f"{step}: {error}")
            told.append({"step": step, "state": "failed", "rows": 0, "reason": f"{type(error).__name__}: {error}"})
    page = _ends(house, chosen, day).get("report", {}).get("page")
    if as_json:
        print_json({"research": chosen.name, "session": day, "steps": told, "page": page})
    else:
        rows = [(one["step"], one["state"], one["rows"], one["reason"]) for one in told]
        print_table(f"{chosen.name} {day}", ("step", "state", "rows", "reason"), rows)
        click.echo(f"page  {page or 'none'}")
    states = {one["state"] for one in told}
    sys.exit(DataFault.exit_code if "failed" in states else NOTHING_TO_DO if states == {"nothing"} else 0)


@research.command("show")
@click.argument("book", required=False)
@SESSION
@JSON
def show(book: str | None, session: str | None, *, as_json: bool) -> None:
    """How the night of a session ended, step by step, with its gaps and its page. A night that has not run ends with exit code 1."""
    house, chosen = _opened(book)
    day = session or _last_session(house, chosen)
    ends = _ends(house, chosen, day)
    if as_json:
        print_json({"research": chosen.name, "session": day, "steps": ends, "page": ends.get("report", {}).get("page")})
    else:
        rows = [(step, ends[step]["state"] if step in ends else "has not run", len(ends.get(step, {}).get("gaps", ()))) for step in STEPS]
        print_table(f"{chosen.name} {day}", ("step", "state", "gaps"), rows)
        for step, told in ends.items():
            for gap in told["gaps"]:
                click.echo(f"{step}: {gap}")
        click.echo(f"page  {ends.get('report', {}).get('page') or 'none'}")
    if not ends:
        sys.exit(ANSWER_IS_NO)


@research.command("factors")
@click.argument("words", nargs=-1)
@JSON
def factors(words: tuple[str, ...], *, as_json: bool) -> None:
    """The factors that an expression may call, with formula and source; those whose name has one of WORDS. None ends with exit code 1."""
    import inspect

    from tradewinds.factors.expression import described
    from tradewinds.factors.library import LIBRARY
    from tradewinds.factors.talib_library import names

    told = []
    for name, function in LIBRARY.items():
        if words and not any(word.lower() in name for word in words):
            continue
        formula, source = described(function)
        arguments = ", ".join(
            one.name if one.default is one.empty else f"{one.name}={one.default}" for one in inspect.signature(function).parameters.values()
        )
        what = (inspect.getdoc(function) or "").partition("\n")[0]
        told.append({"name": name, "call": f"{name}({arguments})", "what": what, "formula": formula, "source": source})
    talib = [name for name in names() if not words or any(word.lower() in name.lower() for word in words)]
    if as_json:
        print_json({"factors": told, "talib": talib})
    elif told:
        print_table("Factors", ("call", "what", "formula", "source"), [(t["call"], t["what"], t["formula"], t["source"]) for t in told])
    if talib and not as_json:
        click.echo(f"and {len(talib)} functions of TA-Lib: {', '.join(name.lower() for name in talib)}")
    if not told and not talib:
        sys.exit(ANSWER_IS_NO)


@research.command("sheet")
@click.argument("book")
@click.argument("feature")
@SESSION
@JSON
def sheet(book: str, feature: str, session: str | None, *, as_json: bool) -> None:
    """The tear sheet of FEATURE of BOOK, or of any expression, over the sessions until --session: one page, and its figures here.

    \b
    tradewinds research sheet us momentum
    tradewinds research sheet us "rank(-reversal(5))"
    """
    from tradewinds.app.research_sheet import factor_page

    house, chosen = _opened(book)
    told = factor_page(house, chosen, feature, session or _last_session(house, chosen))
    if as_json:
        print_json(told)
        return
    rows = [(one["sessions"], one["coefficient"], one["t_value"], one["long_short"], one["count"]) for one in told["horizons"]]
    print_table(f"{told['feature']}: {told['expression']}", ("sessions ahead", "coefficient", "t value", "long short", "sessions"), rows)
    click.echo(f"page  {told['page']}")


def _opened(name: str | None) -> tuple[House, Book]:
    from tradewinds.jobs.book import book_of
    from tradewinds.wiring.house import open_house

    house = open_house()
    if not house.config.research:
        raise Rejected("research: the configuration has no section research, expected a book of research; docs/research.md has one")
    return house, book_of(house.context("research", ""), {} if name is None else {"research": name})


def _last_session(house: House, book: Book) -> str:
    """The last session of the book's bars that is known now."""
    from tradewinds.core.instant import to_date
    from tradewinds.jobs.research_book import bar_versions, session_name

    context = house.context("research", "")
    today = to_date(house.clock.now_ns()).isoformat()
    found = bar_versions(context, book, today)["start_ns"].max()
    assert isinstance(found, int)
    return session_name(found)


def _ends(house: House, book: Book, day: str) -> dict[str, dict[str, Any]]:
    """step -> state, gaps and details, of the steps that have ended."""
    from tradewinds.jobs.research_night import ends_of

    ends = ends_of(house.context("research", day), book, day, STEPS)
    return {step: {**detail, "state": state, "gaps": gaps} for step, (state, gaps, detail) in ends.items()}
