"""`tradewinds statement`: a month of an account, from its journal, as text, CSV or a page."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tradewinds.app.arguments import JSON
from tradewinds.core.errors import ANSWER_IS_NO, Rejected

if TYPE_CHECKING:
    from tradewinds.trading.account_statement import AccountStatement
    from tradewinds.wiring.house import House

MONTHS = 12
OUT = click.Path(path_type=Path, dir_okay=False, allow_dash=True)


@click.command("statement", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.argument("account")
@click.option("--month", help="Such as 2026-10, in UTC.  [default: the last whole month]")
@click.option("--csv", "csv_file", type=OUT, help="Write it there, a line for each thing that happened; - for standard output.")
@click.option("--html", "html_file", type=OUT, help="Write it there as a page that needs no network; - for standard output.")
@JSON
def statement(account: str, *, month: str | None, csv_file: Path | None, html_file: Path | None, as_json: bool) -> None:
    """The statement of a month of ACCOUNT: cash and positions before and after, fills, gains, and what moved without a fill.

    It is read from the account's journal, beside a service that trades. Nothing is valued: positions stand at what they cost. A month
    without any entry ends with exit code 1.

    \b
    tradewinds statement main
    tradewinds statement main --month 2026-10 --html october.html --csv october.csv
    """
    from tradewinds.report.statement_page import statement_csv, statement_html
    from tradewinds.wiring.house import open_house

    house = open_house()
    start_ns, end_ns, name = span_of(month, house.clock.now_ns())
    found = _read(house, account, start_ns, end_ns)
    if csv_file is not None:
        _write(csv_file, statement_csv(found))
    if html_file is not None:
        _write(html_file, statement_html(found, f"Statement of {account}, {name}"))
    if as_json:
        from tradewinds.app.output import plain, print_json

        totals = {"traded": found.traded, "commissions": found.commissions, "realised": found.realised}
        print_json({**plain(found), **plain(totals)})
    elif csv_file is None and html_file is None:
        _show(found, name)
    if not found.entries:
        sys.exit(ANSWER_IS_NO)


def span_of(month: str | None, now_ns: int) -> tuple[int, int, str]:
    """Start and end of a month `2026-10`, of the last whole one where it is None. Raises Rejected for anything else."""
    from tradewinds.core.instant import from_date, to_date

    if month is None:
        first = to_date(now_ns).replace(day=1)
        begun = _shifted(first, -1)
    else:
        try:
            year, number = month.split("-")
            if (len(year), len(number)) != (4, 2):
                raise ValueError(month)
            begun = date(int(year), int(number), 1)
        except ValueError:
            raise Rejected(f"--month {month!r}, expected a month such as 2026-10") from None
    return from_date(begun), from_date(_shifted(begun, 1)), f"{begun:%Y-%m}"


def _shifted(first: date, months: int) -> date:
    whole = first.year * MONTHS + first.month - 1 + months
    return date(whole // MONTHS, whole % MONTHS + 1, 1)


def _read(house: House, account: str, start_ns: int, end_ns: int) -> AccountStatement:
    from tradewinds.trading.account_statement import statement_of
    from tradewinds.trading.books import Books
    from tradewinds.wiring.accounts import account_of
    from tradewinds.wiring.projection import instruments_of
    from tradewinds.wiring.trade_read import entries

    traded = account_of(house.config, account)
    home = Path(house.config.home)
    books = Books(account, traded.config.lots, instruments_of(traded, home, house), traded.currency)
    return statement_of(entries(traded, home), books, start_ns, end_ns)


def _write(place: Path, content: str) -> None:
    from tradewinds.app.output import log

    if str(place) == "-":
        sys.stdout.write(content)
        return
    place.write_text(content, encoding="utf-8")
    log(f"{place}: written")


def _show(found: AccountStatement, name: str) -> None:
    from tradewinds.app.output import print_table
    from tradewinds.core.instant import text as instant_text
    from tradewinds.report.statement_page import REMARK, money
    from tradewinds.report.statement_page import plain as told

    def held(rows: Any) -> list[tuple[Any, ...]]:
        return [(one.instrument, told(one.quantity), told(one.average_price), money(one.cost), one.currency) for one in rows]

    cash = [
        (currency, money(found.cash_before.get(currency, 0 * amount)), money(amount)) for currency, amount in found.cash_after.items()
    ]  # fmt: skip
    heads = ("instrument", "quantity", "average price", "cost", "currency")
    print_table(f"Cash of {found.account}, {name}", ("currency", "before", "after"), cash, if_empty="none")
    print_table("Positions at the beginning", heads, held(found.held_before), if_empty="none")
    print_table("Positions at the end", heads, held(found.held_after), if_empty="none")
    print_table("Sums", ("what", "currency", "amount"), _sums(found), if_empty="nothing happened")
    moved = [(instant_text(one.at_ns), one.kind, one.what, told(one.quantity), one.reason) for one in found.moved]
    print_table("Moved without a fill", ("at", "kind", "what", "quantity", "why"), moved, if_empty="nothing")
    click.echo(f"{len(found.fills)} fills, {len(found.gains)} gains; --csv and --html list them. {REMARK}")


def _sums(found: AccountStatement) -> list[tuple[str, str, str]]:
    from tradewinds.report.statement_page import money

    parts = (("realised, before commission", found.realised), ("commission paid", found.commissions), ("moved by fills", found.traded))
    return [(what, currency, money(amount)) for what, amounts in parts for currency, amount in amounts.items()]
