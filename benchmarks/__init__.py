"""Figures to reach: `python -m benchmarks` (`make bench`) runs every module with a `run(quick) -> dict` and prints one JSON object each.

Begin with `ingest`; `market_data` and `archive` make the data, `machine` says what the figures were taken on.
"""
