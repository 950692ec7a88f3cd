"""SEC EDGAR: company facts, filings, profiles and shares outstanding, over HTTP or from a folder of the same shape.

The instrument is the company, `CIK0000320193.EDGAR`. A fact is about the end of its period and known when its filing was
accepted; the acceptance times stand in another document (the submissions), which is captured too and whose times travel
with the pull of the facts, so that parsing stays pure. Where no acceptance is known, 22:00 New York of the filing day counts.

`base_url` may be a folder (`/data/edgar` or file:///data/edgar) with `submissions/CIK….json` and `companyfacts/CIK….json`,
as the SEC's own bulk archives unpack. Over HTTP the SEC wants to know who asks: option `contact` (a name and an address).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import polars as pl

from tradewinds.core.errors import Missing, Rejected
from tradewinds.core.instant import NS_PER_SECOND
from tradewinds.core.instrument import split_id
from tradewinds.core.observation import Capability, Dataset, Payload, Pull, Request
from tradewinds.vendors.edgar_facts import (
    FACTS,
    FILINGS,
    PROFILE,
    SHARES,
    VENUE,
    Row,
    accepted_ns,
    fact_rows,
    filing_rows,
    filing_table,
    profile_row,
    share_rows,
)
from tradewinds.vendors.json_rows import document
from tradewinds.vendors.observed import nothing, schema
from tradewinds.vendors.options import checked
from tradewinds.vendors.rows import conformed
from tradewinds.wire.budget import Cost, Window
from tradewinds.wire.http import HttpClient
from tradewinds.wire.secret import Secret

URL = "https://data.sec.gov"
REQUESTS_PER_SECOND = 10  # the SEC's fair access rule
OLDER_PAGES_MAX = 30
DATASETS = (FACTS, SHARES, FILINGS, PROFILE)
_COMPANY = re.compile(r"CIK\d{10}")
_ACCESSION = re.compile(rb'"accn"\s*:\s*"(\d{10}-\d{2}-\d{6})"')


class Edgar:
    """Facts and filings of companies that report to the SEC."""

    name = "edgar"
    capability = Capability(
        tuple(dataset.name for dataset in DATASETS),
        revises=True,
        note="known from acceptance; a profile (sector, tickers) is known only from when we first saw it",
    )

    def __init__(
        self,
        http: HttpClient,
        *,
        base_url: str | None = None,
        secret: Secret | None = None,
        options: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._http = http
        place = base_url or URL
        self._folder = None if place.startswith(("http://", "https://")) else Path(place.removeprefix("file://"))
        self._base_url = place.rstrip("/")
        self._contact = checked(options, self.name, contact=()).get("contact")
        self._is_public = base_url is None

    def datasets(self) -> Sequence[Dataset]:
        return DATASETS

    def plan(self, request: Request) -> list[Pull]:
        """One pull per company: a document holds its whole history, so the time asked for does not matter."""
        if request.dataset not in self.capability.datasets:
            raise Rejected(f"edgar: dataset {request.dataset!r}, expected one of {self.capability.datasets}")
        return [
            Pull(self.name, request.dataset, self._locator(request.dataset, _company(instrument)), {"company": _company(instrument)})
            for instrument in request.instruments
        ]

    def capture(self, pull: Pull) -> Iterator[Payload]:
        """Of facts and shares: the submissions and those older pages that are needed, then the facts. Else the submissions."""
        company = pull.params["company"]
        if pull.dataset == PROFILE.name:
            yield self._payload(pull, pull.locator)
            return
        if pull.dataset == FILINGS.name:
            first = self._payload(pull, pull.locator)
            yield first
            for name in _older(first.content, company):
                yield self._payload(pull, self._page(name))
            return
        facts = self._payload(pull, pull.locator)
        wanted = {found.decode() for found in _ACCESSION.findall(facts.content)}
        accepted: dict[str, str] = {}
        yield from self._submissions(pull, company, wanted, accepted)
        known = {accession: accepted[accession] for accession in sorted(wanted & accepted.keys())}
        yield replace(facts, pull=replace(pull, params={**pull.params, "accepted": json.dumps(known)}))

    def parse(self, payload: Payload) -> pl.DataFrame:
        dataset = next(one for one in DATASETS if one.name == payload.pull.dataset)
        company = payload.pull.params["company"]
        what = f"edgar {dataset.name} {company}"
        is_facts = dataset in (FACTS, SHARES)
        if is_facts and "accepted" not in payload.pull.params:
            return nothing(dataset)  # submissions, captured for their acceptance times
        body = document(payload.content, what)
        rows: Iterator[Row]
        if is_facts:
            times = {accession: accepted_ns(text, what) for accession, text in json.loads(payload.pull.params["accepted"]).items()}
            rows = fact_rows(body, times, what)
            rows = share_rows(rows) if dataset is SHARES else rows
        else:
            rows = iter([profile_row(body, payload.captured_ns, what)]) if dataset is PROFILE else filing_rows(body, what)
        columns = {name: kind for name, kind in schema(dataset).items() if name not in ("instrument", "captured_ns", "source")}
        table = pl.DataFrame([{name: row.get(name) for name in columns} for row in rows], schema=columns)
        if table.is_empty():
            return nothing(dataset)
        # A filing may list one fact twice, under two frames; it is one fact.
        told = table.with_columns(pl.lit(f"{company}.{VENUE}").alias("instrument"))
        return conformed(told.unique(["start_ns", *dataset.keys], keep="first", maintain_order=True), dataset, payload)

    def _submissions(self, pull: Pull, company: str, wanted: set[str], accepted: dict[str, str]) -> Iterator[Payload]:
        """The submissions and then older pages, until every accession in `wanted` has its time in `accepted`."""
        try:
            first = self._payload(pull, self._page(f"{company}.json"))
        except Missing:
            return
        yield first
        _note(first.content, company, accepted)
        for name in _older(first.content, company):
            if wanted <= accepted.keys():
                return
            page = self._payload(pull, self._page(name))
            yield page
            _note(page.content, company, accepted)

    def _locator(self, dataset: str, company: str) -> str:
        if dataset not in (FACTS.name, SHARES.name):
            return self._page(f"{company}.json")
        return f"companyfacts/{company}.json" if self._folder else f"{self._base_url}/api/xbrl/companyfacts/{company}.json"

    def _page(self, name: str) -> str:
        return f"submissions/{name}" if self._folder else f"{self._base_url}/submissions/{name}"

    def _payload(self, pull: Pull, locator: str) -> Payload:
        what = f"edgar {pull.dataset} {pull.params['company']}"
        asked = replace(pull, locator=locator)
        if self._folder:
            path = self._folder / locator
            if not path.is_file():
                raise Missing(f"{what}: no file {path}, expected the SEC's document")
            return Payload(asked, path.read_bytes(), self._http.clock.now_ns())
        if self._is_public and not self._contact:
            raise Rejected(f"{what}: no contact, expected option contact with a name and an e-mail address, which the SEC demands")
        headers = {"User-Agent": f"tradewinds {self._contact}"} if self._contact else {}
        answer = self._http.get(locator, what=what, headers=headers, cost=self._cost())
        return Payload(asked, answer.content, answer.captured_ns)

    def _cost(self) -> Cost | None:
        if not self._is_public:
            return None
        cost = Cost(f"edgar@{urlsplit(self._base_url).netloc}")
        if self._http.budgets is not None and not self._http.budgets.budget(cost.budget).has_fresh_limits():
            self._http.budgets.budget(cost.budget).learn([Window(NS_PER_SECOND, REQUESTS_PER_SECOND, counts_requests=True)])
        return cost


def _company(instrument: str) -> str:
    company, venue = split_id(instrument)
    if venue != VENUE or _COMPANY.fullmatch(company) is None:
        raise Rejected(f"edgar: instrument {instrument!r}, expected ten digits such as CIK0000320193.EDGAR")
    return company


def _older(content: bytes, company: str) -> list[str]:
    """The names of the pages with older filings, newest first."""
    body = document(content, f"edgar submissions {company}")
    filings = body.get("filings") if isinstance(body, dict) else None
    files = filings.get("files") if isinstance(filings, dict) else None
    names = [str(one.get("name")) for one in files or [] if isinstance(one, dict)]
    safe = [name for name in names if re.fullmatch(r"CIK\d{10}-submissions-\d{3}\.json", name)]
    return safe[:OLDER_PAGES_MAX]


def _note(content: bytes, company: str, accepted: dict[str, str]) -> None:
    what = f"edgar submissions {company}"
    table = filing_table(document(content, what), what)
    accepted.update(zip(table["accessionNumber"], table["acceptanceDateTime"], strict=True))
