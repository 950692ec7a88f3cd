"""Every page, in the order of the navigation. Importing a page's module registers it."""

from tradewinds.app.console import (
    page_bar,
    page_data,
    page_explain,
    page_findings,
    page_overview,
    page_trading,
)

ALL = (page_overview, page_trading, page_explain, page_data, page_findings, page_bar)
