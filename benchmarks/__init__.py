"""Figures to reach: `python -m benchmarks` runs all; each module prints one JSON object."""
