"""Why a fill happened: fill, order, decision, the bar that was decided on, and the vendor bytes that the bar came from.

1. Fill, order and decision are the ledger's projection of the account's journal.
2. The bar as the strategy saw it stands in the journal itself, read beside its writer.
3. The same bar in the published history leads to what each vendor said of it, and to the bytes in which it said so.
4. A vendor lies where its row was not used, and its prices are off the published ones or a finding names it; lateness and gaps are no lies.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from tradewinds.core.errors import Missing, TradewindsError
from tradewinds.core.instant import NS_PER_MS, text
from tradewinds.history.lineage import LineageStep
from tradewinds.history.reconcile_limits import ANY_VENDOR
from tradewinds.jobs.lineage import lineage_of
from tradewinds.stores.ledger_findings import FindingFilter
from tradewinds.stores.ledger_schema_trading import trade_decision, trade_fill, trade_order
from tradewinds.trading.entry import Bar, BarsClosed
from tradewinds.trading.journal import read
from tradewinds.wiring.accounts import account_of
from tradewinds.wiring.projection import journal_to_read

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

LIE = 0.005  # of a price, as a fraction: what vendors round differently is less
PRICES = ("open", "high", "low", "close")
NO_LIES = frozenset({"late", "gap", "duplicate", "revised"})
_AROUND = frozenset({"vendor", "source", "status", "reason", "event", "known", "captured"})
EXCERPT_LINES = 3
FILLS_SHOWN = 5
FILLS_LOOKED_AT = 500
EXCERPT_CHARACTERS = 600
CONTENT_BYTES_MAX = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Said:
    """What one vendor said of the fact. differs: values that are not the published ones; excerpt: of its bytes, around the fact."""

    vendor: str
    values: Mapping[str, str]
    differs: frozenset[str]
    is_used: bool
    is_liar: bool
    findings: tuple[tuple[str, str], ...]
    sha256: str
    excerpt: str
    captures: tuple[tuple[str, str], ...]
    is_missing: bool = False


@dataclass(frozen=True, slots=True)
class Trail:
    """A published fact and what every vendor said of it, those used first."""

    title: str
    published: Mapping[str, str]
    said: tuple[Said, ...]

    @property
    def liars(self) -> tuple[str, ...]:
        return tuple(one.vendor for one in self.said if one.is_liar)


@dataclass(frozen=True, slots=True)
class Explained:
    """Everything behind one fill; a part that is not there is None, and notes say why."""

    fill: Mapping[str, Any]
    order: Mapping[str, Any] | None
    decision: Mapping[str, Any] | None
    interval: str
    bar: Bar | None
    trail: Trail | None
    notes: tuple[str, ...]


def explain_fill(house: House, account: str, fill: str) -> Explained:
    """The whole way back from a fill, named by the venue's id. Raises Missing for one that the ledger does not have."""
    found = _row(house, sa.select(trade_fill).where(trade_fill.c.account == account, trade_fill.c.id == fill))
    if found is None:
        raise Missing(f"fill {fill[:80]} of account {account}: not in the ledger, expected one that the list of fills shows")
    name = found["client_order_id"]
    order = _row(house, sa.select(trade_order).where(trade_order.c.account == account, trade_order.c.client_order_id == name))
    notes: list[str] = []
    if order is None:
        notes.append("Nobody here ordered it: the broker told of a fill that no order of ours explains.")
        return Explained(found, None, None, "", None, None, tuple(notes))
    at_ns = int(order["decision_ns"])
    query = sa.select(trade_decision).where(trade_decision.c.strategy == found["strategy"], trade_decision.c.decision_ns == at_ns)
    decision = _row(house, query)
    if decision is None:
        notes.append("No decision of a strategy stands behind it: a person ordered it, or it protects a position.")
        return Explained(found, order, None, "", None, None, tuple(notes))
    interval, bar = _seen(house, decision["account"], found["instrument"], at_ns)
    if bar is None:
        notes.append("The journal has no bar of this instrument that ends at the decision.")
        return Explained(found, order, decision, "", None, None, tuple(notes))
    trail = None
    try:
        trail = _behind(house, found["instrument"], interval, at_ns)
    except TradewindsError as error:
        notes.append(f"The bar came from the live feed, and the history does not have it: {error}")
    return Explained(found, order, decision, interval, bar, trail, tuple(notes))


def lied_about(house: House, since_ns: int, *, limit: int = FILLS_SHOWN) -> list[dict[str, Any]]:
    """Fills, the last first, that were decided on a bar of which some vendor is found to have told something else; with its name.

    since_ns: bars that start before it are not looked at.
    """
    liars = {
        (one.instrument, one.end_ns): one.vendor
        for one in house.ledger.findings(FindingFilter(start_ns=since_ns))
        if one.vendor != ANY_VENDOR and one.kind not in NO_LIES and one.end_ns is not None
    }
    same = sa.and_(trade_order.c.account == trade_fill.c.account, trade_order.c.client_order_id == trade_fill.c.client_order_id)
    query = sa.select(trade_fill, trade_order.c.decision_ns).join(trade_order, same).order_by(trade_fill.c.sequence.desc(), trade_fill.c.id)
    query = query.where(trade_order.c.decision_ns >= since_ns).limit(FILLS_LOOKED_AT)
    with house.ledger.database.reading("fills on bars that somebody lied about") as connection:
        rows = [dict(row) for row in connection.execute(query).mappings()] if liars else []
    told = [{**row, "liar": liars.get((row["instrument"], row["decision_ns"]))} for row in rows]
    return [row for row in told if row["liar"] is not None][:limit]


