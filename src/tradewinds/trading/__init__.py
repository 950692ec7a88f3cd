"""What a strategy is and what it may see: declarations, views, sizing; the same in backtest, on paper and live.

Pure; imports rooms below it. Begin at `strategy.py`, then `view.py`; `sizing.py` turns targets into lots for kernel and live alike.
"""
