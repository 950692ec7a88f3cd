"""One history from many vendors: what was known when, what is wrong, what it looks like to research.

Pure: imports `core`, `calendars`, polars and numpy; no clock, file, socket or environment.
Begin with `asof` (versions of a fact), then `resample`, `adjust`, `panel` (how research reads), `universe`, `lineage`;
`quality` finds what is wrong in one vendor's data and `reconcile` makes one history of several.
"""
