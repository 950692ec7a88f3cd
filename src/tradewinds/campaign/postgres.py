"""Where a kill campaign's journals are kept: SQLite files, a PostgreSQL that is given, or an embedded one for as long as it lasts."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tradewinds.stores.embedded_postgres import EmbeddedPostgres

DATABASE = "campaign"


@contextmanager
def journal_url(journal: str) -> Iterator[str]:
    """`sqlite`, or the URL of a PostgreSQL; `postgresql` starts an embedded one, which waits for its disk as any other does."""
    if journal != "postgresql":
        yield journal
        return
    with tempfile.TemporaryDirectory(prefix="tradewinds-campaign-") as folder, EmbeddedPostgres(Path(folder) / "postgres") as server:
        server.create_database(DATABASE)
        yield server.url(DATABASE)
