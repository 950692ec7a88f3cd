"""Where a published value came from: published row, what each vendor said, the bytes, and every capture of them.

1. The published row as known at the as-of, with the vendor and reason that reconciliation wrote beside it.
2. Every vendor's row of the same fact; those whose source is the published one are marked as used.
3. For each vendor row the payload by its SHA-256, checked against the raw store.
4. For each payload every record of when and from where it was captured.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from tradewinds.core.errors import Missing
from tradewinds.core.instant import text

StepKind = Literal["published", "vendor_row", "payload", "capture"]


@dataclass(frozen=True, slots=True)
class LineageStep:
    """One link: what it is, the facts that identify it, and what it was made from."""

    kind: StepKind
    title: str
    facts: Mapping[str, str]
    parents: tuple[LineageStep, ...] = ()
    is_used: bool = True
    is_missing: bool = False


class Sources(Protocol):
    """The look-ups that a chain needs; `jobs` joins them from the lake and the raw store."""

    def published(self, dataset: str, identity: Mapping[str, Any], as_of_ns: int) -> Mapping[str, Any] | None:
        """The published row as known at the as-of, None when there is none."""
        ...

    def vendor_rows(self, dataset: str, identity: Mapping[str, Any], as_of_ns: int) -> Sequence[Mapping[str, Any]]:
        """What each vendor said as known at the as-of; each row names its `vendor` and `source`."""
        ...

    def has_payload(self, sha256: str) -> bool: ...

    def captures(self, sha256: str) -> Sequence[Mapping[str, str]]: ...


def chain(sources: Sources, dataset: str, identity: Mapping[str, Any], as_of_ns: int) -> LineageStep:
    """The lineage of one published fact; `identity` holds instrument, keys and start_ns. Raises Missing when nothing is published."""
    row = sources.published(dataset, identity, as_of_ns)
    if row is None:
        raise Missing(f"lineage of {_name(dataset, identity)} as of {text(as_of_ns)}: nothing published, expected a row")
    said = sorted(sources.vendor_rows(dataset, identity, as_of_ns), key=lambda one: (str(one.get("vendor")), str(one.get("source"))))
    used = [_is_source_of(one, row) for one in said]
    parents = [_vendor_step(sources, one, is_used=flag) for one, flag in zip(said, used, strict=True)]
    if not any(used) and row.get("source"):
        # The published row names bytes that no vendor row names any more; the chain still leads to them.
        parents.append(_payload_step(sources, str(row["source"])))
    parents.sort(key=lambda step: not step.is_used)
    return LineageStep("published", _name(dataset, identity), _facts(row), tuple(parents))


def steps(root: LineageStep) -> Iterator[LineageStep]:
    """The step and everything it was made from, depth first."""
    yield root
    for parent in root.parents:
        yield from steps(parent)


def is_complete(root: LineageStep) -> bool:
    """Whether some used path leads to bytes that are there and a record of their capture, and no used step is missing."""
    used = list(_used(root))
    return not any(step.is_missing for step in used) and any(step.kind == "capture" for step in used)


def to_dict(root: LineageStep) -> dict[str, Any]:
    """The chain as plain values, for JSON."""
    return {
        "kind": root.kind,
        "title": root.title,
        "is_used": root.is_used,
        "is_missing": root.is_missing,
        "facts": dict(root.facts),
        "from": [to_dict(parent) for parent in root.parents],
    }


def to_lines(root: LineageStep, *, depth: int = 0) -> list[str]:
    """The chain as indented text, one line a step."""
    mark = " (missing)" if root.is_missing else "" if root.is_used else " (not used)"
    facts = " ".join(f"{name}={value}" for name, value in root.facts.items())
    lines = [f"{'  ' * depth}{root.kind.replace('_', ' ')} {root.title}{mark}{'  ' + facts if facts else ''}"]
    for parent in root.parents:
        lines += to_lines(parent, depth=depth + 1)
    return lines


def _used(root: LineageStep) -> Iterator[LineageStep]:
    if root.is_used:
        yield root
        for parent in root.parents:
            yield from _used(parent)


def _is_source_of(vendor_row: Mapping[str, Any], published: Mapping[str, Any]) -> bool:
    return vendor_row.get("source") is not None and vendor_row.get("source") == published.get("source")


def _vendor_step(sources: Sources, row: Mapping[str, Any], *, is_used: bool) -> LineageStep:
    sha256 = row.get("source")
    parents = (_payload_step(sources, str(sha256)),) if sha256 else ()
    return LineageStep("vendor_row", str(row.get("vendor")), _facts(row), parents, is_used)


def _payload_step(sources: Sources, sha256: str) -> LineageStep:
    if not sources.has_payload(sha256):
        return LineageStep("payload", sha256, {}, is_missing=True)
    captures = []
    for record in sorted(sources.captures(sha256), key=lambda one: (one.get("captured_at", ""), one.get("locator", ""))):
        title = record.get("locator") or record.get("vendor") or "unnamed"
        captures.append(LineageStep("capture", title, {name: value for name, value in record.items() if name != "locator"}))
    return LineageStep("payload", sha256, {}, tuple(captures))


def _facts(row: Mapping[str, Any]) -> dict[str, str]:
    shown = {name: value for name, value in row.items() if value is not None and name not in ("instrument", "start_ns")}
    return {name.removesuffix("_ns") if name.endswith("_ns") else name: _plain(name, value) for name, value in shown.items()}


def _plain(name: str, value: Any) -> str:
    return text(value) if name.endswith("_ns") and isinstance(value, int) else str(value)


def _name(dataset: str, identity: Mapping[str, Any]) -> str:
    rest = {name: value for name, value in identity.items() if name not in ("instrument", "start_ns")}
    keys = "".join(f" {name}={value}" for name, value in sorted(rest.items()))
    return f"{dataset} {identity['instrument']}{keys} {text(identity['start_ns'])}"
