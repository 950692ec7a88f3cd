"""Shows what came of the demo, for people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import click

from tradewinds.app.output import print_table

COINS_SHOWN = 12
_HASH = re.compile(r"[0-9a-f]{64}")


def show(report: Mapping[str, Any]) -> None:
    """Tables: what ran, what came in, what was wrong and what was decided, the restatement, the lineage."""
    runs = report["airflow"]["runs"]
    print_table(
        f"Airflow runs (metadata in {report['airflow']['metadata']})",
        ("plan", "for", "state", "seconds"),
        [(run["dag"], run["partition"], run["state"], report["seconds"].get(f"{run['dag']} {run['partition']}")) for run in runs],
    )
    rows = report["rows"]
    click.echo()
    print_table(
        "What was ingested",
        ("rows in", "published", "restated", "minute bars", "coins", "daily bars"),
        [(rows["in"], rows["published"], rows["restated"], rows["minutes"], rows["coins"], rows["sessions"])],
    )
    planted = report["planted"]
    click.echo()
    print_table(
        f"What was found wrong: {planted['found']} of {planted['planted']} planted errors",
        ("planted", "symbol", "sessions", "found as"),
        [(one["kind"], one["symbol"], _span(one["sessions"]), ", ".join(one["found_as"]) or "NOT FOUND") for one in planted["each"]],
    )
    if report["coins"]:
        click.echo()
        print_table(
            "What was found wrong in the coins' minutes",
            ("vendor", "instrument", "kind", "from", "detail"),
            [(one["vendor"], one["instrument"], one["kind"], one["from"], one["detail"]) for one in report["coins"][:COINS_SHOWN]],
        )
    if report["disagreements"]:
        click.echo()
        print_table(
            "Real disagreements of the two real vendors; held until decided",
            ("instrument", "session", "detail"),
            [(one["instrument"], one["session"], one["detail"]) for one in report["disagreements"]],
        )
    found = ", ".join(f"{count} {name}" for name, count in report["findings"].items())
    click.echo(f"\nAll findings: {found}\n")
    decided = ", ".join(f"{count:,} {status}" for status, count in report["decided"].items())
    click.echo(f"What was decided: {decided}; {report['held']} held for a person\n")
    _restatement(report["as_of"])
    click.echo("\nLineage of that bar, back to vendor bytes")
    for line in report["lineage"]["lines"]:
        click.echo("  " + _short(line))
    there = "is" if report["lineage"]["is_in_raw_store"] else "IS NOT"
    click.echo(f"\nSHA-256 {report['lineage']['sha256']} {there} in the raw store.")
    _night(report["night"])
    _backtest(report["backtest"])
    _trading(report["trading"])
    seconds = report["seconds"]["total"]
    click.echo(f"{seconds:.0f} s in all; processes left: {report['processes_left']}; everything stands in {report['folder']}")


def _restatement(as_of: Mapping[str, Any]) -> None:
    rows = []
    for name in ("before", "after"):
        value = as_of[name]
        if value is not None:
            rows.append((value["as_of"], value["close"], value["status"], value["vendor"], value["reason"]))
    title = f"One restatement: {as_of['instrument']} {as_of['session']}, asked as of two times"
    print_table(title, ("as of", "close", "status", "vendor", "reason"), rows)


def _night(night: Mapping[str, Any]) -> None:
    steps = [
        (step.replace("_", " "), one["state"], len(one["gaps"]), one["gaps"][0] if one["gaps"] else "")
        for step, one in night["steps"].items()
    ]
    click.echo()
    print_table(f"The night of {night['session']}: research on that history", ("step", "ended", "gaps", "the first of them"), steps)
    model = night["model"]
    scores = ", ".join(f"{name} {value:.3f}" for name, value in model["scores"].items() if name in ("ic", "ic_t") and value is not None)
    click.echo(f"Model {model['name']} {model['sha256'][:12]}…, out of sample: {scores or 'no score'}")
    for trade in night["steps"].get("signals", {}).get("trades", [])[:5]:
        click.echo(f"  tomorrow: {trade['instrument']} {trade['weight_from']:.1%} -> {trade['weight_to']:.1%}, {trade['reason']}")
    click.echo(f"Its page: {night['page']}\n")


def _backtest(tested: Mapping[str, Any]) -> None:
    sharpe = "-" if tested["sharpe"] is None else f"{tested['sharpe']:.2f}"
    earned, lost = (f"{100 * tested[name]:.1f} %" for name in ("return", "max_drawdown"))
    click.echo()
    print_table(
        f"A strategy over that history: {tested['strategy']}, {', '.join(tested['instruments'])}",
        ("return", "Sharpe", "deepest drawdown", "trades", "commission", "fingerprint"),
        [(earned, sharpe, lost, tested["trades"], f"{tested['commission']:,.2f}", tested["fingerprint"][:16])],
    )
    click.echo(f"Its tear sheet: {tested['tear_sheet']}\n")


def _trading(traded: Mapping[str, Any]) -> None:
    columns = ("account", "broker", "bars", "orders", "fills", "lost", "duplicated", "unexplained", "breaks", "parity")
    rows = [(*(one[name] for name in columns[:-1]), f"{one['parity_percent']:g} %") for one in traded["accounts"]]
    print_table("Traded on paper at the local venues, against the venues' own books", columns, rows)
    killed = traded["killed"]
    click.echo(
        f"The trading process was killed with order {killed['order']} of {killed['account']} on its way (journal: {killed['at_kill']}); "
        f"the next one found it {killed['afterwards']}."
    )
    click.echo(
        f"In all: {traded['orders']} orders, {traded['fills']} fills, lost {traded['lost']}, duplicated {traded['duplicated']}, "
        f"unexplained {traded['unexplained']}, parity {traded['parity_percent']:g} %, breaks {traded['breaks']}\n"
    )
    for account in traded["accounts"]:
        for line in account["differences"]:
            click.echo(f"{account['account']}: {line}")


def _span(sessions: list[str]) -> str:
    return sessions[0] if len(sessions) == 1 else f"{sessions[0]} .. {sessions[-1]}"


def _short(line: str) -> str:
    """Hashes cut to what tells them apart; the one that counts stands whole below."""
    return _HASH.sub(lambda found: f"{found[0][:12]}…", line)
