"""Risk: the gate that every order passes, and the model of what a portfolio may lose.

Pure. May import core, calendars, history, performance, compiled. Of the gate begin with `limits.py`: the only maker of `ApprovedOrder`.
Of the model begin with `risk_model.py`; `cross_section.py` and `cascade.py` find factor returns, `night.py` makes a model of them.
"""
