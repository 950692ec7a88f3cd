"""Risk: the gate that every order passes.

Pure. May import core, calendars, performance, compiled. Begin with `limits.py`: the only maker of `ApprovedOrder`.
"""
