"""`TearSheet`: a finished page, to be written to a file or shown in a notebook."""

from __future__ import annotations

from dataclasses import dataclass

from tradewinds.report.chart import Figure
from tradewinds.report.page import framed

NOTEBOOK_HEIGHT = 900


@dataclass(frozen=True, slots=True)
class TearSheet:
    """`html` is the whole page, one text that needs nothing else; `figures` are its pictures, each of which a notebook shows by itself."""

    title: str
    html: str
    figures: tuple[Figure, ...] = ()

    def figure(self, name: str) -> Figure:
        """The picture of that name; raises KeyError where there is none."""
        for one in self.figures:
            if one.name == name:
                return one
        raise KeyError(name)

    def _repr_html_(self) -> str:
        return framed(self.title, self.html, height=NOTEBOOK_HEIGHT, is_whole=True)
