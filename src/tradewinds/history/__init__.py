"""The room `history`."""
