"""What people see and do, as plain functions on a house: the API, the console and the telephone are thin faces of these.

Read: `market.py`, `research.py`, `trade.py`, `overview.py`. Do: `acts.py`, which checks who may, writes the audit log, and asks for a
second person where one is not enough. Enter: `sign_in.py`. Imports what `wiring` may.
"""
