"""The room `wiring`."""
