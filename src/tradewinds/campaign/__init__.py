"""The fault campaign: core, journal, real adapters and local venues in virtual time, under seeded faults.

A proving tool beside `app`; the one room that may import live, brokers, stores and sandbox at once.
"""
