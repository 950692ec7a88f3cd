"""Every command that the pages tell people to type exists, with its options; every target of make too. Asked of click, not of processes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from tradewinds.app.cli import COMMANDS, cli
from tradewinds.sandbox.__main__ import _parser

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted(one for one in (ROOT / "docs").rglob("*.md") if one.name != "plan.md")]
PROGRAM = "tradewinds"
# A command at the beginning of a line of code (after a prompt, settings, an activation or `&&`), or in `code` within prose.
_LINE = re.compile(r"^ *(?:\$ |[A-Z_0-9]+=\S+ |.*&& )*(tradewinds(?: .*)?)$", re.MULTILINE)
_FENCE = re.compile(r"^( *)```[^\n]*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^\n|\A)((?:^(?: {4,}|\t).*\n?)+)", re.MULTILINE)
_INLINE = re.compile(r"`(tradewinds [^`\n]+)`")
_MAKE = re.compile(r"(?:`|^ *(?:\$ )?)make ([a-z][a-z-]*)", re.MULTILINE)
_ENDS = re.compile(r"[|&;<>#]|…|\.\.\.| {2,}")  # a pipe, a remark, a gap before words about it
_WORD = re.compile(r"[a-z][a-z0-9-]*(?:\|[a-z][a-z0-9-]*)*")
_OPTION = re.compile(r"--?[a-z][a-z0-9-]*")


def told(page: Path) -> list[str]:
    """The commands of a page, without what follows a pipe or a remark."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    code = [body for _, body in _FENCE.findall(text)]
    prose = _FENCE.sub("", text)
    code += _INDENTED.findall(prose)
    found = [one for block in code for one in _LINE.findall(block)] + _INLINE.findall(prose)
    return [one for one in (_cut(line) for line in found if "COMMAND" not in line) if one != PROGRAM]


def _cut(line: str) -> str:
    """Up to where the command ends; `a|b` of two subcommands stays, and a quoted text may hold anything."""
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", lambda quoted: "Q" * len(quoted.group()), line)
    bare = re.sub(r"(?<=[a-z])\\?\|(?=[a-z])", "/", bare)
    end = _ENDS.search(bare)
    return re.sub(r"(?<=[a-z])\\\|(?=[a-z])", "|", line[: end.start()] if end else line).strip()


@cache
def children(command: click.Command) -> dict[str, click.Command]:
    """A group's commands by name; none of what is no group."""
    if not isinstance(command, click.Group):
        return {}
    context = click.Context(command)
    found = {name: command.get_command(context, name) for name in command.list_commands(context)}
    return {name: one for name, one in found.items() if one is not None}


def options(command: click.Command) -> set[str]:
    """Every spelling of its options; those of the local venues stand in a parser of their own, and `run` may be left out of `trade run`."""
    if command.name == "sandbox":
        return {word for one in _parser()._actions for word in one.option_strings}
    if command.name == "trade":
        return options(children(command)["run"])
    spelled = {word for one in command.params if isinstance(one, click.Option) for word in (*one.opts, *one.secondary_opts)}
    return spelled | {"--help", "-h"}


def troubles(line: str) -> Iterator[str]:
    """What is wrong with a command as it stands on a page."""
    try:
        words = shlex.split(line)[1:]
    except ValueError as error:
        yield f"{line}: {error}"
        return
    heads: list[click.Command] = [cli]
    known = options(cli)
    is_over = False  # no further subcommand can come
    for word in words:
        bare = word.strip("[](){},.:")
        if bare.startswith("-"):
            for option in _OPTION.findall(bare.partition("=")[0])[:1]:
                if option not in known:
                    yield f"{line}: {option} is no option of {heads[0].name}"
            continue
        groups = [one for one in heads if isinstance(one, click.Group)]
        if is_over or not groups or not _WORD.fullmatch(bare):
            is_over = is_over or (bool(groups) and not _is_value(words, word))
            continue
        next_heads = [children(group)[part] for group in groups for part in bare.split("|") if part in children(group)]
        if not next_heads:
            default = children(groups[0]).get("run") if groups[0].name == "trade" else None
            if default is None:
                yield f"{line}: {bare} is no command of {groups[0].name}"
                return
            next_heads, is_over = [default], True
        heads = next_heads
        known = known | {one for head in heads for one in options(head)}
    if heads == [cli] and not known & set(words):
        yield f"{line}: names no command"


def _is_value(words: list[str], word: str) -> bool:
    """Whether the word before it is an option, whose value it may be."""
    at = words.index(word)
    return at > 0 and words[at - 1].startswith("-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_on_a_page_exists_with_its_options(page: Path) -> None:
    assert [trouble for line in told(page) for trouble in troubles(line)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_target_of_make_on_a_page_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(_MAKE.findall(page.read_text(encoding="utf-8"))) <= targets


def test_the_pages_name_every_command() -> None:
    named = {line.split()[1] for page in PAGES for line in told(page) if len(line.split()) > 1}
    listed = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")

    assert {name for name in COMMANDS if name not in named and f"`{name}" not in listed} == set()


@pytest.mark.parametrize(
    ("line", "trouble"),
    [
        ("tradewinds data fetch BTCUSDT --interval 1m", None),
        ("tradewinds data fetsch BTCUSDT", "fetsch is no command of data"),
        ("tradewinds data fetch BTCUSDT --length 1m", "--length is no option of fetch"),
        ("tradewinds trade limits show|set", None),
        ("tradewinds trade strategies/trend.yaml --check", None),
        ("tradewinds flatten", "flatten is no command of cli"),
        ("tradewinds --config firm.yaml doctor", None),
    ],
)
def test_what_is_wrong_with_a_line_is_found(line: str, trouble: str | None) -> None:
    found = list(troubles(line))

    assert found == ([] if trouble is None else [f"{line}: {trouble}"])


def test_commands_are_read_out_of_code_prose_and_pipes() -> None:
    assert _cut("tradewinds sql 'select 1 | 2' | head") == "tradewinds sql 'select 1 | 2'"
    assert _cut("tradewinds job show NAME   # what became of it") == "tradewinds job show NAME"
    assert _cut("tradewinds trade limits show\\|set") == "tradewinds trade limits show|set"
