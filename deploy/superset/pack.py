"""Packs `assets/` into the ZIP that Superset imports, with the addresses of your databases in it.

    python deploy/superset/pack.py --out dashboards.zip --lake /data/lake.duckdb \
        --ledger postgresql+psycopg2://tradewinds_reader@db/tradewinds

Standard library only, so that any Python runs it. An address with a password is better put into a file: `--ledger-file`.
The ZIP holds that password then; delete it after the import, which encrypts the address in Superset's own database.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import zipfile
from pathlib import Path

ASSETS = Path(__file__).resolve().parent / "assets"
ROOT = "tradewinds"  # the one folder that Superset expects in the ZIP
_WHEN = (2026, 1, 1, 0, 0, 0)  # the same files give the same ZIP
_ADDRESS = re.compile(r"^sqlalchemy_uri: .*$", re.MULTILINE)


def pack(out: Path, *, ledger: str | None = None, lake: Path | None = None) -> list[str]:
    """Write the ZIP; returns the names in it. ledger: address of the PostgreSQL; lake: DuckDB file of `lake.py`; None: as in the files."""
    addresses = {"databases/ledger.yaml": ledger, "databases/lake.yaml": f"duckdb:///{lake}?access_mode=read_only" if lake else None}
    names = []
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for place in sorted(ASSETS.rglob("*.yaml")):
            name = place.relative_to(ASSETS).as_posix()
            text = place.read_text(encoding="utf-8")
            address = addresses.get(name)
            if address is not None:
                text = _ADDRESS.sub(f"sqlalchemy_uri: {json.dumps(address)}".replace("\\", r"\\"), text)
            archive.writestr(zipfile.ZipInfo(f"{ROOT}/{name}", _WHEN), text)
            names.append(name)
    return names


def main() -> None:
    arguments = argparse.ArgumentParser(description="Pack the dashboards for Superset.")
    arguments.add_argument("--out", type=Path, required=True, help="the ZIP to write")
    arguments.add_argument("--ledger", help="address of the ledger's PostgreSQL, as a reader")
    arguments.add_argument("--ledger-file", type=Path, help="a file that holds that address")
    arguments.add_argument("--lake", type=Path, help="the DuckDB file of lake.py")
    asked = arguments.parse_args()
    ledger = asked.ledger_file.read_text(encoding="utf-8").strip() if asked.ledger_file else asked.ledger
    names = pack(asked.out, ledger=ledger, lake=asked.lake.resolve() if asked.lake else None)
    sys.stdout.write(f"{asked.out}: {len(names)} files\n")


if __name__ == "__main__":
    main()
