"""The part of Socrata's query language that the CFTC's users write: $select, $where, $order, $limit, $offset and plain equality."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tradewinds.core.errors import Rejected

ROWS_USUAL, ROWS_MOST = 1_000, 50_000
_TOKEN = re.compile(r"\s*(?:('(?:[^']|'')*')|(-?\d+(?:\.\d+)?(?![\w]))|(<=|>=|!=|<>|[=<>(),])|([A-Za-z_][\w.]*|\*))")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_WORDS = ("and", "or", "in", "not", "between", "like", "is", "null")

Row = Mapping[str, str]
Test = Callable[[Row], bool]


class Refused(Rejected):
    """A question that the server answers with 400 and this code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def answer(rows: Sequence[Row], columns: Sequence[str], asked: Mapping[str, str]) -> list[dict[str, str]]:
    """The rows that a question asks for; `columns` are those that exist."""
    test = _where(asked["$where"], columns) if asked.get("$where") else lambda row: True
    equal = {name: value for name, value in asked.items() if not name.startswith("$")}
    for name in equal:
        _known(name, columns)
    limit, offset = _whole(asked, "$limit", ROWS_USUAL), _whole(asked, "$offset", 0)
    if limit > ROWS_MOST:
        raise Refused("invalid-limit", f"Limit exceeds maximum of {ROWS_MOST}")
    found = [row for row in rows if test(row) and all(_alike(row.get(name), value) for name, value in equal.items())]
    for name, is_down in reversed(_order(asked.get("$order", ""), columns)):
        found.sort(key=lambda row, name=name: _rank(row.get(name)), reverse=is_down)  # type: ignore[misc]  # a default binds the name
    return _selected(found, asked.get("$select", "*"), columns, offset, limit)


def _selected(found: list[Row], select: str, columns: Sequence[str], offset: int, limit: int) -> list[dict[str, str]]:
    wanted = [part.strip() for part in select.split(",")]
    counted = re.fullmatch(r"count\((?:\*|\w+)\)(?:\s+as\s+(\w+))?", select.strip(), re.IGNORECASE)
    if counted:
        return [{counted[1] or "count": str(len(found))}]
    page = found[offset : offset + limit]
    if "*" in wanted:
        return [dict(row) for row in page]
    names = {}
    for part in wanted:
        match = re.fullmatch(r"(\w+)(?:\s+as\s+(\w+))?", part, re.IGNORECASE)
        if match is None:
            raise Refused("query.soql.invalid", f"Could not parse SoQL select {part!r}")
        names[match[2] or match[1]] = _known(match[1], columns)
    return [{shown: row[name] for shown, name in names.items() if name in row} for row in page]


def _order(text: str, columns: Sequence[str]) -> list[tuple[str, bool]]:
    found = []
    for part in text.split(",") if text.strip() else []:
        name, _, direction = part.strip().partition(" ")
        if direction.strip().lower() not in ("", "asc", "desc"):
            raise Refused("query.soql.invalid", f"Could not parse SoQL order {part!r}")
        found.append((":id" if name == ":id" else _known(name, columns), direction.strip().lower() == "desc"))
    return found


def _where(text: str, columns: Sequence[str]) -> Test:
    tokens = list(_tokens(text))
    place = _Place(tokens, columns, text)
    test = place.either()
    if place.here is not None:
        place.refuse()
    return test


