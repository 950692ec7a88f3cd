"""Airflow for tests: its home in a temporary folder, set before anything imports it."""

from __future__ import annotations

import os
import tempfile

import pytest

_HOME = tempfile.TemporaryDirectory(prefix="tradewinds-airflow-")
os.environ.update(
    {
        "AIRFLOW_HOME": _HOME.name,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__LAZY_DISCOVER_PROVIDERS": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_HOME.name}/airflow.db",
    }
)
pytest.importorskip("airflow", reason="the airflow extra is not installed")
