"""The trading service: runs the pure core of each account between journal and broker.

May import everything up to wire; journals, brokers and clocks come in by their ports. Begin with `account.py`.
"""
