"""The room `stores`."""
