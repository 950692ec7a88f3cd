"""The one room that knows all: which vendor and which store stands behind each port, and what the user configured.

Begin with `settings` (tradewinds.yaml and the environment), then `house` (the assembled platform, `run_job`).
"""
