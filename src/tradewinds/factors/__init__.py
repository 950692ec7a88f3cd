"""What strategies and models are fed: indicators now, factors later.

Pure; imports `core`, `compiled`, `calendars`, `history`. `indicator.py` works on arrays, `incremental.py` bar by bar with the same names
and values. Below them: `columns.py` (gaps, kept results), `single.py` and `dense.py` (loops), `talib_library.py` (TA-Lib's C code).
"""
