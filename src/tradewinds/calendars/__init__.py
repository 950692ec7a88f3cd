"""When markets are open: sessions, their edges in UTC nanoseconds, and how far that is known.

Imports `core` and numpy; neither pandas nor exchange_calendars. The only room in which local time exists.
Begin with `sessions.calendar(name)`. `override` reads dated corrections; `data/` is written by tools/compile_calendars.py.
"""
