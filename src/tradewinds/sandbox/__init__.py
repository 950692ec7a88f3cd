"""Local venues: real HTTP and WebSocket servers that speak the wire of the venues whose data Tradewinds takes.

For demo, tests and users without network. May import core and the rooms below wire; only `wiring/sandbox.py` imports it.
Begin with `server` (start and stop), `application` (which venues, at which address), `market` (the seeded market),
`recorded` (recorded files instead), `faults` (what can be switched to go wrong). `python -m tradewinds.sandbox --help`.
"""
