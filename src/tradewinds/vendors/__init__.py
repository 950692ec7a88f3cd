"""Where data comes from: one file per vendor, one line here for each.

Imports core, calendars, history and wire. A vendor is `Vendor(http, base_url=..., secret=..., options=...)` and implements
`core.ports.Vendor`; a user's own class is named "my_module:Class" or "path/to/file.py:Class".
Begin at `binance` for bars without any set-up.
"""

from tradewinds.vendors.registry import VENDORS, load

__all__ = ["VENDORS", "load"]
