"""Brokers: orders out. One module a broker, each an implementation of `core.broker.Broker`.

May import core, calendars, wire, trading, simulation (the paper broker) and its own SDK. Only `wiring` and `campaign` import it.
"""
