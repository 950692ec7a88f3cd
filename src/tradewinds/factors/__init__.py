"""What strategies and models are fed: indicators now, factors later.

Pure; imports `core`, `calendars`, `history`. `indicator.py` works on arrays, `incremental.py` bar by bar with the same names and values.
"""
