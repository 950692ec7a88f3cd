"""Research: nights, features, signals, published risk, candidates, models, backtests."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from tradewinds.app.api.answer import ARROW, arrow_stream, columns_of, json_answer, plain, series_json
from tradewinds.app.api.arguments import AsOf, Cursor, End, Limit, Start, Text, cursor_of, instant, number_of, parts_of
from tradewinds.app.api.document import answers
from tradewinds.app.api.route import GuardedRoute, house_of, needs
from tradewinds.core.candidate import CANDIDATE_STATES
from tradewinds.core.errors import Rejected
from tradewinds.core.instant import NS_PER_US, parse
from tradewinds.jobs.research_book import session_name
from tradewinds.wiring.desk import factor_pages, research, risk_pages

router = APIRouter(route_class=GuardedRoute, tags=["research"])
READ = needs("read:market")
INSTRUMENTS_MAX = 500
Session = Annotated[str | None, Query(max_length=20, description="A session, such as 2024-01-31.", examples=["2024-01-31"])]

_FACTOR = {
    "name": "momentum", "last": 0.004, "month": -0.012, "year": 0.05, "volatility": 0.06, "forecast": 0.055, "significant": 0.31,
    "judged": 120, "bias": {"name": "momentum", "statistic": 1.04, "low": 0.87, "high": 1.13, "observations": 120},
}  # fmt: skip
_PART = {"name": "momentum", "exposure": 0.31, "volatility": 0.055, "part": 0.012}


@router.get("/nights", openapi_extra=READ, responses=answers({"nights": [{"book": "us", "session": "2024-01-31", "state": "done"}]}))
def nights(request: Request, book: Text = None, limit: Annotated[int, Query(ge=1, le=100)] = 10) -> Response:
    """How the last nights of research ended, newest first."""
    found = research.nights(house_of(request), book, limit=limit)
    told = [{"book": n.book, "session": n.session, "state": n.state, "steps": n.steps, "has_page": n.page is not None} for n in found]
    return json_answer({"nights": told})


@router.get("/features", openapi_extra=READ, responses=answers({"table": "history/features-us-1a2b3c4d", "columns": {}}, arrow=True))
def features(
    request: Request, book: Text = None, instrument: Annotated[list[str] | None, Query(max_length=INSTRUMENTS_MAX)] = None,
    start: Start = None, end: End = None, as_of: AsOf = None, limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000, cursor: Cursor = None,
) -> Response:  # fmt: skip
    """Features of a book, by instrument and session."""
    return _series(request, research.features, book, instrument, (start, end, as_of), limit, cursor)


@router.get("/signals", openapi_extra=READ, responses=answers({"table": "history/signals-us", "columns": {}}, arrow=True))
def signals(
    request: Request, book: Text = None, instrument: Annotated[list[str] | None, Query(max_length=INSTRUMENTS_MAX)] = None,
    start: Start = None, end: End = None, as_of: AsOf = None, limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000, cursor: Cursor = None,
) -> Response:  # fmt: skip
    """Scores and target weights of a book, by instrument and session."""
    return _series(request, research.signals, book, instrument, (start, end, as_of), limit, cursor)


@router.get("/risk", openapi_extra=READ, responses=answers({"book": "us", "factors": ["market"], "instruments": ["AAPL.XNAS"]}))
def risk(
    request: Request, book: Text = None, session: Session = None, version: Annotated[int | None, Query(ge=1, le=1_000_000)] = None
) -> Response:
    """The published risk model of a session: exposures, covariance of factors, specific variances."""
    if session is not None:
        parse(session)
    found = research.published_risk(house_of(request), book, session, version)
    return json_answer(
        {
            "book": book, "at_ns": found.at_ns, "known_ns": found.known_ns, "kind": found.kind, "periods_a_year": found.periods_a_year,
            "factors": found.factors, "instruments": found.instruments, "exposures": found.exposures,
            "factor_covariance": found.factor_covariance, "specific_variance": found.specific_variance,
        }
    )  # fmt: skip


@router.get("/risk/sessions", openapi_extra=READ, responses=answers({"sessions": ["2024-01-31"]}))
def risk_sessions(request: Request, book: Text = None) -> Response:
    """Sessions whose risk model is published, oldest first."""
    return json_answer({"sessions": research.published_sessions(house_of(request), book)})


@router.get("/risk/factors", openapi_extra=READ, responses=answers({"book": "us", "factors": [_FACTOR], "columns": {"start_us": []}}))
def factors(request: Request, book: Text = None) -> Response:
    """Factors of a book: returns and volatility, forecast and as it came, bias of the forecasts; `columns` has returns by session."""
    view = factor_pages.factor_view(house_of(request), book)
    columns = {"start_us": view.starts // NS_PER_US, **{name: view.values[:, k] for k, name in enumerate(view.factors)}}
    return json_answer({"book": view.book, "factors": view.facts, "columns": columns})


@router.get(
    "/risk/portfolio", openapi_extra=READ,
    responses=answers({"book": "us", "session": "2024-01-31", "volatility": 0.12, "parts": [_PART], "specific_part": 0.03, "bias": None}),
)  # fmt: skip
def portfolio(request: Request, book: Text = None, session: Session = None) -> Response:
    """Risk of a night's target weights by factor, a year's volatilities; correlations, specific risk, and the forecasts of every night."""
    view = risk_pages.risk_view(house_of(request), book, session)
    told = plain(view) | {"forecasts": [{"session": session_name(at), "volatility": value} for at, value in view.forecasts]}
    return json_answer(told)


@router.get(
    "/candidates", openapi_extra=READ, responses=answers({"candidates": [{"id": "0f3a9c2b1d4e", "state": "waiting"}], "next": None})
)
def candidates(
    request: Request, book: Text = None, screener: Text = None, state: Text = None, session: Session = None, limit: Limit = 200,
    cursor: Cursor = None,
) -> Response:  # fmt: skip
    """What screeners found, newest first; answered by POST /api/v1/candidates/{id}."""
    if state is not None and state not in CANDIDATE_STATES:
        raise Rejected(f"state: {state!r}, expected one of {', '.join(CANDIDATE_STATES)}")
    found = research.candidates(house_of(request), book=book, screener=screener, state=state, session=session)
    skip = 0 if cursor is None else max(0, number_of(parts_of(cursor, 1)[0]))
    after = cursor_of(skip + limit) if skip + limit < len(found) else None
    told = [{"id": one.id, **{name: getattr(one, name) for name in one.__dataclass_fields__}} for one in found[skip : skip + limit]]
    return json_answer({"candidates": told, "next": after})


@router.get("/models", openapi_extra=READ, responses=answers({"models": [{"model": "trend", "versions": [{"version": "7"}]}]}))
def models(request: Request) -> Response:
    """Models and their versions, with the champion."""
    return json_answer({"models": research.models(house_of(request))})


@router.get("/backtests", openapi_extra=READ, responses=answers({"backtests": [{"id": 3, "strategy": "sma_cross"}]}))
def backtests(request: Request, strategy: Text = None, limit: Limit = 100) -> Response:
    """Stored backtests, newest first."""
    return json_answer({"backtests": research.backtests(house_of(request), strategy=strategy, limit=limit)})


def _series(
    request: Request, read: Any, book: str | None, instruments: list[str] | None, span: tuple[str | None, str | None, str | None],
    limit: int, cursor: str | None,
) -> Response:  # fmt: skip
    start, end, as_of = span
    table, frame = read(
        house_of(request), book, instruments=instruments, start_ns=instant(start, "start"), end_ns=instant(end, "end"),
        as_of_ns=instant(as_of, "as_of"),
    )  # fmt: skip
    skip = 0 if cursor is None else max(0, number_of(parts_of(cursor, 1)[0]))
    cut = frame.slice(skip, limit)
    after = cursor_of(skip + limit) if skip + limit < frame.height else None
    if ARROW in request.headers.get("accept", ""):
        return Response(arrow_stream(cut), 200, {"X-Next": after or ""}, ARROW)
    return Response(series_json({"table": table.name, "rows": cut.height}, columns_of(cut), after), 200, None, "application/json")
