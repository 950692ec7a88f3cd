"""From scores and risk to target weights: construction, limits, costs, and a stated ladder where a problem has no solution.

Pure. May import factors, risk, history, calendars, performance, compiled, core; skfolio only inside functions, because it takes seconds.
Begin with `problem.py` (what is asked) and `construct.py` (the ladder); `signal.py` comes before, `rebalance.py` after.
"""
