"""What the ledger keeps refuses what cannot be."""

from __future__ import annotations

from datetime import date

import pytest

from tradewinds.core.errors import Rejected
from tradewinds.core.record import Hold, JobRun, Member, RunResult, Universe


def test_a_run_is_running_until_it_has_a_result() -> None:
    begun = JobRun(1, "crypto_backfill", "2024-01", "BTCUSDT", started_ns=5)

    assert begun.state == "running"
    assert JobRun(1, "crypto_backfill", "2024-01", None, 5, result=RunResult("partial", 9, rows_in=3)).state == "partial"


@pytest.mark.parametrize("state", ["running", "ok", ""])
def test_a_result_says_how_a_run_ended(state: str) -> None:
    with pytest.raises(Rejected, match=f"state '{state}', expected one of done, partial, failed, nothing"):
        RunResult(state, 9)  # type: ignore[arg-type]  # the refusal is what is tested


def test_a_hold_is_open_until_somebody_releases_it() -> None:
    assert Hold("AAPL.XNAS", "bars-1d", 1, "spike", opened_ns=2).is_open
    assert not Hold("AAPL.XNAS", "bars-1d", 1, "spike", opened_ns=2, released_ns=3, released_by="operator", decision="accept").is_open


def test_a_member_stands_in_a_universe_once() -> None:
    with pytest.raises(Rejected, match=r"\['A.X'\] stand there twice"):
        Universe("crypto", date(2024, 1, 3), 0, (Member("A.X", 1), Member("B.X", 2), Member("A.X", 3)))
