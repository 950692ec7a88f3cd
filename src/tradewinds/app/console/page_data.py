"""What the lake holds, and how completely: tables, and a map of instruments by partitions."""

from __future__ import annotations

from tradewinds.app.console.frame import page
from tradewinds.app.console.markup import Markup, joined, link, options, table, tag
from tradewinds.app.console.visit import Visit, card, show
from tradewinds.wiring.desk import data_pages
from tradewinds.wiring.desk.data_pages import Coverage, LakeTable


@page("/data", "Coverage", group="History")
async def build(visit: Visit) -> None:
    """The map of the chosen table, and all tables below it."""
    tables = await visit.read(data_pages.lake_tables, visit.house)
    names = [one.name for one in tables]
    chosen = visit.query.get("table") or next((name for name in names if name.startswith("history/bars")), names[0] if names else "")
    if not chosen:
        show(card("Coverage", tag("p", "The lake is empty; ", tag("code", "tradewinds data fetch BTCUSDT"), " brings the first rows.")))
        return
    found = await visit.read(data_pages.coverage, visit.house, chosen)
    show(
        card(
            f"Rows of {chosen}",
            _choice(names, chosen),
            _map(found),
            note="Of each partition's fullest instrument; a dark cell is complete.",
        )
    )
    show(card("Tables", _tables(tables)))


def _choice(names: list[str], chosen: str) -> Markup:
    field = tag("label", "Table", tag("select", options([(name, name) for name in names], chosen), name="table"), class_="field")
    return tag("form", field, tag("button", "Show", class_="plain", type="submit"), class_="ask", method="get", action="/data")


def _map(found: Coverage) -> Markup:
    head = tag("tr", tag("th", ""), *(tag("th", name[2:], scope="col") for name in found.partitions))
    body = [
        tag("tr", tag("th", instrument, scope="row"), *(tag("td", _cell(found, instrument, name)) for name in found.partitions))
        for instrument in found.rows
    ]
    more = tag("p", "More instruments than fit are left out.", class_="soft") if found.is_cut else Markup("")
    grid = tag("table", tag("thead", head), tag("tbody", *body), class_="heat")
    return joined((tag("div", grid, class_="scroll", tabindex="0", role="region", aria_label="Coverage"), more))


def _cell(found: Coverage, instrument: str, partition: str) -> Markup:
    count, share = found.rows[instrument].get(partition, 0), found.share(instrument, partition)
    words = f"{instrument} {partition}: {count:,} rows, {share:.1%} of the fullest"
    colour = f"background:rgba(31,157,104,{0.15 + 0.85 * share**3:.2f})" if count else "background:var(--bad-bg)"
    return tag("span", class_="cell", style=colour, title=words, role="img", aria_label=words)


def _tables(found: tuple[LakeTable, ...]) -> Markup:
    rows = [(link(one.name, "/data", table=one.name), one.partitions, one.first, one.last, one.commits, one.description) for one in found]
    return table(("table", "partitions", "first", "last", "commits", "what"), rows, numbers=("partitions", "commits"), label="Tables")
