"""Imports a file of bars: the file is captured like any vendor's bytes, judged, and published as the vendor `import`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tradewinds.core.instrument import instrument_id, split_id
from tradewinds.core.observation import Request, Table
from tradewinds.jobs.context import Context
from tradewinds.jobs.crypto import finished
from tradewinds.jobs.ingest import FAR_FUTURE_NS, Chunk, ingest
from tradewinds.jobs.judge import judge_of
from tradewinds.wiring.house import vendor_of_file

NAME = "import"


def import_bars(
    context: Context, file: Path, instrument: str | None, interval: str, columns: str | None, options: Mapping[str, str]
) -> dict[str, Any]:
    """Import one file and return what became of it. Raises DataFault when it cannot be read.

    instrument: whose bars they are; None where the file has a column of symbols and the options name their `venue`.
    """
    given = {"name": NAME, "interval": interval, **options}
    if instrument is not None:
        instrument = instrument_id(*split_id(instrument.upper()))
        given["instrument"] = instrument
    if columns:
        given["columns"] = columns
    vendor = vendor_of_file(context, file, given)
    dataset = vendor.datasets()[0]
    subject = instrument or file.name
    request = Request(dataset.name, (subject,), 0, FAR_FUTURE_NS, context.clock.now_ns())
    rows = context.open_subjects([subject])
    chunks = [Chunk(tuple((subject, pull) for pull in vendor.plan(request)))]
    done = ingest(context, vendor, Table(dataset), chunks, judge=judge_of(context, dataset, vendor.name))
    return {"instrument": instrument, "interval": interval, **asdict(finished(context, done, rows))}
