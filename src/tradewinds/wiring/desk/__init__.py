"""What people see and do: reads of ledger, lake and journals as plain values, and `acts.py`, the one place where anything is changed.

The API's routes, the console's pages and the messengers are thin faces on these functions.
"""
