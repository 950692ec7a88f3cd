"""The strategies of the workspace by name, their files, and how a mode is written into one.

A file is text of a person's: only the words `mode` and the account's name are changed, comments stay, and the new text has to say the
same as the old one in everything else before it takes its place.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tradewinds.core.errors import Missing, Rejected, TradewindsError
from tradewinds.trading.declared import Declared, DeclaredPortfolio
from tradewinds.wiring.research import YAML, place_beside, read_declared
from tradewinds.wiring.strategy_file import load_strategy
from tradewinds.wiring.trade import FOLDER, plan

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

CODE = ".py"
_MODE = re.compile(r"^mode:[ \t]*[^#\n]*?(?=[ \t]*(#|$))", re.M)
_ACCOUNT = re.compile(r"^(account:(?:[ \t]*\{[^}\n]*?\bname:[ \t]*|[ \t]*\n(?:[ \t]+[^\n]*\n)*?[ \t]+name:[ \t]*))([a-z][a-z0-9_]*)", re.M)


@dataclass(frozen=True, slots=True)
class StrategyFile:
    """What a strategy's file says. trouble: why it cannot be traded as it is, "" where it can be read."""

    name: str
    file: str
    mode: str
    accounts: tuple[str, ...]
    instruments: tuple[str, ...]
    limits: Mapping[str, Any]
    trouble: str = ""


def strategies(house: House) -> list[StrategyFile]:
    """Every YAML of the workspace's strategies, by file name; a broken one says what is wrong with it."""
    return [_read(path) for name, path in sorted(strategy_files(house).items()) if path.suffix in YAML]


def strategy_files(house: House) -> dict[str, Path]:
    """Files of the workspace's strategies by name: YAML, and the code beside it. Nothing outside of that folder, no links out of it."""
    if house.config.workspace is None:
        return {}
    folder = Path(house.config.workspace) / FOLDER
    if not folder.is_dir():
        return {}
    inside = folder.resolve()
    return {
        one.name: one
        for one in sorted(folder.iterdir())
        if one.suffix in (*YAML, CODE) and not one.name.startswith((".", "_")) and one.resolve().parent == inside
    }


def file_of(house: House, strategy: str) -> Path:
    """The file that declares a strategy; raises Missing naming those there are."""
    every = strategies(house)
    for one in every:
        if strategy in (one.name, *([] if one.trouble else _books(strategy_files(house)[one.file]))):
            return strategy_files(house)[one.file]
    names = ", ".join(one.name for one in every) or "none yet"
    raise Missing(f"strategy {strategy!r}, expected one of the workspace's: {names}")


def declared_limits(house: House, strategy: str) -> Mapping[str, Any]:
    """What a strategy's file says of its limits; none where no file has the name."""
    try:
        return dict(read_declared(file_of(house, strategy)).terms.limits)
    except Missing:
        return {}


def rewritten(house: House, file: Path, mode: str, account: str | None) -> str:
    """Write the mode, and the account where one is named; the mode before. Raises Rejected, and the file stays, where it cannot be so."""
    old = file.read_text(encoding="utf-8")
    before = yaml.safe_load(old)
    new = _MODE.sub(f"mode: {mode}", old, count=1) if _MODE.search(old) else f"{old.rstrip()}\nmode: {mode}\n"
    wanted: dict[str, Any] = {**before, "mode": mode}
    if account is not None:
        new = _ACCOUNT.sub(lambda found: found.group(1) + account, new, count=1)
        if not isinstance(before.get("account"), dict):
            raise Rejected(f"{file.name}: account {account}, expected a file with one account: {{name: ..., capital: ...}}")
        wanted["account"] = {**before["account"], "name": account}
    if yaml.safe_load(new) != wanted:
        raise Rejected(f"{file.name}: mode {mode} cannot be written without changing more, expected a line `mode:`; change it by hand")
    beside = file.with_name(f".{file.stem}.{os.getpid()}.part{file.suffix}")
    try:
        beside.write_text(new, encoding="utf-8")
        if mode != "backtest":
            try:
                plan(house.config, (beside,), house=house)
            except TradewindsError as error:
                raise Rejected(str(error).replace(beside.name, file.name)) from None
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
    return str(before.get("mode", "backtest"))


def _read(path: Path) -> StrategyFile:
    try:
        found = read_declared(path)
    except TradewindsError as error:
        return StrategyFile(path.stem, path.name, "", (), (), {}, str(error))
    terms = found.terms
    accounts = tuple(str(row["name"]) for row in terms.accounts) or tuple(one for one in (terms.account_name,) if one)
    return StrategyFile(
        found.name or _name_in_code(path, found), path.name, terms.mode, accounts, tuple(terms.instruments), dict(terms.limits)
    )


def _name_in_code(path: Path, found: Declared | DeclaredPortfolio) -> str:
    """What the code calls it, where the file gives it no name; the file's own name where the code cannot be read."""
    if isinstance(found, DeclaredPortfolio):
        return path.stem
    try:
        return load_strategy(place_beside(path, found.strategy)).name
    except TradewindsError:
        return path.stem


def _books(path: Path) -> tuple[str, ...]:
    """The names of a portfolio's books."""
    found = read_declared(path)
    return tuple(book.name for book in found.books if book.name) if isinstance(found, DeclaredPortfolio) else ()
