"""Tradewinds: a trading firm in a box.

Begin at `tradewinds.core` for the vocabulary, `tradewinds.history` for what the data means,
`tradewinds.jobs` for what runs at night, `tradewinds.app` for the commands.
Importing this package imports nothing else.
"""

__version__ = "0.1.0"
