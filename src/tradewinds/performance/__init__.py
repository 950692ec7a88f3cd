"""How good a history of trading was: returns, drawdowns, round trips, attribution, and how much of it is luck.

Pure: arrays in, numbers out; imports `core` only. Begin at `returns.py`; `overfitting.py` judges the best of many trials.
"""
