"""Makes the DuckDB file through which Superset reads the lake: a view per Parquet file of the marts, no data.

    python deploy/superset/lake.py ~/.local/share/tradewinds/marts/current lake.duckdb

Once; the views read the files that `current` leads to when they are asked, so that each new build of the marts shows by itself.
Superset opens it read-only, and any number of its workers may.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

VIEWS = {"bar": "fact_bars", "instrument": "dim_instrument", "session": "dim_session"}


def make(marts: Path, place: Path) -> list[str]:
    """Write the file at `place`, in place of an older one; returns the views' names. marts: the folder `current` of the marts."""
    missing = [name for name in VIEWS.values() if not (marts / f"{name}.parquet").is_file()]
    if missing:
        raise FileNotFoundError(f"marts {marts}: no {', '.join(missing)}, expected what `tradewinds job run marts` writes")
    place.unlink(missing_ok=True)
    with duckdb.connect(str(place)) as database:
        for view, name in VIEWS.items():
            # Both names are ours or a path whose quotes are doubled; a view takes no parameters.
            source = str(marts / f"{name}.parquet").replace("'", "''")
            database.execute(f"CREATE VIEW {view} AS SELECT * FROM read_parquet('{source}')")  # noqa: S608 - as said above
    return sorted(VIEWS)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: lake.py MARTS/current LAKE.duckdb")
    sys.stdout.write(f"{sys.argv[2]}: {', '.join(make(Path(sys.argv[1]).absolute(), Path(sys.argv[2])))}\n")
