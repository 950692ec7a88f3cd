"""A book of research by name: its instruments, its sectors, the factors of its risk model."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tradewinds.core.errors import Rejected
from tradewinds.jobs.context import Context
from tradewinds.jobs.research_config import ResearchConfig

SESSIONS_A_YEAR = {"24/7": 365.0, "FX": 260.0}
MARKET = "market"
STYLES = {
    "momentum": "zscore(winsorise(momentum(252, 21)))",
    "size": "zscore(winsorise(log(mean(value_traded, 63))))",
    "reversal": "zscore(winsorise(-reversal(14)))",
    "volatility": "zscore(winsorise(volatility(126)))",
}


@dataclass(frozen=True, slots=True)
class Book:
    """One book of research by name."""

    name: str
    config: ResearchConfig
    instruments: tuple[str, ...]
    workspace: Path

    @property
    def sessions_a_year(self) -> float:
        return SESSIONS_A_YEAR.get(self.config.calendar, 252.0)


def book_of(context: Context, params: Mapping[str, Any]) -> Book:
    """The book that params name. Raises Rejected where there is none, or where it has no instruments."""
    books = context.config.research
    name = params.get("research") or (next(iter(books)) if len(books) == 1 else None)
    if name not in books:
        raise Rejected(f"{context.job}: research {name!r}, expected one of {sorted(books)} in the configuration's research section")
    config = books[str(name)]
    instruments = config.instruments
    if not instruments and config.market is not None:
        if config.market not in context.config.equities:
            raise Rejected(f"research {name}: market {config.market!r}, expected one of {sorted(context.config.equities)}")
        instruments = context.config.equities[config.market].instruments
    if not instruments:
        raise Rejected(f"research {name}: no instruments, expected `instruments` or the `market` of an equities section")
    return Book(str(name), config, instruments, Path(context.config.workspace or "."))


def sectors_of(book: Book) -> dict[str, str]:
    """instrument -> sector from the book's CSV file; empty where it names none."""
    if book.config.risk.sectors is None:
        return {}
    path = book.workspace / book.config.risk.sectors
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    except OSError as error:
        raise Rejected(f"research {book.name}: sectors {path}, expected a readable file ({error.strerror})") from None
    if rows and not {"instrument", "sector"} <= set(rows[0]):
        raise Rejected(f"research {book.name}: sectors {path} has columns {list(rows[0])}, expected instrument and sector")
    return {row["instrument"]: row["sector"] for row in rows if row["sector"]}


def styles_of(book: Book) -> Mapping[str, str]:
    """factor -> expression; the usual four where the book names none."""
    return book.config.risk.styles or STYLES


def factors_of(book: Book) -> tuple[str, ...]:
    """The factors of the book's model: the market (not in a cascade), its styles, and the sectors of its instruments."""
    by_name = sectors_of(book)
    sectors = tuple(sorted({by_name[one] for one in book.instruments if one in by_name}))
    if book.config.risk.kind == "cascade":
        return (*sectors, *styles_of(book))
    return (MARKET, *styles_of(book), *sectors)
