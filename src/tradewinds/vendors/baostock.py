"""Baostock: daily bars, dividends and bonus shares of Shanghai and Shenzhen, over its own TCP protocol. No key needed.

Bars are unadjusted; `volume` is in shares, `quote_volume` in yuan. Days on which a share was suspended (`tradestatus` 0) are no
bars and are left out. Bars are final two and a half hours after the close; younger ones are left out.
A dividend or bonus is known from the end of the day on which its plan was announced.

`base_url` is `tcp://host:port`. The secret is an API key of the vendor's paid host. Options: `calendar` (XSHG, whose days
Shenzhen shares), `client_version` (what the server is told; it refuses old ones), `page` (rows of one answer, at most 2000).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from urllib.parse import urlsplit

import polars as pl

from tradewinds.calendars.publication import local_midnight_ns
from tradewinds.core.errors import Invariant, Rejected
from tradewinds.core.instant import NS_PER_HOUR, NS_PER_MINUTE, to_date
from tradewinds.core.instrument import split_id
from tradewinds.core.market import PRICES
from tradewinds.core.observation import Capability, Dataset, Payload, Pull, Request
from tradewinds.vendors.baostock_messages import BARS as BARS_QUESTION
from tradewinds.vendors.baostock_messages import DIVIDENDS, END, LOGIN, LOGOUT, VERSION, answer, question, refusal, table
from tradewinds.vendors.equity import BARS, CORPORATE_ACTIONS, actions, session_times
from tradewinds.vendors.json_rows import tabulated
from tradewinds.vendors.observed import nothing
from tradewinds.vendors.options import checked
from tradewinds.vendors.rows import conformed
from tradewinds.vendors.sheet import Sheet
from tradewinds.wire.conversation import Conversation
from tradewinds.wire.http import HttpClient
from tradewinds.wire.secret import Secret

URL = "tcp://public-api.baostock.com:10030"
PAID_URL = "tcp://vip-api.baostock.com:10030"
LAG_NS = 2 * NS_PER_HOUR + 30 * NS_PER_MINUTE
ZONE = "Asia/Shanghai"
PAGE_ROWS_MAX = 2000
PAGES_MAX = 1000
EXCHANGES = {"XSHG": "sh", "XSHE": "sz"}
USER, PASSWORD = "anonymous", "123456"  # what everybody uses: the vendor has no accounts
UNADJUSTED = "3"
FIELDS = "date,code,open,high,low,close,preclose,volume,amount,adjustflag,turn,tradestatus,isST"


class Baostock:
    """Daily bars and corporate actions of mainland Chinese shares."""

    name = "baostock"
    capability = Capability((BARS.name, CORPORATE_ACTIONS.name), lag_ns=LAG_NS, batch=PAGE_ROWS_MAX, revises=True)

    def __init__(
        self,
        http: HttpClient,
        *,
        base_url: str | None = None,
        secret: Secret | None = None,
        options: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        chosen = checked(options, self.name, calendar=(), client_version=(), page=())
        place = base_url or (PAID_URL if secret else URL)
        parts = urlsplit(place)
        if parts.scheme != "tcp" or not parts.hostname or not parts.port:
            raise Rejected(f"baostock: address {place!r}, expected tcp://host:port")
        self._clock = http.clock
        self._host, self._port = parts.hostname, parts.port
        self._secret = secret
        self._calendar = chosen.get("calendar", "XSHG")
        self._version = chosen.get("client_version", VERSION)
        self._page = chosen.get("page", str(PAGE_ROWS_MAX))
        if not self._page.isdigit() or not 1 <= int(self._page) <= PAGE_ROWS_MAX:
            raise Rejected(f"baostock: page {self._page!r}, expected 1 to {PAGE_ROWS_MAX}")

    def datasets(self) -> Sequence[Dataset]:
        return (BARS, CORPORATE_ACTIONS)

    def plan(self, request: Request) -> list[Pull]:
        """Bars: one pull per instrument. Corporate actions: one per instrument and year of the ex-date."""
        if request.dataset not in self.capability.datasets:
            raise Rejected(f"baostock: dataset {request.dataset!r}, expected one of {self.capability.datasets}")
        if request.end_ns <= request.start_ns:
            return []
        first, last = to_date(request.start_ns), to_date(request.end_ns - 1)
        pulls = []
        for instrument in request.instruments:
            code = _code(instrument)
            if request.dataset == BARS.name:
                days = {"start_date": first.isoformat(), "end_date": last.isoformat()}
                pulls.append(
                    self._pull(request.dataset, f"history_k/{code}/{first}/{last}", {"instrument": instrument, "code": code, **days})
                )
                continue
            pulls += [
                self._pull(request.dataset, f"dividend/{code}/{year}", {"instrument": instrument, "code": code, "year": str(year)})
                for year in range(first.year, last.year + 1)
            ]
        return pulls

    def capture(self, pull: Pull) -> Iterator[Payload]:
        """The bytes of every page's answer, exactly as they came."""
        what = _what(pull)
        with Conversation(self._host, self._port, end=END, what=what) as line:
            user = self._login(line, what)
            for page in range(1, PAGES_MAX + 1):
                content = line.ask(question(*_query(pull, user, page, self._page), self._version))
                found = answer(content, what)
                error = refusal(found, what)
                if error is not None:
                    raise error
                yield Payload(replace(pull, params={**pull.params, "page": str(page)}), content, self._clock.now_ns())
                if len(table(found, what)[1]) < int(self._page):
                    break
            else:
                raise Rejected(f"{what}: {PAGES_MAX} pages and no end, expected fewer; ask for a shorter time")
            # The server counts who is logged in; the time it asks for decides nothing.
            line.ask(question(LOGOUT, ("logout", user, "19700101000000"), self._version))

    def parse(self, payload: Payload) -> pl.DataFrame:
        pull = payload.pull
        dataset = CORPORATE_ACTIONS if pull.dataset == CORPORATE_ACTIONS.name else BARS
        found = answer(payload.content, _what(pull))
        error = refusal(found, _what(pull))
        if error is not None:
            raise error
        names, rows = table(found, _what(pull))
        if not rows:
            return nothing(dataset)
        sheet = tabulated([dict(zip(names, row, strict=True)) for row in rows], _what(pull))
        told = self._bars(sheet, payload) if dataset is BARS else self._actions(sheet, payload)
        return conformed(told, dataset, payload)

    def _bars(self, sheet: Sheet, payload: Payload) -> pl.DataFrame:
        sheet.require(("date", *PRICES, "volume", "amount", "tradestatus"))
        numbers = [sheet.numbers(name).alias(name) for name in (*PRICES, "volume", "tradestatus")]
        rows = self._at_sessions(sheet, "date", [*numbers, sheet.numbers("amount").alias("quote_volume")], payload)
        timed = rows.with_columns((pl.col("event_ns") + LAG_NS).alias("known_ns"))
        return timed.filter((pl.col("tradestatus") != 0) & (pl.col("known_ns") <= payload.captured_ns))

    def _actions(self, sheet: Sheet, payload: Payload) -> pl.DataFrame:
        amounts = ("dividCashPsBeforeTax", "dividStocksPs", "dividReserveToStockPs")
        sheet.require(("dividOperateDate", "dividPlanAnnounceDate", *amounts))
        cash, bonus, converted = (sheet.numbers(name).fill_null(0.0) for name in amounts)
        announced = sheet.dates("dividPlanAnnounceDate")
        ends = {day: local_midnight_ns(day + timedelta(days=1), ZONE) for day in announced.drop_nulls().unique()}
        columns = [
            cash.alias("dividend"),
            (1.0 + bonus + converted).alias("split_factor"),
            announced.replace_strict(ends, default=None, return_dtype=pl.Int64).alias("announced_ns"),
        ]
        rows = self._at_sessions(sheet, "dividOperateDate", columns, payload).filter(pl.col("start_ns").is_not_null())
        known = pl.col("announced_ns").fill_null(pl.col("start_ns")).alias("known_ns")
        return actions(rows.with_columns(known, pl.lit("CNY").alias("currency")))

    def _at_sessions(self, sheet: Sheet, name: str, columns: Sequence[pl.Series], payload: Payload) -> pl.DataFrame:
        """The columns with instrument, start_ns and event_ns of the session on that date; null where the cell is absent."""
        days = sheet.dates(name).alias("session")
        rows = pl.DataFrame([days, *columns]).join(session_times(days, self._calendar), on="session", how="left", maintain_order="left")
        sheet.refuse(name, rows["start_ns"].is_null() & days.is_not_null(), "a day that the exchange's calendar speaks of")
        return rows.with_columns(pl.lit(payload.pull.params["instrument"]).alias("instrument"))

    def _pull(self, dataset: str, path: str, params: Mapping[str, str]) -> Pull:
        return Pull(self.name, dataset, f"tcp://{self._host}:{self._port}/{path}", params)

    def _login(self, line: Conversation, what: str) -> str:
        key = self._secret.reveal() if self._secret else "0"
        found = answer(line.ask(question(LOGIN, ("login", USER, PASSWORD, key), self._version)), f"{what} login")
        error = refusal(found, f"{what} login")
        if error is not None:
            raise error
        return found.parts[3] if len(found.parts) > 3 else USER


def _query(pull: Pull, user: str, page: int, rows: str) -> tuple[str, Sequence[str]]:
    told = pull.params
    if pull.dataset == BARS.name:
        dates = (told["start_date"], told["end_date"])
        return BARS_QUESTION, ("query_history_k_data_plus", user, str(page), rows, told["code"], FIELDS, *dates, "d", UNADJUSTED)
    if pull.dataset == CORPORATE_ACTIONS.name:
        return DIVIDENDS, ("query_dividend_data", user, str(page), rows, told["code"], told["year"], "operate")
    raise Invariant(f"baostock: a pull of {pull.dataset!r}, expected one of its datasets")


def _code(instrument: str) -> str:
    symbol, venue = split_id(instrument)
    if venue not in EXCHANGES or len(symbol) != 6 or not symbol.isdigit():
        raise Rejected(f"baostock: instrument {instrument!r}, expected six digits in XSHG or XSHE such as 600000.XSHG")
    return f"{EXCHANGES[venue]}.{symbol}"


def _what(pull: Pull) -> str:
    return f"baostock {pull.dataset} {pull.params['instrument']}"
