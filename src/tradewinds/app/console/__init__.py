"""The console: pages for people, made by NiceGUI, mounted into the process that serves the API.

It may import what `app` may; it reads the house by `wiring.desk` and changes anything by `wiring.desk.acts` alone. Begin with `make.py`
(one console in a process), `frame.py` (what surrounds every page) and `page_overview.py` (the simplest page). Text from outside reaches a
page through `markup.py`, which escapes it. NiceGUI is imported when a console is made, never before.
"""
