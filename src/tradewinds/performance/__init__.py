"""How good a history of trading was: returns, drawdowns, round trips, exposure, attribution, and how much of it is luck.

Pure: arrays in, numbers out; imports `core` and `compiled` only. Begin at `track_record.py`, what every figure is computed from, and
`summary.py`, the figures of one run; `sharpe.py` and `overfitting.py` judge the best of many trials.
"""
