"""Brings an empty or older Superset up to date and imports the dashboards. Run by Superset's own Python, with its settings in force.

    SUPERSET_CONFIG_PATH=deploy/superset/superset_config.py python deploy/superset/prepare.py dashboards.zip

1. its tables, 2. the administrator (SUPERSET_ADMIN and SUPERSET_ADMIN_PASSWORD or its _FILE), 3. roles, 4. the dashboards.
All in one process, because each start of Superset's command line takes seven seconds. Running it again changes nothing that is the same.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main(archive: Path) -> None:
    from superset.app import create_app
    from superset.cli.main import superset

    app = create_app()
    runner = app.test_cli_runner(catch_exceptions=False)
    name = os.environ.get("SUPERSET_ADMIN", "admin")
    place = os.environ.get("SUPERSET_ADMIN_PASSWORD_FILE")
    password = Path(place).read_text(encoding="utf-8").strip() if place else os.environ["SUPERSET_ADMIN_PASSWORD"]
    who = ["--username", name, "--firstname", "Tradewinds", "--lastname", "Admin", "--email", f"{name}@localhost", "--password", password]
    for words in (
        ["db", "upgrade"],
        ["fab", "create-admin", *who],
        ["init"],
        ["import-dashboards", "--path", str(archive), "--username", name],
    ):
        done = runner.invoke(superset, args=words)
        shown = " ".join(words[:2])
        if done.exit_code != 0:
            raise SystemExit(f"superset {shown}: ended with {done.exit_code}\n{done.output[-4000:]}")
        sys.stdout.write(f"superset {shown}: done\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
