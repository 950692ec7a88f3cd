"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_SHARED = Path(os.environ.get("TRADEWINDS_SHARED_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recorded market data beside the checkout; the test skips where it is absent."""
    if not (_SHARED / "README.md").is_file():
        pytest.skip(f"recorded data is absent: no {_SHARED.parent.name}/{_SHARED.name} beside the checkout")
    return _SHARED
