"""Every page, in the order of the navigation. Importing a page's module registers it."""

from tradewinds.app.console import page_bar, page_data, page_findings, page_overview

ALL = (page_overview, page_data, page_findings, page_bar)
