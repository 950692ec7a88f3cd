"""The table of alerts that people edit: `alerts.csv` (or `.yaml`) in the workspace, a line for each condition on an instrument.

    instrument,condition,interval,when,note
    AAPL.XNAS,close crosses above sma(200),1d,every,the long trend has turned
    BTCUSDT.BINANCE,rsi(14) below 30,1h,every,
    EUR_USD.OANDA,price above 1.25,1d,once,"sell some, perhaps"

A line that is wrong disables itself alone and is named by its number.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tradewinds.core.candidate import hashed
from tradewinds.core.errors import Rejected, TradewindsError
from tradewinds.core.instrument import split_id
from tradewinds.core.market import Interval
from tradewinds.factors.condition import Condition, parse_condition

COLUMNS = ("instrument", "condition", "interval", "when", "note")
NEEDED = ("instrument", "condition")
INTERVAL = "1d"
WHENS = ("every", "once")
LINES_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Rule:
    """One line. place: where it stands, for people. is_once: after its first alert it is silent."""

    place: str
    instrument: str
    condition: Condition
    interval: str = INTERVAL
    is_once: bool = False
    note: str = ""

    @property
    def id(self) -> str:
        """By what is asked of which bars: another note or place is the same rule."""
        return hashed(self.instrument, self.condition.text, self.interval)


@dataclass(frozen=True, slots=True)
class Rules:
    """The lines that can be read, and what is wrong with the others, by place."""

    rules: tuple[Rule, ...]
    wrong: Mapping[str, str]


def rules_of(path: Path) -> Rules:
    """Every line of the table; raises Rejected where the file itself cannot be read."""
    rows = _yaml_rows(path) if path.suffix in (".yaml", ".yml") else _csv_rows(path)
    if len(rows) > LINES_MAX:
        raise Rejected(f"alerts {path}: {len(rows)} lines, expected at most {LINES_MAX}")
    rules: list[Rule] = []
    wrong: dict[str, str] = {}
    for place, row in rows:
        try:
            rule = _rule(place, row)
            twice = next((one.place for one in rules if one.id == rule.id), None)
            if twice is not None:
                raise Rejected(f"the same condition as {twice}, expected it once")
            rules.append(rule)
        except TradewindsError as error:
            wrong[place] = str(error)
    return Rules(tuple(rules), wrong)


def _rule(place: str, row: Mapping[Any, Any]) -> Rule:
    beyond = [name for name in row if name not in COLUMNS]
    if beyond == [None]:
        raise Rejected(f"{len(row[None])} cells too many, expected quotes around a text with commas, such as a condition's")
    if beyond:
        raise Rejected(f"columns {beyond}, expected some of {', '.join(COLUMNS)}")
    told = {name: str(row.get(name) or "").strip() for name in COLUMNS}
    absent = [name for name in NEEDED if not told[name]]
    if absent:
        raise Rejected(f"no {' and no '.join(absent)}, expected both {' and '.join(NEEDED)}")
    split_id(told["instrument"])
    interval = Interval(told["interval"] or INTERVAL).name
    when = told["when"].lower() or WHENS[0]
    if when not in WHENS:
        raise Rejected(f"when {when!r}, expected {' or '.join(WHENS)}")
    condition = parse_condition(told["condition"])
    if condition.term.reads_across:
        raise Rejected(f"condition {condition.text!r}: compares instruments with each other, expected one that looks at its own alone")
    return Rule(place, told["instrument"], condition, interval, when == "once", told["note"])


def _csv_rows(path: Path) -> list[tuple[str, Mapping[Any, Any]]]:
    reader = csv.DictReader(_text(path).splitlines())
    if not set(NEEDED) <= set(reader.fieldnames or ()):
        raise Rejected(f"alerts {path}: columns {list(reader.fieldnames or ())}, expected {', '.join(COLUMNS)}")
    return [(f"{path.name} line {reader.line_num}", row) for row in reader if not _is_comment(row)]


def _is_comment(row: Mapping[Any, Any]) -> bool:
    return str(row.get("instrument") or "").lstrip().startswith("#")


def _yaml_rows(path: Path) -> list[tuple[str, Mapping[Any, Any]]]:
    import yaml

    try:
        found = yaml.safe_load(_text(path))
    except yaml.YAMLError as error:
        raise Rejected(f"alerts {path}: {' '.join(str(error).split())}, expected YAML") from None
    if found is None:
        return []
    if not isinstance(found, list):
        raise Rejected(f"alerts {path}: a {type(found).__name__}, expected a list of lines with {', '.join(COLUMNS)}")
    return [(f"{path.name} entry {number}", row if isinstance(row, dict) else {"entry": row}) for number, row in enumerate(found, 1)]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no UTF-8"
        raise Rejected(f"alerts {path}: {reason}, expected a table with the columns {', '.join(COLUMNS)}") from None
