"""The room `vendors`."""
