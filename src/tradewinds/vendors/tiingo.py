"""Tiingo: end-of-day bars of New York, unadjusted, with splits and dividends. Needs a key.

One request brings one instrument's sessions; the adjusted columns are left alone, because they change whenever anything
happens later. Prices are final four hours after the close; sessions younger than that are left out.

Options: `calendar` (default: the instrument's venue), `currency` (USD), `requests_per_hour` (50 at the vendor's own address,
which is what a free key is given; elsewhere none).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from urllib.parse import quote, urlsplit

import polars as pl

from tradewinds.core.errors import Rejected, TradewindsError, Transient, Unreadable
from tradewinds.core.instant import NS_PER_DAY, NS_PER_HOUR, to_date
from tradewinds.core.instrument import split_id
from tradewinds.core.market import PRICES
from tradewinds.core.observation import Capability, Dataset, Payload, Pull, Request
from tradewinds.vendors.equity import BARS, CORPORATE_ACTIONS, actions, session_times
from tradewinds.vendors.json_rows import objects, tabulated
from tradewinds.vendors.observed import nothing
from tradewinds.vendors.options import checked
from tradewinds.vendors.rows import conformed
from tradewinds.wire.budget import Cost, Window
from tradewinds.wire.http import Explain, HttpClient, excerpt
from tradewinds.wire.secret import Secret

URL = "https://api.tiingo.com"
FREE_REQUESTS_PER_HOUR = 50
LAG_NS = 4 * NS_PER_HOUR
# What it says, in an answer with status 200, when a key has asked too often.
_TOO_OFTEN = ("run over", "request allocation", "limit")


class Tiingo:
    """End-of-day bars and corporate actions of American shares and funds."""

    name = "tiingo"
    capability = Capability((BARS.name, CORPORATE_ACTIONS.name), lag_ns=LAG_NS, needs_key="vendors.tiingo.secret", revises=True)

    def __init__(
        self,
        http: HttpClient,
        *,
        base_url: str | None = None,
        secret: Secret | None = None,
        options: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        chosen = checked(options, self.name, calendar=(), currency=(), requests_per_hour=())
        self._http = http
        self._base_url = (base_url or URL).rstrip("/")
        self._secret = secret
        self._calendar = chosen.get("calendar")
        self._currency = chosen.get("currency", "USD")
        hourly = chosen.get("requests_per_hour", str(FREE_REQUESTS_PER_HOUR) if base_url is None else "0")
        if not hourly.isdigit():
            raise Rejected(f"tiingo: requests_per_hour {hourly!r}, expected a whole number, 0 for no limit")
        self._requests_per_hour = int(hourly)

    def datasets(self) -> Sequence[Dataset]:
        return (BARS, CORPORATE_ACTIONS)

    def plan(self, request: Request) -> list[Pull]:
        """One pull per instrument, of the sessions from the day of start_ns to the day before end_ns."""
        if request.dataset not in self.capability.datasets:
            raise Rejected(f"tiingo: dataset {request.dataset!r}, expected one of {self.capability.datasets}")
        if request.end_ns <= request.start_ns:
            return []
        first, last = to_date(request.start_ns), to_date(request.end_ns - 1)
        return [
            Pull(
                self.name,
                request.dataset,
                f"{self._base_url}/tiingo/daily/{_ticker(instrument)}/prices",
                {"instrument": instrument, "startDate": first.isoformat(), "endDate": last.isoformat(), "format": "json"},
            )
            for instrument in request.instruments
        ]

    def capture(self, pull: Pull) -> Iterator[Payload]:
        what = f"tiingo prices {pull.params['instrument']}"
        if not self._secret:
            raise Rejected(f"{what}: no key, expected one in the setting of the vendor's secret")
        # The scheme stands inside the header, so the whole header is the secret; a refusal is put in our own words.
        headers = {"Authorization": Secret(f"Token {self._secret.reveal()}")}
        question = {name: value for name, value in pull.params.items() if name != "instrument"}
        answer = self._http.get(pull.locator, what=what, params=question, headers=headers, cost=self._cost(), explain=_refused(what))
        _check(answer.content, what, self._secret)
        yield Payload(pull, answer.content, answer.captured_ns)

    def parse(self, payload: Payload) -> pl.DataFrame:
        dataset = CORPORATE_ACTIONS if payload.pull.dataset == CORPORATE_ACTIONS.name else BARS
        instrument = payload.pull.params["instrument"]
        rows = objects(payload.content, f"tiingo prices {instrument}")
        if not rows:
            return nothing(dataset)
        sheet = tabulated(rows, f"tiingo prices {instrument}")
        sheet.require(("date", *PRICES, "volume", "divCash", "splitFactor"))
        sessions = sheet.dates("date").alias("session")
        sheet.refuse("date", sessions.is_null(), "a session")
        times = session_times(sessions, self._calendar or split_id(instrument)[1])
        table = pl.DataFrame(
            [
                sessions,
                *(sheet.numbers(name).alias(name) for name in (*PRICES, "volume")),
                sheet.numbers("splitFactor").alias("split_factor"),
                sheet.numbers("divCash").alias("dividend"),
            ]
        ).join(times, on="session", how="left", maintain_order="left")
        sheet.refuse("date", table["start_ns"].is_null(), "a day that the exchange's calendar speaks of")
        timed = table.with_columns(
            pl.lit(instrument).alias("instrument"),
            pl.lit(self._currency).alias("currency"),
            (pl.col("event_ns") + LAG_NS).alias("known_ns"),
        ).filter(pl.col("known_ns") <= payload.captured_ns)
        return conformed(actions(timed) if dataset is CORPORATE_ACTIONS else timed, dataset, payload)

    def _cost(self) -> Cost | None:
        if not self._requests_per_hour:
            return None
        cost = Cost(f"tiingo@{urlsplit(self._base_url).netloc}")
        if self._http.budgets is not None and not self._http.budgets.budget(cost.budget).has_fresh_limits():
            self._http.budgets.budget(cost.budget).learn([Window(NS_PER_DAY // 24, self._requests_per_hour, counts_requests=True)])
        return cost


def _ticker(instrument: str) -> str:
    """Tiingo writes share classes with a dash: BRK.B is BRK-B."""
    return quote(split_id(instrument)[0].replace(".", "-").replace("/", "-"), safe="-")


def _refused(what: str) -> Explain:
    def explain(status: int, headers: Mapping[str, str], content: bytes) -> TradewindsError | None:
        if status in (401, 403):
            return Rejected(f"{what}: HTTP {status}, expected a key that Tiingo accepts and that may read this instrument")
        return None

    return explain


def _check(content: bytes, what: str, secret: Secret) -> None:
    """Raises for an error that came with status 200: Transient where it says too often, else Unreadable."""
    if content.lstrip()[:1] == b"[":
        return
    said = secret.redact(f"{what}: {excerpt(content) or 'an empty body'!r} in an answer with status 200, expected a JSON list of sessions")
    if any(word in said.lower() for word in _TOO_OFTEN):
        raise Transient(said)
    raise Unreadable(said)
