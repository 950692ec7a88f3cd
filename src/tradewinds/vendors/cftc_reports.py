"""The CFTC's reports: where each stands, and what its columns are called in either place.

The yearly files and the Socrata API spell the same column differently, drop `_all` here and there, and misspell
(`noncomm_postions_spread_all`, `Swap__Positions_Short_All`). `canonical` reduces a spelling; a field lists those it answers to.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tradewinds.core.instant import NS_PER_DAY, NS_PER_HOUR
from tradewinds.core.observation import Column, Dataset

# Tuesday to Friday 15:30 New York; the true publication is computed for each report, this is for planning only.
USUAL_LAG_NS = 3 * NS_PER_DAY + 20 * NS_PER_HOUR
LAST_PACK_YEAR = 2016

REPORT_DATE = ("as_of_date_in_form_yyyy_mm_dd", "report_date_as_yyyy_mm_dd", "report_date_as_mm_dd_yyyy")
CODE = ("cftc_contract_market_code",)
MARKET = ("market_and_exchange_names",)
EXCHANGE = ("cftc_market_code_in_initials", "cftc_market_code")
UNITS = ("contract_units",)
_TEXT = (Column("report", "text"), Column("market", "text"), Column("exchange", "text"), Column("units", "text"))


@dataclass(frozen=True, slots=True)
class Field:
    """A number of the report under our name, and the canonical spellings it answers to. One that is not required may be absent."""

    name: str
    spellings: tuple[str, ...]
    unit: str = "contracts"
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    """One report: `variant` is futures or combined (with options), `resource` its id at Socrata, `yearly` and `pack` its files."""

    variant: str
    dataset: Dataset
    fields: tuple[Field, ...]
    resource: str
    yearly: str
    pack: str


def canonical(name: str) -> str:
    """A spelling without case, punctuation, blanks, a trailing `all` and the known misspelling."""
    plain = re.sub(r"[^a-z0-9%]+", "_", name.lower()).strip("_").replace("postions", "positions")
    return plain.removesuffix("_all")


def _sides(name: str, *stems: str, sides: Sequence[str] = ("long", "short", "spread")) -> tuple[Field, ...]:
    spelled = {"spread": ("spread", "spreading")}
    return tuple(
        Field(f"{name}_{side}", tuple(f"{stem}_positions_{form}" for stem in stems for form in spelled.get(side, (side,))))
        for side in sides
    )


_OPEN_INTEREST = Field("open_interest", ("open_interest",))
_CHANGE = Field("change_open_interest", ("change_in_open_interest",), is_required=False)
_TOTALS = (
    *_sides("reportable", "total_reportable", "tot_rept", sides=("long", "short")),
    *_sides("nonreportable", "nonreportable", "nonrept", sides=("long", "short")),
    Field("traders", ("traders_total", "traders_tot"), "traders", is_required=False),
)
_CONCENTRATION = tuple(
    Field(
        f"concentration_{kind}_{count}_{side}",
        (f"concentration_{kind}_lt_{count}_tdr_{side}", f"conc_{kind}_le_{count}_tdr_{side}"),
        "percent of open interest",
        is_required=False,
    )
    for kind in ("gross", "net")
    for count in (4, 8)
    for side in ("long", "short")
)
_LEGACY = (
    _OPEN_INTEREST,
    *_sides("noncommercial", "noncommercial", "noncomm"),
    *_sides("commercial", "commercial", "comm", sides=("long", "short")),
    *_TOTALS,
    _CHANGE,
    *_CONCENTRATION,
)
_DISAGGREGATED = (
    _OPEN_INTEREST,
    *_sides("producer", "prod_merc", sides=("long", "short")),
    *_sides("swap", "swap"),
    *_sides("managed", "m_money"),
    *_sides("other", "other_rept"),
    *_TOTALS,
    _CHANGE,
    *_CONCENTRATION,
)
_FINANCIAL = (
    _OPEN_INTEREST,
    *_sides("dealer", "dealer"),
    *_sides("asset_manager", "asset_mgr"),
    *_sides("leveraged", "lev_money"),
    *_sides("other", "other_rept"),
    *_TOTALS,
    _CHANGE,
    *_CONCENTRATION,
)


def _dataset(name: str, fields: tuple[Field, ...], what: str) -> Dataset:
    numbers = tuple(Column(field.name, unit=field.unit) for field in fields)
    return Dataset(
        name,
        (*_TEXT, *numbers),
        keys=("report",),
        partitioning="year",
        lag_ns=USUAL_LAG_NS,
        description=f"Commitments of Traders, {what}: positions on the report's day, known from its publication",
    )


COT = _dataset("cot", _LEGACY, "legacy report")
COT_DISAGGREGATED = _dataset("cot-disaggregated", _DISAGGREGATED, "disaggregated report")
COT_FINANCIAL = _dataset("cot-financial", _FINANCIAL, "traders in financial futures")

REPORTS = (
    Report("futures", COT, _LEGACY, "6dca-aqww", "deacot{year}", "deacot1986_2016"),
    Report("combined", COT, _LEGACY, "jun7-fc8e", "deahistfo{year}", "deahistfo_1995_2016"),
    Report("futures", COT_DISAGGREGATED, _DISAGGREGATED, "72hh-3qpy", "fut_disagg_txt_{year}", "fut_disagg_txt_hist_2006_2016"),
    Report("combined", COT_DISAGGREGATED, _DISAGGREGATED, "kh3c-gbw2", "com_disagg_txt_{year}", "com_disagg_txt_hist_2006_2016"),
    Report("futures", COT_FINANCIAL, _FINANCIAL, "gpe5-46if", "fut_fin_txt_{year}", "fin_fut_txt_2006_2016"),
    Report("combined", COT_FINANCIAL, _FINANCIAL, "yw9f-hn96", "com_fin_txt_{year}", "fin_com_txt_2006_2016"),
)
