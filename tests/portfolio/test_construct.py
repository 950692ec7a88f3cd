"""A portfolio is built as asked, or as near as hard limits allow, and says which."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from tradewinds.core.errors import Rejected
from tradewinds.portfolio.construct import construct
from tradewinds.portfolio.costs import flat_costs
from tradewinds.portfolio.problem import Between, FactorRisk, Limits, Method, Problem
from tradewinds.portfolio.solution import Rung

FOUR = ("AAA", "BBB", "CCC", "DDD")
# One factor, the market; AAA and BBB carry twice as much of it as CCC and DDD. 1 % a session each of their own.
MARKET = FactorRisk(np.array([[2.0], [2.0], [1.0], [1.0]]), np.array([[1e-4]]), np.full(4, 1e-4))


def _problem(limits: Limits | None = None, **more: object) -> Problem:
    asked = {"risk": MARKET, "limits": limits or Limits.long_only(4), "method": Method.MINIMUM_VARIANCE}
    return Problem(FOUR, ("MARKET",), **(asked | more))  # type: ignore[arg-type]  # fields by name


def test_the_least_variance_lies_in_the_quieter_half() -> None:
    found = construct(_problem(Limits(np.full(4, -1.0), np.full(4, 1.0), gross_max=3.0)))

    # w = inverse(covariance) 1 / sum: the covariance is 1e-4 (I + b b'), so inverse x 1 is 1 - b (b'1) / (1 + b'b) = 1 - b 6 / 11.
    wanted = np.array([-1.0, -1.0, 5.0, 5.0]) / 8
    assert found.rung is Rung.AS_ASKED
    assert found.weights == pytest.approx(wanted, abs=1e-6)
    assert found.volatility == pytest.approx(np.sqrt(1e-4 * (52 / 64 + (6 / 8) ** 2)), rel=1e-6)


def test_a_position_limit_binds_and_is_named() -> None:
    found = construct(_problem(Limits.long_only(4, position_max=0.4)))

    assert found.rung is Rung.AS_ASKED
    assert found.weights == pytest.approx([0.1, 0.1, 0.4, 0.4], abs=1e-5)
    assert {one.name for one in found.binding if one.kind == "position"} == {"CCC", "DDD"}


def test_a_factor_limit_holds_on_the_first_rung() -> None:
    limits = replace(Limits.long_only(4), factors=(Between("MARKET", 1.8, 1.9),))

    found = construct(_problem(limits))

    assert found.rung is Rung.AS_ASKED
    assert float(MARKET.exposures[:, 0] @ found.weights) == pytest.approx(1.8, abs=1e-6)


def test_a_factor_limit_that_turnover_forbids_is_approached_on_the_second_rung() -> None:
    today = np.array([0.5, 0.5, 0.0, 0.0])
    limits = replace(Limits.long_only(4), factors=(Between("MARKET", 0.0, 1.2),), turnover_max=0.4)

    found = construct(_problem(limits, today=today))

    # Turnover of 0.4 moves 0.2 from an exposure of 2 to one of 1: from 2.0 to 1.8, the nearest to 1.2 that it allows.
    assert found.rung is Rung.SOFT_EXPOSURES
    assert found.turnover == pytest.approx(0.4, abs=1e-5)
    assert [(one.name, round(one.value, 4)) for one in found.broken] == [("MARKET", 1.8)]
    assert "factor and group limits could not all be met" in found.why


def test_a_turnover_limit_gives_way_to_a_position_limit() -> None:
    today = np.array([1.0, 0.0, 0.0, 0.0])
    limits = replace(Limits.long_only(4, position_max=0.4), turnover_max=0.2)

    found = construct(_problem(limits, today=today))

    # 0.6 must leave AAA; what that brings stays cash, since buying would go still further beyond the limit.
    assert found.rung is Rung.SOFT_TURNOVER
    assert found.weights == pytest.approx([0.4, 0.0, 0.0, 0.0], abs=1e-5)
    assert found.weights.max() <= 0.4
    assert found.turnover == pytest.approx(0.6, abs=1e-4)
    assert found.cash == pytest.approx(0.6, abs=1e-4)


def test_without_known_risk_the_portfolio_is_held() -> None:
    today = np.array([0.7, 0.1, 0.1, 0.1])
    risk = FactorRisk(MARKET.exposures, np.array([[np.nan]]), MARKET.specific_variance)

    found = construct(_problem(Limits.long_only(4, position_max=0.4), risk=risk, today=today))

    assert found.rung is Rung.HOLD
    assert found.weights.tolist() == [0.4, 0.1, 0.1, 0.1]
    assert found.cash == pytest.approx(0.3)
    assert any("no risk is known" in note for note in found.notes)


def test_what_cannot_be_traded_keeps_its_weight() -> None:
    today = np.array([0.3, 0.3, 0.2, 0.2])

    found = construct(_problem(today=today, tradable=np.array([False, True, True, True])))

    assert found.weights[0] == 0.3
    assert found.weights.sum() == pytest.approx(1.0)


def test_costs_hold_back_what_gains_too_little() -> None:
    today = np.array([0.25, 0.25, 0.25, 0.25])
    cheap = construct(_problem(today=today, costs=flat_costs(4, 1.0)))
    dear = construct(_problem(today=today, costs=flat_costs(4, 1000.0)))

    assert cheap.turnover > 0.4
    assert dear.turnover == pytest.approx(0.0, abs=1e-5)


def test_a_group_without_instruments_weighs_nothing() -> None:
    limits = replace(Limits.long_only(4), groups=(Between("energy", 0.0, 0.1),))

    assert construct(_problem(limits, groups=("a", "a", "b", "b"))).rung is Rung.AS_ASKED


def test_a_limit_on_an_unknown_factor_is_refused() -> None:
    with pytest.raises(Rejected, match="factor limit SIZE: no such name in the problem, expected one of MARKET"):
        _problem(replace(Limits.long_only(4), factors=(Between("SIZE", 0, 1),)))


def test_a_group_limit_holds() -> None:
    limits = replace(Limits.long_only(4), groups=(Between("loud", 0.3, 0.4),))

    found = construct(_problem(limits, groups=("loud", "loud", "quiet", "quiet")))

    assert found.rung is Rung.AS_ASKED
    assert float(found.weights[:2].sum()) == pytest.approx(0.3, abs=1e-6)


def test_a_tracking_limit_that_a_factor_limit_and_turnover_forbid_is_approached() -> None:
    today = np.array([0.0, 0.0, 0.5, 0.5])
    limits = replace(Limits.long_only(4), tracking_max=0.001, benchmark=np.array([0.5, 0.5, 0.0, 0.0]), turnover_max=0.4)

    found = construct(_problem(limits, today=today))

    # Turnover of 0.4 brings 0.2 of 1.0 into the benchmark's instruments, and the more the nearer.
    assert found.rung is Rung.SOFT_TRACKING
    assert found.weights == pytest.approx([0.1, 0.1, 0.4, 0.4], abs=1e-4)
    assert [one.kind for one in found.broken] == ["tracking"]


def test_what_cannot_be_invested_stays_cash() -> None:
    found = construct(_problem(Limits.long_only(4, position_max=0.2)))

    assert found.rung is Rung.SOFT_INVESTED
    assert found.weights == pytest.approx([0.2] * 4, abs=1e-6)
    assert found.cash == pytest.approx(0.2, abs=1e-6)
    assert "the rest stays cash" in found.why


def test_long_and_short_with_nothing_net() -> None:
    expected = np.array([2e-4, 0.0, 0.0, -2e-4])
    limits = Limits.long_short(4, position_max=0.5, gross_max=1.0)

    found = construct(_problem(limits, method=Method.MEAN_VARIANCE, expected_return=expected))

    assert found.rung is Rung.AS_ASKED
    assert float(found.weights.sum()) == pytest.approx(0.0, abs=1e-6)
    assert np.abs(found.weights).sum() <= 1.0
    assert found.weights[0] > 0 > found.weights[3]


def test_risk_parity_gives_equal_contributions() -> None:
    found = construct(_problem(method=Method.RISK_PARITY))

    covariance = MARKET.dense()
    contributions = found.weights * (covariance @ found.weights)
    assert contributions == pytest.approx(np.full(4, contributions.mean()), rel=1e-4)


def test_an_ideal_that_breaks_a_limit_is_followed_as_closely_as_the_limit_allows() -> None:
    limits = replace(Limits.long_only(4), factors=(Between("MARKET", 0.0, 1.4),))

    found = construct(_problem(limits, method=Method.EQUAL_WEIGHT))

    # Equal weights have an exposure of 1.5; 0.05 from each of the loud to each of the quiet gives 1.4.
    assert found.rung is Rung.AS_ASKED
    assert found.weights == pytest.approx([0.2, 0.2, 0.3, 0.3], abs=1e-4)


def test_an_instrument_without_known_risk_keeps_its_weight_and_is_named() -> None:
    exposures = MARKET.exposures.copy()
    exposures[1] = np.nan
    today = np.array([0.25, 0.15, 0.3, 0.3])

    found = construct(_problem(risk=FactorRisk(exposures, MARKET.factor_covariance, MARKET.specific_variance), today=today))

    assert found.rung is Rung.AS_ASKED
    assert found.weights[1] == 0.15
    assert found.notes == ("risk is not known of BBB: they keep today's weights",)


def test_what_is_kept_for_want_of_risk_stays_within_hard_limits_too() -> None:
    exposures = MARKET.exposures.copy()
    exposures[:2] = np.nan
    limits = replace(Limits.long_only(4), gross_max=0.5, invested_min=0.0, invested_max=0.5)

    found = construct(
        _problem(
            limits, risk=FactorRisk(exposures, MARKET.factor_covariance, MARKET.specific_variance), today=np.array([0.6, 0.2, 0.1, 0.1])
        )
    )

    # What is kept alone is 0.8: it shrinks to 0.5 in proportion, and leaves nothing for the others.
    assert found.rung is Rung.AS_ASKED
    assert found.weights == pytest.approx([0.375, 0.125, 0.0, 0.0], abs=1e-6)


def test_scores_are_followed_by_risk_aversion() -> None:
    expected = np.array([5e-4, 0.0, 0.0, 0.0])
    bold = construct(_problem(method=Method.MEAN_VARIANCE, expected_return=expected, risk_aversion=0.1))
    careful = construct(_problem(method=Method.MEAN_VARIANCE, expected_return=expected, risk_aversion=1000.0))

    assert bold.weights[0] == pytest.approx(1.0, abs=1e-5)
    assert careful.weights[0] < 0.1
    assert bold.volatility > careful.volatility


def test_the_same_problem_has_the_same_answer() -> None:
    one, other = (construct(_problem(Limits.long_only(4, position_max=0.4), costs=flat_costs(4, 3.0))) for _ in range(2))

    assert one.weights.tobytes() == other.weights.tobytes()


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: Limits.long_only(4, position_max=-0.1), "position bounds that do not hold zero"),
        (lambda: Limits(np.zeros(4), np.ones(4), gross_max=float("nan")), "gross_max nan"),
        (lambda: Limits(np.zeros(4), np.ones(4), turnover_max=-1.0), "turnover_max -1.0, expected a number from 0 on"),
        (lambda: Limits(np.zeros(4), np.ones(4), tracking_max=0.1), "tracking_max without a benchmark"),
        (lambda: Between("SIZE", 1.0, 0.0), "limit SIZE: from 1.0 to 0.0"),
        (lambda: _problem(today=np.zeros(3)), r"today has shape \(3,\), expected \(4,\)"),
        (lambda: _problem(risk_aversion=0.0), "risk_aversion 0.0"),
    ],
)
def test_what_contradicts_itself_is_refused(ask: object, words: str) -> None:
    with pytest.raises(Rejected, match=words):
        ask()  # type: ignore[operator]  # a function without arguments


def test_nothing_heavy_is_imported_before_a_construction() -> None:
    code = (
        "import sys\nimport tradewinds.portfolio.construct, tradewinds.portfolio.rebalance, tradewinds.portfolio.signal\n"
        "print(sorted({'skfolio', 'cvxpy', 'sklearn', 'pandas', 'scipy'} & set(sys.modules)))"
    )

    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    assert printed.strip() == "[]"


class Panic(BaseException):
    """What a solver written in Rust raises when it stops over a bug of its own."""


def test_a_solver_that_panics_or_is_not_installed_leaves_the_portfolio_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    today = np.array([0.25, 0.25, 0.25, 0.25])

    with monkeypatch.context() as patched:
        patched.setattr("skfolio.optimization.MeanRisk.fit", lambda *_: (_ for _ in ()).throw(Panic("called unwrap on None")))
        panicked = construct(_problem(today=today))
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "skfolio.optimization", None)
        missing = construct(_problem(today=today))

    assert (panicked.rung, panicked.weights.tolist()) == (Rung.HOLD, today.tolist())
    assert "as asked: Panic: called unwrap on None" in panicked.why
    assert missing.rung is Rung.HOLD
    assert "ModuleNotFoundError" in missing.why


def test_whoever_stops_the_job_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skfolio.optimization.MeanRisk.fit", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))

    with pytest.raises(KeyboardInterrupt):
        construct(_problem())


@pytest.mark.parametrize(
    ("answer", "rung", "words"),
    [
        ([0.5, 0.5, 0.0, 0.0], Rung.SOFT_TURNOVER, "soft invested: the solver's answer broke limits"),
        ([0.0, 0.0, 1.5, 0.0], Rung.HOLD, "soft turnover: the solver's answer broke limits"),
    ],
    ids=["a soft limit is broken", "a hard limit is broken"],
)
def test_an_answer_of_the_solver_is_taken_only_where_the_rung_promises_no_more(
    answer: list[float], rung: Rung, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tradewinds.portfolio.construct.best_weights", lambda *_: np.array(answer))

    found = construct(_problem(replace(Limits.long_only(4), turnover_max=0.1), today=np.array([0.0, 0.0, 0.5, 0.5])))

    assert found.rung is rung
    assert words in found.why


def test_the_best_ratio_is_found_when_half_is_to_stay_cash() -> None:
    limits = Limits(np.zeros(4), np.full(4, 0.4), gross_max=0.5, invested_min=0.0, invested_max=0.5)
    expected = np.array([0.0, 0.0, 3e-4, 1e-4])
    own = FactorRisk(np.zeros((4, 1)), np.array([[1e-4]]), np.full(4, 1e-4))

    found = construct(_problem(limits, risk=own, method=Method.MAXIMUM_SHARPE, expected_return=expected))

    # Independent and equally loud: weights in the ratio of returns, 3 to 1, of a half.
    assert found.rung is Rung.AS_ASKED
    assert found.weights == pytest.approx([0.0, 0.0, 0.375, 0.125], abs=1e-5)


def test_the_best_ratio_of_nothing_good_is_what_is_held_and_says_so() -> None:
    today = np.array([0.25, 0.25, 0.25, 0.25])

    found = construct(_problem(method=Method.MAXIMUM_SHARPE, expected_return=np.full(4, -1e-4), today=today))

    assert (found.rung, found.weights.tolist()) == (Rung.HOLD, today.tolist())
    assert "no ideal: Rejected: maximum Sharpe: largest expected return" in found.why


def test_the_best_ratio_within_bounds_that_leave_cash() -> None:
    expected = np.array([1e-4, 2e-4, 3e-4, 4e-4])

    found = construct(
        _problem(Limits.long_only(4, position_max=0.2, invested_min=0.0), method=Method.MAXIMUM_SHARPE, expected_return=expected)
    )

    assert found.rung is Rung.AS_ASKED
    assert found.weights == pytest.approx([0.2] * 4, abs=1e-5)
