"""`tradewinds model list|show|card|promote`: versions of models, what they were made of, and who is the champion."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING, Any

import click

from tradewinds.app.arguments import JSON
from tradewinds.app.output import log, print_json, print_table, when
from tradewinds.core.errors import ANSWER_IS_NO, NOTHING_TO_DO, Missing

if TYPE_CHECKING:
    from tradewinds.stores.model_registry import ModelRegistry, StoredModel

CHAMPION, CHALLENGER = "champion", "challenger"
DIGITS_SHOWN = 12


@click.group("model", context_settings={"help_option_names": ["-h", "--help"]})
def model() -> None:
    """Versions of models, their cards, and who is the champion."""


@model.command("list")
@JSON
def list_(*, as_json: bool) -> None:
    """The workspace's models. None ends with exit code 1."""
    from tradewinds.wiring.house import open_house

    house = open_house()
    told = []
    for name, config in sorted(house.config.models.items()):
        aliases = house.models.aliases(name)
        newest = next(iter(house.models.versions(name)), None) if house.models.has(name) else None
        told.append(
            {
                "name": name, "research": config.research, "learner": config.learner.kind, "schedule": config.schedule,
                "newest": None if newest is None else newest.version, CHAMPION: aliases.get(CHAMPION), CHALLENGER: aliases.get(CHALLENGER),
            }
        )  # fmt: skip
    if as_json:
        print_json({"models": told})
    else:
        columns = ("name", "research", "learner", "schedule", "newest", CHAMPION, CHALLENGER)
        print_table("Models", columns, [tuple(one[name] for name in columns) for one in told], spare=("schedule", "learner"))
    if not told:
        sys.exit(ANSWER_IS_NO)


@model.command("show")
@click.argument("name")
@JSON
def show(name: str, *, as_json: bool) -> None:
    """The versions of NAME, newest first, with their scores out of sample."""
    from tradewinds.wiring.house import open_house

    registry = open_house().models
    if not registry.has(name):
        raise Missing(f"model {name}: no version is registered, expected `tradewinds job run train_{name}` to have trained one")
    told = [_told(registry, one) for one in registry.versions(name)]
    if as_json:
        print_json({"name": name, "versions": told})
        return
    rows = [
        (t["version"], ", ".join(t["aliases"]), t["sha256"][:DIGITS_SHOWN], t["as_of"], t["rows"], t["scores"].get("ic"), t["trials"])
        for t in told
    ]
    print_table(f"Model {name}", ("version", "alias", "sha256", "data as of", "rows", "ic", "tried"), rows)


@model.command("card")
@click.argument("name")
@click.argument("version", required=False)
@JSON
def card(name: str, version: str | None, *, as_json: bool) -> None:
    """The card of VERSION of NAME (a number or an alias), of the champion where it is left out, else of the newest."""
    from dataclasses import asdict

    from tradewinds.wiring.house import open_house

    registry = open_house().models
    kept = _chosen(registry, name, version)
    found = registry.card(kept)
    if as_json:
        print_json({"version": kept.version, **asdict(found)})
    else:
        click.echo(found.as_markdown(), nl=False)


@model.command("promote")
@click.argument("name")
@click.argument("version")
@click.option("--by", help="Who says so; the user of this machine when left out.")
@JSON
def promote(name: str, version: str, by: str | None, *, as_json: bool) -> None:
    """Make VERSION of NAME (a number, or `challenger`) the champion. It being so already is 99.

    \b
    tradewinds model promote trend 7 --by "Ada Lovelace"
    """
    from tradewinds.core.instant import to_date
    from tradewinds.wiring.house import open_house, run_job

    house = open_house()
    kept = _chosen(house.models, name, version)
    params = {"model": name, "version": kept.version, "by": by or getpass.getuser()}
    done = run_job("train.promote", to_date(house.clock.now_ns()).isoformat(), params, house=house, progress=log)
    detail = done["detail"]
    if as_json:
        print_json(detail)
    else:
        before = f", in place of version {detail['before']}" if detail["before"] not in (None, kept.version) else ""
        click.echo(f"models:/{name}@{CHAMPION} is version {kept.version}, sha256 {kept.sha256[:DIGITS_SHOWN]}…{before}")
    sys.exit(NOTHING_TO_DO if done["state"] == "nothing" else 0)


def _chosen(registry: ModelRegistry, name: str, version: str | None) -> StoredModel:
    """The version by number or alias; the champion, else the newest one, where none is named."""
    aliases = registry.aliases(name)
    if version is None:
        newest = next(iter(registry.versions(name)), None) if registry.has(name) else None
        if newest is None:
            raise Missing(f"model {name}: no version is registered, expected `tradewinds job run train_{name}` to have trained one")
        version = aliases.get(CHAMPION, newest.version)
    named = version.removeprefix("@")
    return registry.resolve(f"models:/{name}/{named}" if named.isdecimal() else f"models:/{name}@{named}")


def _told(registry: ModelRegistry, one: StoredModel) -> dict[str, Any]:
    found = registry.card(one)
    return {
        "version": one.version, "aliases": list(one.aliases), "sha256": one.sha256, "as_of": when(found.as_of_ns), "rows": found.rows,
        "scores": dict(found.scores), "trials": found.trials, "code": found.code,
    }  # fmt: skip