class _Place:
    """Where in the tokens of a condition we are; reads by recursive descent."""

    def __init__(self, tokens: list[str], columns: Sequence[str], text: str) -> None:
        self.tokens, self.columns, self.text, self.at = tokens, columns, text, 0

    @property
    def here(self) -> str | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def refuse(self) -> None:
        raise Refused("query.soql.invalid", f"Could not parse SoQL query {self.text!r} near {self.here!r}")

    def is_word(self, *words: str) -> bool:
        here = self.here
        if here is None or here.lower() not in words:
            return False
        self.at += 1
        return True

    def expect(self, word: str) -> None:
        if not self.is_word(word):
            self.refuse()

    def either(self) -> Test:
        tests = [self.both()]
        while self.is_word("or"):
            tests.append(self.both())
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def both(self) -> Test:
        tests = [self.one()]
        while self.is_word("and"):
            tests.append(self.one())
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def one(self) -> Test:
        if self.is_word("not"):
            inner = self.one()
            return lambda row: not inner(row)
        if self.is_word("("):
            inner = self.either()
            self.expect(")")
            return inner
        name = _known(self.next(), self.columns)
        is_not = self.is_word("not")
        test = self.comparison(name)
        return (lambda row: not test(row)) if is_not else test

    def comparison(self, name: str) -> Test:
        if self.is_word("is"):
            wants_value = self.is_word("not")
            self.expect("null")
            return lambda row: (row.get(name) is not None) == wants_value
        if self.is_word("in"):
            self.expect("(")
            values = [self.value()]
            while self.is_word(","):
                values.append(self.value())
            self.expect(")")
            return lambda row: any(_alike(row.get(name), value) for value in values)
        if self.is_word("between"):
            low = self.value()
            self.expect("and")
            high = self.value()
            return lambda row: _compare(row.get(name), low, ">=") and _compare(row.get(name), high, "<=")
        if self.is_word("like"):
            pattern = re.compile(re.escape(self.value()).replace("%", ".*").replace("_", "."), re.DOTALL)
            return lambda row: pattern.fullmatch(row.get(name) or "") is not None
        sign = self.next()
        if sign not in ("=", "!=", "<>", "<", "<=", ">", ">="):
            self.at -= 1
            self.refuse()
        value = self.value()
        return lambda row: _compare(row.get(name), value, sign)

    def value(self) -> str:
        token = self.next()
        return token[1:-1].replace("''", "'") if token.startswith("'") else token

    def next(self) -> str:
        if self.here is None:
            self.refuse()
        token = self.tokens[self.at]
        self.at += 1
        return token


def _tokens(text: str) -> Iterator[str]:
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise Refused("query.soql.invalid", f"Could not parse SoQL query {text!r} at {text[at:]!r}")
        at = match.end()
        yield match[0].strip()


def _known(name: str, columns: Sequence[str]) -> str:
    if name.lower() in columns:
        return name.lower()
    if name.lower() in _WORDS:
        raise Refused("query.soql.invalid", f"Could not parse SoQL query near {name!r}")
    raise Refused("query.soql.no-such-column", f"Query coordinator error: query.soql.no-such-column; No such column: {name}")


def _whole(asked: Mapping[str, str], name: str, usual: int) -> int:
    value = asked.get(name, str(usual))
    if not value.isdigit():
        raise Refused("invalid-parameter", f"Invalid value for {name}: {value!r}")
    return int(value)


def _rank(value: str | None) -> tuple[int, float, str]:
    number = _number(value)
    return (0, 0.0, "") if value is None else (1, number, "") if number is not None else (2, 0.0, value)


def _alike(value: str | None, wanted: str) -> bool:
    return _compare(value, wanted, "=")


def _compare(value: str | None, wanted: str, sign: str) -> bool:
    if value is None:
        return False
    left: Any = value
    right: Any = f"{wanted}T00:00:00.000" if _DAY.fullmatch(wanted) and "T" in value else wanted
    one, two = _number(value), _number(wanted)
    if one is not None and two is not None and not (value.startswith("0") and len(value) > 1 and "." not in value):
        left, right = one, two
    return bool(
        {"=": left == right, "!=": left != right, "<>": left != right, "<": left < right, "<=": left <= right, ">": left > right}.get(
            sign, left >= right
        )
    )


def _number(value: str | None) -> float | None:
    try:
        return None if value is None else float(value)
    except ValueError:
        return None
