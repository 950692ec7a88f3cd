"""`tradewinds new strategy|vendor|model NAME`: files of the workspace that run at once, to be changed from there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import click

from tradewinds.app.arguments import JSON
from tradewinds.core.errors import Rejected

NAME = re.compile(r"[a-z][a-z0-9_]{1,47}")


@click.group("new", context_settings={"help_option_names": ["-h", "--help"]})
def new() -> None:
    """Make the files of a strategy, a vendor or a model in this workspace. They run as they are; what stands there is never touched."""


@new.command("strategy")
@click.argument("name")
@JSON
def strategy(name: str, *, as_json: bool) -> None:
    """strategies/NAME.py and NAME.yaml: a moving average, in mode backtest."""
    words = {"my_strategy": _checked(name)}
    targets = {"strategy.py": f"strategies/{name}.py", "strategy.yaml": f"strategies/{name}.yaml"}
    _made(targets, words, f"tradewinds backtest strategies/{name}.yaml", as_json=as_json)


@new.command("vendor")
@click.argument("name")
@JSON
def vendor(name: str, *, as_json: bool) -> None:
    """vendors/NAME.py and a file that it reads: one number a day about each subject. Says the lines for tradewinds.yaml."""
    dashed, title = _checked(name).replace("_", "-"), "".join(part.capitalize() for part in name.split("_"))
    words = {"my_vendor": name, "MyVendor": title, "my-vendor": dashed, "MY_VENDOR": name.upper()}
    lines = (
        "vendors:",
        f'  {name}: {{use: "{name}.py:{title}", options: {{path: drops/{name}}}}}',
        "datasets:",
        f"  {name}: {{vendor: {name}, dataset: {dashed}, instruments: [EXAMPLE.{name.upper()}], since: 2024-01-01}}",
    )
    targets = {"vendor.py": f"vendors/{name}.py", "example.csv": f"drops/{name}/EXAMPLE.csv"}
    _made(targets, words, f"tradewinds job run {name}", as_json=as_json, lines=lines)


@new.command("model")
@click.argument("name")
@click.option("--research", "book", help="The book of tradewinds.yaml that it learns from; may be left out where there is one.")
@JSON
def model(name: str, *, book: str | None, as_json: bool) -> None:
    """models/NAME.yaml: a ridge over the features of a book of research; the DAG train_NAME follows."""
    from tradewinds.wiring.settings import load_config

    books = sorted(load_config().research)
    chosen = book or (books[0] if len(books) == 1 else None)
    if chosen is None or chosen not in books:
        told = f"--research {chosen}" if chosen else "which book?"
        raise Rejected(f"new model {name}: {told}, expected one of research: in tradewinds.yaml: {', '.join(books) or 'there is none yet'}")
    words = {"my_model": _checked(name), "my_book": chosen}
    _made({"model.yaml": f"models/{name}.yaml"}, words, f"tradewinds job run train_{name}", as_json=as_json)


def _checked(name: str) -> str:
    if NAME.fullmatch(name) is None:
        raise Rejected(f"new: name {name!r}, expected small letters, digits and _, such as weekly_trend")
    return name


def _made(targets: Mapping[str, str], words: Mapping[str, str], following: str, *, as_json: bool, lines: tuple[str, ...] = ()) -> None:
    """Write the files from their templates. Raises Rejected where one of them stands there already, and writes none then."""
    from tradewinds.wiring.settings import load_config

    workspace = Path(load_config().workspace or Path.cwd())
    taken = [target for target in targets.values() if (workspace / target).exists()]
    if taken:
        raise Rejected(f"new: {workspace / taken[0]} stands there already, expected another name")
    template = files("tradewinds.app") / "template" / "new"
    for source, target in targets.items():
        text = (template / source).read_text(encoding="utf-8")
        for word, by in words.items():
            text = text.replace(word, by)
        place = workspace / target
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        except OSError as error:
            raise Rejected(f"new: {place} cannot be written ({error.strerror}), expected a workspace of your own") from None
    if as_json:
        from tradewinds.app.output import print_json

        print_json({"workspace": str(workspace), "made": list(targets.values()), "lines": list(lines), "next": following})
        return
    for target in targets.values():
        click.echo(f"made  {target}")
    if lines:
        click.echo("into tradewinds.yaml:\n" + "\n".join(lines))
    click.echo(f"next: {following}")
