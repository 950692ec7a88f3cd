"""What the figures were taken on; no names of hosts, users or folders."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("polars", "pyarrow", "duckdb", "numpy", "isal", "httpx", "sqlalchemy", "apache-airflow")


def describe() -> dict[str, object]:
    """CPU, memory, system, versions, and how busy the machine was: figures from a busy machine compare within one run only."""
    return {
        "cpu": _first("/proc/cpuinfo", "model name") or platform.processor() or "unknown",
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": _memory_gb(),
        "load_before": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "versions": {name: version(name) for name in PACKAGES},
    }


def _memory_gb() -> float | None:
    total = _first("/proc/meminfo", "MemTotal")
    return None if total is None else round(int(total.split()[0]) / 2**20, 1)


def _first(path: str, name: str) -> str | None:
    file = Path(path)
    lines = file.read_text().splitlines() if file.is_file() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), None)
