"""Superset and Jupyter beside the platform, natively: `tradewinds up --with superset,jupyter`.

Each has an environment of its own: Superset (`tools/superset.sh`, or what TRADEWINDS_SUPERSET_VENV names), because it wants an older
SQLAlchemy than we do; JupyterLab (`tools/jupyter.sh`, or TRADEWINDS_JUPYTER_VENV), whose kernels see the platform's packages.
`python -m tradewinds.app.up_guests superset HOME PORT` prepares Superset's database and dashboards and becomes its server.
Keys and passwords are files below `<home>/up`, readable by their owner alone; they stand on no command line.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tradewinds.app.up_service import GUESTS, Service, free_port
from tradewinds.core.errors import Rejected

VENV = "TRADEWINDS_SUPERSET_VENV"
JUPYTER_VENV = "TRADEWINDS_JUPYTER_VENV"
CHECKOUT = Path(__file__).resolve().parents[3]
THREADS = 8


def guests(names: str | None, home: Path, workspace: Path) -> list[Service]:
    """What `--with` names, such as `superset,jupyter`. Raises Rejected where one is not known or not installed, saying how it is."""
    asked = [name.strip() for name in (names or "").split(",") if name.strip()]
    unknown = [name for name in asked if name not in GUESTS]
    if unknown:
        raise Rejected(f"up --with {unknown[0]}, expected some of {', '.join(GUESTS)}")
    make = {"superset": superset, "jupyter": jupyter}
    return [make[name](home, workspace, free_port()) for name in dict.fromkeys(asked)]


def superset(home: Path, workspace: Path, port: int) -> Service:
    """Superset with our dashboards; raises Rejected where it is not installed, or the files of our dashboards are not here."""
    python, files = superset_python(os.environ), CHECKOUT / "deploy" / "superset"
    if not python.exists():
        raise Rejected(
            f"up --with superset: {python} is not there, expected Superset; `tools/superset.sh` makes it, or {VENV} names another"
        )
    if not (files / "prepare.py").exists():
        raise Rejected(f"up --with superset: {files} is not there, expected a checkout with the files of our dashboards")
    url = f"http://127.0.0.1:{port}"
    command = (sys.executable, "-m", "tradewinds.app.up_guests", "superset", str(home), str(port))
    return Service("superset", command, {}, url, f"{url}/health")


def superset_python(environment: Mapping[str, str]) -> Path:
    """The interpreter of Superset's own environment."""
    named = environment.get(VENV)
    return (Path(named).expanduser() if named else CHECKOUT / ".superset" / "venv") / "bin" / "python"


def jupyter(home: Path, workspace: Path, port: int) -> Service:
    """JupyterLab in the workspace; raises Rejected where it is not installed."""
    program = jupyter_program(os.environ)
    if program is None:
        raise Rejected(
            f"up --with jupyter: jupyter-lab is not here, expected JupyterLab; `make jupyter` (tools/jupyter.sh) makes it, {JUPYTER_VENV}"
            ' names another environment that has it; without a checkout: pip install "jupyterlab>=4"'
        )
    folder = home / "up" / "jupyter"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    token = secret_file(folder / "token")
    config = folder / "jupyter_server_config.py"
    root = "c.ServerApp.allow_root = True\n" if os.geteuid() == 0 else ""  # who runs all else as root has decided that
    config.write_text(f"c.IdentityProvider.token = open({str(token)!r}).read().strip()\n{root}")
    words = (
        f"--config={config}", "--no-browser", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={workspace}",
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    places = {f"JUPYTER_{kind}_DIR": str(folder / kind.lower()) for kind in ("RUNTIME", "DATA", "CONFIG")}  # not the user's own
    return Service("jupyter", (program, *words), {"TRADEWINDS_HOME": str(home), **places}, f"{url}/lab", f"{url}/api")


def jupyter_program(environment: Mapping[str, str]) -> str | None:
    """jupyter-lab of the environment that is named, of its own, of ours, or on the PATH, in that order."""
    from shutil import which

    named = environment.get(JUPYTER_VENV)
    if named:
        place = Path(named).expanduser() / "bin" / "jupyter-lab"
        return str(place) if place.exists() else None
    beside = (CHECKOUT / ".jupyter" / "venv" / "bin" / "jupyter-lab", Path(sys.executable).parent / "jupyter-lab")
    return next((str(place) for place in beside if place.exists()), which("jupyter-lab"))


def secret_file(place: Path) -> Path:
    """A file with a secret of its own, made where it is absent."""
    if not place.exists():
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24))
    return place


def _become_superset(home: Path, port: int) -> None:
    """Prepare Superset's database and our dashboards, and become its server."""
    files, folder, python = CHECKOUT / "deploy" / "superset", home / "up" / "superset", superset_python(os.environ)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    environment = {
        **{key: value for key, value in os.environ.items() if key != "PYTHONWARNINGS"},
        "SUPERSET_CONFIG_PATH": str(files / "superset_config.py"),
        "SUPERSET_SECRET_KEY_FILE": str(secret_file(folder / "secret_key")),
        "SUPERSET_ADMIN_PASSWORD_FILE": str(secret_file(folder / "password")),
        "SUPERSET_DATABASE": f"sqlite:///{folder / 'superset.db'}",
        "SUPERSET_PLAIN_HTTP": "1",
        "SUPERSET_HOME": str(folder),
        "FLASK_APP": "superset.app:create_app()",
    }
    archive, lake, marts = folder / "dashboards.zip", folder / "lake.duckdb", home / "marts" / "current"
    words: list[str] = []
    if marts.exists():
        _done([sys.executable, str(files / "lake.py"), str(marts), str(lake)], environment)
        words += ["--lake", str(lake)]
    ledger = _ledger(folder)
    words += [] if ledger is None else ["--ledger-file", str(ledger)]
    _done([sys.executable, str(files / "pack.py"), "--out", str(archive), *words], environment)
    _done([str(python), str(files / "prepare.py"), str(archive)], environment)
    archive.unlink(missing_ok=True)  # the address of the ledger stands in it
    bind = f"127.0.0.1:{port}"
    server = [str(python), "-m", "gunicorn", "--bind", bind, "--workers", "1", "--threads", str(THREADS), "superset.app:create_app()"]
    os.execve(server[0], server, environment)  # noqa: S606 - becomes the server, so that the keeper's signals reach it


def _ledger(folder: Path) -> Path | None:
    """A file with the ledger's address, where it is in a PostgreSQL that Superset can ask too."""
    from tradewinds.wiring.settings import load_config

    url = load_config().storage.ledger
    if url is None or not url.startswith("postgresql"):
        return None
    place = folder / "ledger_url"
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
        file.write(url)
    return place


def _done(command: list[str], environment: Mapping[str, str]) -> None:
    subprocess.run(command, env=dict(environment), check=True)  # noqa: S603 - our own files


if __name__ == "__main__":
    _become_superset(Path(sys.argv[2]), int(sys.argv[3]))
