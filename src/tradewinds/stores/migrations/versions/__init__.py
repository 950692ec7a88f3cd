"""One file per revision; the last one is `ledger_schema.HEAD`."""
