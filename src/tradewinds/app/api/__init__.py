"""The HTTP face of the house: JSON and Arrow over `/api/v1`, thin over `wiring.desk`.

Begin at `server.py` (what is put together), then `gate.py` (who comes in) and `route.py` (what every route checks). Imports what `app` may.
"""
