"""my_vendor: a number a day about each subject, from CSV files `<SUBJECT>.csv` with columns date,value.

Reads the folder `path` of its options, or `url` once the vendor has one. Change the dataset's columns and `parse` to what your vendor says.
Bytes are kept before they are parsed, so that `parse` may be mended later and run again over what was captured.
"""

from pathlib import Path

import polars as pl

from tradewinds.core.errors import Missing, Rejected
from tradewinds.core.instant import NS_PER_DAY, NS_PER_HOUR, from_date
from tradewinds.core.observation import Capability, Column, Dataset, Payload, Pull
from tradewinds.vendors.rows import conformed
from tradewinds.vendors.sheet import read
from tradewinds.wire.clock import SystemClock

# known: `lag_ns` after the day ended. Where the vendor says when it published, say that instead in `parse`.
VALUES = Dataset("my-vendor", (Column("value"),), partitioning="year", lag_ns=6 * NS_PER_HOUR, description="What my_vendor says a day")


class MyVendor:
    """`tradewinds.core.ports.Vendor`: `plan` and `parse` are pure, `capture` alone touches the world."""

    name = "my_vendor"
    capability = Capability((VALUES.name,), lag_ns=VALUES.lag_ns)

    def __init__(self, http, *, base_url=None, secret=None, options=None):
        self._http, self._base_url = http, base_url

    def datasets(self):
        return (VALUES,)

    def plan(self, request):
        """One pull for each subject, `EXAMPLE.MY_VENDOR`."""
        if self._base_url is None:
            raise Rejected("my_vendor: no url and no path, expected one in tradewinds.yaml")
        days = {"first": str(request.start_ns), "end": str(request.end_ns)}
        symbols = [one.partition(".")[0] for one in request.instruments]
        return [
            Pull(self.name, VALUES.name, f"{self._base_url}/{symbol}.csv", days | {"instrument": one})
            for symbol, one in zip(symbols, request.instruments, strict=True)
        ]

    def capture(self, pull):
        if pull.locator.startswith("http"):
            answer = self._http.get(pull.locator, what=f"my_vendor {pull.params['instrument']}")
            yield Payload(pull, answer.content, answer.captured_ns)
            return
        place = Path(pull.locator)
        if not place.is_file():
            raise Missing(f"my_vendor: no file {place}, expected one")
        yield Payload(pull, place.read_bytes(), SystemClock().now_ns())

    def parse(self, payload):
        """Rows with both times: what each is about (`event_ns`), and when it could first be known (`known_ns`)."""
        sheet = read(payload.content, f"my_vendor {payload.pull.params['instrument']}")
        sheet.require(("date", "value"))
        days = sheet.dates("date", ())
        sheet.refuse("date", days.is_null(), "a date such as 2024-01-31")
        starts = [from_date(day) for day in days]
        rows = pl.DataFrame(
            {
                "instrument": [payload.pull.params["instrument"]] * len(starts),
                "start_ns": starts,
                "event_ns": [start + NS_PER_DAY for start in starts],
                "known_ns": [start + NS_PER_DAY + VALUES.lag_ns for start in starts],
                "value": sheet.numbers("value"),
            }
        )
        asked = pl.col("start_ns").is_between(int(payload.pull.params["first"]), int(payload.pull.params["end"]), closed="left")
        return conformed(rows.filter(asked & (pl.col("known_ns") <= payload.captured_ns)), VALUES, payload)
