"""`tradewinds init DIR`: a user's own folder. Written once; what already stands there is never touched."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

import click

from tradewinds.core.errors import Rejected

FOLDERS = ("strategies", "vendors", "models", "notebooks", "drops")
FILES = {
    "tradewinds.yaml": "tradewinds.yaml",
    "env.example": ".env.example",
    "README.md": "README.md",
    "strategies/moving_average.py": "strategies/moving_average.py",
    "models/weekly_trend.yaml.example": "models/weekly_trend.yaml.example",
}
IGNORED = ".env\n__pycache__/\n"


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def init(folder: Path, *, as_json: bool) -> None:
    """Make a workspace in FOLDER. Files that already stand there are kept as they are.

    \b
    tradewinds init firm && cd firm && tradewinds doctor
    """
    made, kept = make(folder)
    if as_json:
        from tradewinds.app.output import print_json

        print_json({"workspace": str(folder.absolute()), "made": made, "kept": kept})
        return
    for name in made:
        click.echo(f"made  {folder / name}")
    for name in kept:
        click.echo(f"kept  {folder / name}")
    click.echo(f"next: cd {folder} && tradewinds doctor")


def make(folder: Path) -> tuple[list[str], list[str]]:
    """Make what is absent. Returns the names made and the names kept. Raises Rejected where it cannot be written."""
    template = files("tradewinds.app") / "template"
    made: list[str] = []
    kept: list[str] = []
    try:
        for name in FOLDERS:
            place = folder / name
            (kept if place.is_dir() else made).append(f"{name}/")
            place.mkdir(parents=True, exist_ok=True)
        texts = {target: (template / source).read_text(encoding="utf-8") for source, target in FILES.items()}
        texts[".gitignore"] = IGNORED
        for target, content in texts.items():
            place = folder / target
            if place.exists():
                kept.append(target)
                continue
            partial = place.with_name(f".{place.name.lstrip('.')}.partial")
            partial.write_text(content, encoding="utf-8")
            os.replace(partial, place)
            made.append(target)
    except OSError as error:
        raise Rejected(f"init: {folder} cannot be written ({error.strerror}), expected a folder of your own") from None
    return made, kept
