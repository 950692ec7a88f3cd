"""Dashboards and alert rules ask for what our processes export, and have the form that Grafana and Prometheus read."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from tradewinds.app.cli import cli
from tradewinds.wire.metric_table import TABLE, suffixes

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
EXPORTED = {series for one in TABLE.values() for series in suffixes(one)}
OF_PROMETHEUS = {"up", "process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"}  # and of its client library
OF_TARGETS = {"job", "process", "instance", "le"}  # labels that no process tells by itself
NAME = re.compile(r"\b((?:tradewinds|process)_[a-z0-9_]+)\b")
PLACE = re.compile(r"\b([a-z_][a-z0-9_]*)\{([^}]*)\}")


def _drawing() -> Any:
    place = DEPLOY / "grafana" / "draw.py"
    spec = importlib.util.spec_from_file_location("tradewinds_draw", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _wrong(query: str) -> list[str]:
    """Metrics and labels of a query that nobody exports."""
    metrics = [name for name in NAME.findall(query) if name not in EXPORTED | OF_PROMETHEUS]
    labels = [
        f"{name}{{{label}}}"
        for name, given in PLACE.findall(query)
        for label in re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)", given)
        if label not in OF_TARGETS and label not in TABLE[re.sub("_(bucket|count|sum)$", "", name)].labels
    ]
    return metrics + labels


def _rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_three_dashboards_are_there_as_drawn() -> None:
    module = _drawing()

    assert [path.stem for path in DASHBOARDS] == ["data", "platform", "trading"]
    for one in module.ALL:
        place = DEPLOY / "grafana" / "dashboards" / f"{one.uid.removeprefix('tradewinds-')}.json"
        assert place.read_text() == module.text(one), f"{place}: python deploy/grafana/draw.py writes it"


@pytest.mark.parametrize("place", DASHBOARDS, ids=lambda place: place.stem)
def test_a_dashboard_has_the_form_that_grafana_reads_and_asks_for_what_is_exported(place: Path) -> None:
    told = json.loads(place.read_text())

    assert told["uid"] == f"tradewinds-{place.stem}"
    assert told["schemaVersion"] == 39
    assert told["timezone"] == "utc"
    panels = told["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) >= 8
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, f"{panel['title']} lies over another"
        assert at["x"] + at["w"] <= 24
        taken |= cells
        assert panel["type"] in ("timeseries", "stat", "table")
        assert panel["datasource"] == {"type": "prometheus", "uid": "prometheus"}
        for target in panel["targets"]:
            assert _wrong(target["expr"]) == [], f"{panel['title']}: {target['expr']}"
            assert target["expr"].count("(") == target["expr"].count(")")
    for variable in told["templating"]["list"]:
        assert _wrong(variable["definition"]) == []


def test_every_metric_that_tells_of_trouble_stands_on_a_dashboard() -> None:
    shown = " ".join(place.read_text() for place in DASHBOARDS)
    unseen = {name for name in TABLE if name not in shown}

    counted_elsewhere = {"tradewinds_journal_entries_total", "tradewinds_orders_approved_total", "tradewinds_orders_held_total"}
    assert unseen - counted_elsewhere == {"tradewinds_journal_failures_total"}  # an alert rule has it


def test_an_alert_rule_asks_for_what_is_exported_and_names_a_command_that_exists() -> None:
    rules = _rules()

    assert len(rules) >= 12
    for rule in rules:
        assert _wrong(rule["expr"]) == [], rule["alert"]
        assert rule["labels"]["severity"] in ("critical", "warning"), rule["alert"]
        assert rule["annotations"]["summary"].rstrip().endswith((".", "}}")), rule["alert"]
        _exists(rule["annotations"]["next"])


def _exists(words: str) -> None:
    """A command that is named exists, with the options it is given."""
    program, *rest = shlex.split(words.split(";")[0].replace("{{ $labels.", "").replace(" }}", ""))
    assert program == "tradewinds", words
    context = click.Context(cli, info_name="tradewinds")
    command: click.Command = cli
    while isinstance(command, click.Group):
        found = command.get_command(context, rest.pop(0))
        assert found is not None, words
        command, context = found, click.Context(found, context)
    known = {option for parameter in command.params for option in parameter.opts}
    for word in rest:
        assert not word.startswith("--") or word in known, f"{words}: {word}"


PAGES = DEPLOY.parent / "docs"
SHOWN = re.compile(r"(?:^    (?:\$ )?|`)(tradewinds [a-z][^`\n]*?)(?:  +.*)?(?:`|$)", re.MULTILINE)


@pytest.mark.parametrize("page", ["operations.md", "watching.md"])
def test_every_command_that_a_page_tells_people_to_run_exists(page: str) -> None:
    shown = SHOWN.findall((PAGES / page).read_text())

    assert len(shown) >= 6
    for words in shown:
        _exists(words)


def test_the_page_on_watching_lists_every_metric_as_it_is() -> None:
    rows = [line for line in (PAGES / "watching.md").read_text().splitlines() if line.startswith("| `tradewinds_")]

    def named(labels: tuple[str, ...]) -> str:
        return f" by {', '.join(f'`{label}`' for label in labels)}" if labels else ""

    assert rows == [f"| `{one.name}`{named(one.labels)} | {one.kind} | {one.process} | {one.help} |" for one in TABLE.values()]


def test_the_scrape_configurations_name_every_process() -> None:
    compose = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    native = yaml.safe_load((DEPLOY / "prometheus" / "native.yml").read_text())

    (job,) = compose["scrape_configs"]
    assert [one["labels"]["process"] for one in job["static_configs"]] == ["trade", "guard", "console", "alerts"]
    assert native["scrape_configs"][0]["file_sd_configs"][0]["files"] == ["metrics/*.json"]
    assert {one.process for one in TABLE.values()} - {"every"} == {"trade", "guard", "console", "alerts"}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="wants promtool, of Debian's package prometheus")
@pytest.mark.parametrize("name", ["prometheus.yml", "native.yml"])
def test_prometheus_itself_accepts_them(name: str) -> None:
    done = subprocess.run(["promtool", "check", "config", str(DEPLOY / "prometheus" / name)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
