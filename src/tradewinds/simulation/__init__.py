"""The one simulation: a compiled step that matches, charges and books, and everything that loops it.

Pure. `books.py` says what the step reads and writes, `kernel.py` is the step, `rules.py` how orders fill and what they cost;
`backtest.py` runs a strategy over history, `event.py` bar by bar, `sweep.py` many times, `lookahead.py` looks for cheating.
"""
