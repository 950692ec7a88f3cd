"""Every page, in the order of the navigation. Importing a page's module registers it."""

from tradewinds.app.console import page_overview

ALL = (page_overview,)
