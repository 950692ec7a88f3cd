"""Factors and the risk model as pages read them: numbers that a reader can check."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tradewinds.core.errors import Missing, Rejected
from tradewinds.core.instant import NS_PER_DAY, parse
from tradewinds.wiring.desk import factor_pages, risk_pages
from tradewinds.wiring.house import House

FIRST = parse("2025-10-01")
YEAR = math.sqrt(252)


def test_factor_returns_compound_over_the_sessions_shown(researched: House) -> None:
    view = factor_pages.factor_view(researched, None)

    assert (view.book, view.factors, view.values.shape) == ("us", ("market", "momentum"), (31, 2))
    grown = view.growth("market")
    assert [at for at, _ in grown[:2]] == [FIRST, FIRST + NS_PER_DAY]
    assert [value for _, value in grown[:3]] == pytest.approx([0.01, 1.01 * 0.99 - 1, 1.01 * 0.99 * 1.01 - 1])


def test_a_forecast_is_judged_by_the_session_after_it(researched: House) -> None:
    market, momentum = factor_pages.factor_view(researched, "us").facts

    # Returns of exactly one forecast deviation, up and down in turn: 15 of +1 and 15 of -1 around a mean of 0.
    assert market.bias is not None
    assert market.judged == 30
    assert market.bias.statistic == pytest.approx(math.sqrt(30 / 29))
    assert momentum.bias is not None
    assert momentum.bias.statistic == pytest.approx(0.5 * math.sqrt(30 / 29))
    assert market.forecast == pytest.approx(0.01 * YEAR)
    assert momentum.forecast == pytest.approx(0.01 * YEAR)
    assert market.last == pytest.approx(0.01)
    assert (market.significant, momentum.significant) == (1.0, 0.0)  # t statistics of 3 and 1.5


def test_the_portfolio_is_that_of_the_target_weights(researched: House) -> None:
    view = risk_pages.risk_view(researched, "us")

    # The weights are 1 in the market and 0 in momentum: 1e-4 of the market, 2 x 0.25 x 1e-4 of their own.
    assert (view.session, view.held, view.instruments) == ("2025-10-30", 2, 3)
    assert view.volatility == pytest.approx(math.sqrt(1.5e-4) * YEAR)
    assert view.factor_volatility == pytest.approx(0.01 * YEAR)
    market, momentum = view.parts
    assert (market.exposure, momentum.exposure) == (1.0, 0.0)
    assert market.part / view.volatility == pytest.approx(2 / 3)
    assert view.specific_part / view.volatility == pytest.approx(1 / 3)
    assert market.part + momentum.part + view.specific_part == pytest.approx(view.volatility)
    np.testing.assert_allclose(view.correlations, np.eye(2), atol=1e-12)


def test_specific_risk_names_what_is_held_first_and_counts_every_instrument(researched: House) -> None:
    view = risk_pages.risk_view(researched, "us")

    assert [one.instrument for one in view.specific] == ["AAA.XNAS", "BBB.XNAS", "CCC.XNAS"]
    assert [one.volatility for one in view.specific] == pytest.approx([0.01 * YEAR, 0.01 * YEAR, 0.03 * YEAR])
    assert sum(one.part for one in view.specific) == pytest.approx(view.specific_part)
    assert sum(count for _, _, count in view.spread) == 3


def test_the_portfolios_forecasts_are_judged_too(researched: House) -> None:
    view = risk_pages.risk_view(researched, "us")

    # A return of 1 % against a forecast of sqrt(1.5) %; the session after the last night has no specific returns, so 29 are judged.
    assert (len(view.forecasts), view.judged) == (30, 29)
    assert view.bias is not None
    signs = np.where(np.arange(1, 30) % 2 == 0, 1.0, -1.0)
    assert view.bias.statistic == pytest.approx(float((signs / math.sqrt(1.5)).std(ddof=1)))


def test_an_earlier_session_has_its_own_model(researched: House) -> None:
    assert risk_pages.risk_sessions(researched, "us")[:2] == ["2025-10-30", "2025-10-29"]
    assert risk_pages.risk_view(researched, "us", "2025-10-03").session == "2025-10-03"
    with pytest.raises(Missing, match="no risk model by 2025-09-30"):
        risk_pages.risk_view(researched, "us", "2025-09-30")


def test_who_is_exposed_to_a_factor_is_named_from_the_most_to_the_least(researched: House) -> None:
    assert factor_pages.exposed(researched, "us", "momentum") == ("2025-10-30", [("AAA.XNAS", 1.0), ("CCC.XNAS", 0.0), ("BBB.XNAS", -1.0)])
    with pytest.raises(Missing, match="factor 'luck' of us: not in its model, expected one of market, momentum"):
        factor_pages.exposed(researched, "us", "luck")


def test_the_api_answers_the_same(researched: House) -> None:
    import asyncio

    import httpx

    from tradewinds.app.api.server import make_api
    from tradewinds.wiring.desk import sign_in

    sign_in.add_person(researched, "vera", "viewer", None)
    headers = {"Authorization": f"Bearer {sign_in.new_token(researched, 'vera', 'test').secret}"}

    async def answers() -> list[httpx.Response]:
        transport = httpx.ASGITransport(make_api(researched))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as client:
            asked = (("factors", {"book": "us"}), ("portfolio", {"book": "us"}), ("portfolio", {"session": "yesterday"}))
            return [await client.get(f"/api/v1/risk/{page}", params=params) for page, params in asked]

    told, held, wrong = asyncio.run(answers())
    assert (told.status_code, held.status_code) == (200, 200), (told.text, held.text)
    factors, portfolio = told.json(), held.json()
    assert [one["name"] for one in factors["factors"]] == ["market", "momentum"]
    assert (factors["columns"]["start_us"][0], factors["columns"]["momentum"][:2]) == (FIRST // 1_000, [0.005, -0.005])
    assert (portfolio["session"], portfolio["held"], portfolio["forecasts"][0]["session"]) == ("2025-10-30", 2, "2025-10-01")
    assert portfolio["volatility"] == pytest.approx(math.sqrt(1.5e-4) * YEAR)
    assert portfolio["correlations"] == [[1.0, 0.0], [0.0, 1.0]]
    assert wrong.status_code == 422


def test_where_no_night_ran_nothing_is_invented(house: House) -> None:
    with pytest.raises(Rejected, match="the configuration has no section research"):
        factor_pages.factor_view(house, None)
