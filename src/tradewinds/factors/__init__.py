"""What strategies and models are fed: indicators, factors, and sets of features.

Pure; imports `core`, `compiled`, `calendars`, `history`. Indicators: `indicator.py` works on arrays, `incremental.py` bar by bar; below
`columns.py`, `single.py`, `dense.py`, `talib_library.py`. Factors: a text (`expression.py`) or a function of `library.py` becomes a
`Factor` (`factor.py`) made of terms (`term.py`, `steps.py`); `features.py` computes many at once; `evaluate.py` judges one.
Across instruments: `transform.py`. Loops: `rolling.py`, `rolling_pair.py`, `crosswise.py`, `cell.py`, `evaluate_rows.py`.
"""
