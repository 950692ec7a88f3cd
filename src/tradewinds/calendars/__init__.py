"""The room `calendars`."""
