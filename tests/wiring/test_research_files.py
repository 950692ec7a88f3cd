"""Risk models as versions of files: what was published comes back, and files that were changed are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tradewinds.core.errors import Missing, Unreadable
from tradewinds.wiring.research_files import factor_returns, risk_model, sessions, write

ABOUT = {"at_ns": 10, "known_ns": 20, "kind": "cross_sectional", "periods_a_year": 252.0}


def _frames(variance: float = 0.01) -> dict[str, pl.DataFrame]:
    return {
        "exposures": pl.DataFrame({"instrument": ["A.XNYS", "B.XNYS"], "market": [1.0, 1.0], "size": [0.5, -0.5]}),
        "covariance": pl.DataFrame({"factor": ["market", "size"], "market": [0.04, 0.0], "size": [0.0, 0.09]}),
        "specific": pl.DataFrame(
            {"instrument": ["B.XNYS", "A.XNYS"], "specific_variance": [variance, 0.02], "specific_return": [0.0, 0.1]}
        ),
        "factor_returns": pl.DataFrame({"session": ["2024-01-03"], "factor": ["size"], "value": [0.01], "t_statistic": [2.0]}),
    }


def test_a_model_comes_back_as_it_was_written(tmp_path: Path) -> None:
    named = write(tmp_path, "us", "2024-01-03", _frames(), ABOUT)

    model = risk_model(tmp_path, "us")

    assert named == "us/2024-01-03/1"
    assert model.factors == ("market", "size")
    assert model.specific_variance.tolist() == [0.02, 0.01]
    # half of each: exposure 1 to the market, 0 to size; specific 0.25 * (0.02 + 0.01)
    assert model.volatility(np.array([0.5, 0.5])) == pytest.approx((252 * (0.04 + 0.0075)) ** 0.5)
    assert factor_returns(tmp_path, "us")["value"].to_list() == [0.01]


def test_the_same_frames_are_the_same_version_and_others_the_next(tmp_path: Path) -> None:
    names = [write(tmp_path, "us", "2024-01-03", _frames(one), ABOUT) for one in (0.01, 0.01, 0.03)]

    assert names == ["us/2024-01-03/1", "us/2024-01-03/1", "us/2024-01-03/2"]
    assert risk_model(tmp_path, "us").specific_variance.tolist() == [0.02, 0.03]
    assert risk_model(tmp_path, "us", "2024-01-03", 1).specific_variance.tolist() == [0.02, 0.01]
    assert sessions(tmp_path, "us") == ["2024-01-03"]


def test_a_file_that_was_changed_is_refused_by_its_hash(tmp_path: Path) -> None:
    write(tmp_path, "us", "2024-01-03", _frames(), ABOUT)
    file = tmp_path / "us" / "2024-01-03" / "1" / "specific.parquet"
    file.write_bytes(file.read_bytes() + b" ")

    with pytest.raises(Unreadable, match=r"specific.parquet: SHA-256 [0-9a-f]{64}, expected [0-9a-f]{64} of the manifest"):
        risk_model(tmp_path, "us")


def test_what_was_not_published_is_missing_with_what_there_is(tmp_path: Path) -> None:
    write(tmp_path, "us", "2024-01-03", _frames(), ABOUT)

    with pytest.raises(Missing, match="expected one of 2024-01-03"):
        risk_model(tmp_path, "us", "2024-01-04")
    with pytest.raises(Missing, match="no version 7, expected one of 1"):
        risk_model(tmp_path, "us", version=7)
    with pytest.raises(Missing, match="none yet"):
        risk_model(tmp_path, "crypto")