def lineage(house: House, dataset: str, instrument: str, start_ns: int, as_of_ns: int) -> Trail:
    """What every vendor said of one published fact, as known then. Raises Missing where nothing is published."""
    root = lineage_of(house.context("console", ""), dataset, {"instrument": instrument, "start_ns": start_ns}, as_of_ns)
    found = house.ledger.findings(
        FindingFilter(instruments=[instrument], dataset=dataset.rpartition("/")[2], start_ns=start_ns, end_ns=start_ns + 1)
    )
    named = {vendor: [(one.kind, one.detail) for one in found if one.vendor == vendor] for vendor in {one.vendor for one in found}}
    published = {key: value for key, value in root.facts.items() if key != "source"}
    return Trail(root.title, published, tuple(_said(house, one, published, named, instrument, start_ns) for one in root.parents))


def excerpt(content: bytes, instrument: str, start_ns: int) -> str:
    """The head of a file and its lines about a fact, as text; what is packed as zip is unpacked. Empty where no line tells of it."""
    body = _unpacked(content).decode("utf-8", "replace")
    whole = text(start_ns)
    day = whole[:10]
    exact = (whole[:16], whole[:16].replace("T", " "), str(start_ns // NS_PER_MS), str(start_ns // 1_000))
    needles = (day, day.replace("-", ""), *exact[2:])
    symbol = instrument.partition(".")[0]
    lines = body.splitlines()
    if len(lines) <= 1:
        place = next((at for one in (*exact, *needles) if (at := body.find(one)) >= 0), -1)
        return "" if place < 0 else body[max(0, place - EXCERPT_CHARACTERS // 2) : place + EXCERPT_CHARACTERS // 2]
    about = [line for line in lines[1:] if any(one in line for one in (*exact, *needles))]
    named = [line for line in about if symbol in line] or about
    named = [line for line in named if any(one in line for one in exact)] or named
    return "\n".join(line[:EXCERPT_CHARACTERS] for line in [lines[0], *named[:EXCERPT_LINES]]) if named else ""


def _behind(house: House, instrument: str, interval: str, end_ns: int) -> Trail:
    """The published bar that ends there, with its vendors."""
    from tradewinds.jobs.tables import table_named

    dataset = f"bars-{interval}"
    table = table_named(house.context("console", ""), dataset)
    span_ns = 4 * 86_400 * 10**9
    rows = house.lake.read(
        table, as_of_ns=house.clock.now_ns(), instruments=[instrument], start_ns=end_ns - span_ns, end_ns=end_ns,
        columns=["start_ns", "event_ns"],
    )  # fmt: skip
    starts = [int(start) for start, event in rows.select("start_ns", "event_ns").iter_rows() if event == end_ns]
    if not starts:
        raise Missing(f"{dataset} of {instrument} that ends at {text(end_ns)}: nothing published, expected a bar")
    return lineage(house, dataset, instrument, starts[0], house.clock.now_ns())


def _seen(house: House, account: str, instrument: str, end_ns: int) -> tuple[str, Bar | None]:
    """The bar that the strategy was told, as the journal of its account has it: interval and bar."""
    with closing(journal_to_read(account_of(house.config, account), house.home)) as journal:
        for _, entry in read(journal.read()):
            told = entry.input
            if isinstance(told, BarsClosed) and told.end_ns == end_ns:
                bar = next((one for one in told.bars if one.instrument == instrument), None)
                if bar is not None:
                    return told.interval, bar
    return "", None


def _said(
    house: House,
    step: LineageStep,
    published: Mapping[str, str],
    named: Mapping[str, list[tuple[str, str]]],
    instrument: str,
    start_ns: int,
) -> Said:
    payload = next((one for one in step.parents if one.kind == "payload"), step if step.kind == "payload" else None)
    values = {key: value for key, value in step.facts.items() if key not in _AROUND}
    differs = frozenset(key for key, value in values.items() if key in published and not _is_same(value, published[key]))
    told = tuple(named.get(step.title, ()))
    is_off = any(key in PRICES and _is_off(values[key], published[key]) for key in differs)
    is_liar = not step.is_used and (is_off or any(kind not in NO_LIES for kind, _ in told))
    sha256 = "" if payload is None else payload.title
    is_missing = payload is not None and payload.is_missing
    captures = () if payload is None else tuple((one.facts.get("captured_at", ""), one.title) for one in payload.parents)
    shown = "" if not sha256 or is_missing else _excerpt(house, sha256, instrument, start_ns)
    return Said(step.title, values, differs, step.is_used, is_liar, told, sha256, shown, captures, is_missing)


def _excerpt(house: House, sha256: str, instrument: str, start_ns: int) -> str:
    try:
        return excerpt(house.raw.get(sha256)[:CONTENT_BYTES_MAX], instrument, start_ns)
    except TradewindsError as error:
        return str(error)


def _unpacked(content: bytes) -> bytes:
    if not content.startswith(b"PK\x03\x04"):
        return content
    try:
        with zipfile.ZipFile(BytesIO(content)) as packed, packed.open(packed.namelist()[0]) as file:
            return file.read(CONTENT_BYTES_MAX)
    except (zipfile.BadZipFile, IndexError, OSError):
        return content


def _is_same(one: str, other: str) -> bool:
    try:
        return float(one) == float(other)
    except ValueError:
        return one == other


def _is_off(one: str, other: str) -> bool:
    try:
        return abs(float(one) / float(other) - 1) > LIE
    except (ValueError, ZeroDivisionError):
        return one != other


def _row(house: House, query: sa.Select[Any]) -> dict[str, Any] | None:
    with house.ledger.database.reading("explaining a fill") as connection:
        found = connection.execute(query).mappings().first()
    return None if found is None else dict(found)
