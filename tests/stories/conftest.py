"""A house of its own for each file of stories, standing at a given time, and an archive that serves recorded bars as zips."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from tradewinds.core.instant import parse, text
from tradewinds.core.observation import Finding, Table
from tradewinds.jobs.ingest import FAR_FUTURE_NS
from tradewinds.jobs.tables import table_named
from tradewinds.stores.ledger_findings import FindingFilter
from tradewinds.wiring.clock import ReplayClock
from tradewinds.wiring.house import House, run_job
from tradewinds.wiring.settings import load_config


@dataclass
class Stage:
    """One home with one configuration; `at` opens it at another time."""

    folder: Path
    houses: list[House] = field(default_factory=list)

    def open(self, sections: Mapping[str, Any], now: str, environment: Mapping[str, str] | None = None) -> House:
        """The house of these sections of tradewinds.yaml, its clock standing at `now`."""
        (self.folder / "tradewinds.yaml").write_text(yaml.safe_dump(dict(sections)))
        config = load_config(self.folder / "tradewinds.yaml", {"TRADEWINDS_HOME": str(self.folder / "home"), **(environment or {})})
        self.houses.append(House(config, clock=ReplayClock(parse(now))))
        return self.houses[-1]

    def read_files(self, now: str, files: Mapping[str, Mapping[str, str]]) -> House:
        """The house after the `dataset` job has read each of these files; options as the vendor `files` knows them."""
        vendors, datasets = {}, {}
        for name, options in files.items():
            given = {"interval": "1d", "name": name} | dict(options)
            kind = given.get("kind", "bars")
            vendors[name] = {"use": "files", "options": given}
            datasets[name] = {"vendor": name, "dataset": f"{kind}-{given['interval']}", "since": "1990-01-01"}
        house = self.open({"vendors": vendors, "datasets": datasets}, now)
        for name in files:
            run_job("dataset", now[:10], {"name": name}, house=house)
        return house


@dataclass
class Told:
    """What a house found, and what it published."""

    house: House

    def findings(self, instrument: str | None = None, vendor: str | None = None, dataset: str | None = None) -> list[Finding]:
        chosen = FindingFilter(instruments=[instrument] if instrument else None)
        found = self.house.ledger.findings(chosen)
        return [one for one in found if vendor in (None, one.vendor) and dataset in (None, one.dataset)]

    def kinds(self, instrument: str | None = None, vendor: str | None = None, dataset: str | None = None) -> dict[str, int]:
        """How many findings of each kind."""
        return dict(Counter(one.kind for one in self.findings(instrument, vendor, dataset)))

    def when(self, kind: str, instrument: str | None = None, dataset: str | None = None) -> list[str]:
        """Where the findings of a kind begin, in order."""
        return sorted(text(one.start_ns) for one in self.findings(instrument, dataset=dataset) if one.kind == kind)

    def rows(self, dataset: str, instrument: str, as_of: str | None = None) -> pl.DataFrame:
        """The published rows of an instrument as known then, or as known last."""
        as_of_ns = parse(as_of) if as_of else FAR_FUTURE_NS
        return self.house.lake.read(self.table(dataset), as_of_ns=as_of_ns, instruments=[instrument])

    def row(self, dataset: str, instrument: str, start: str, as_of: str | None = None) -> dict[str, Any]:
        """The one published row that starts then."""
        found = self.rows(dataset, instrument, as_of).filter(pl.col("start_ns") == parse(start))
        assert found.height == 1, f"{instrument} {start}: {found.height} rows"
        return found.row(0, named=True)

    def table(self, dataset: str) -> Table:
        return table_named(self.house.context("story", ""), dataset)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Stage]]:
    """Builds a home by name; every house opened in it is closed at the end."""
    made: list[Stage] = []

    def make(name: str) -> Stage:
        made.append(Stage(tmp_path_factory.mktemp(name)))
        return made[-1]

    yield make
    for one in made:
        for house in one.houses:
            house.close()


@pytest.fixture(scope="module")
def told() -> Callable[[House], Told]:
    """What a house found and published."""
    return Told


@pytest.fixture(scope="module")
def zipped() -> Callable[[str, bytes], tuple[bytes, str]]:
    """A CSV as the archive serves it: the zip, and the text of its CHECKSUM file."""

    def make(name: str, content: bytes) -> tuple[bytes, str]:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{name}.csv", content)
        body = packed.getvalue()
        return body, f"{hashlib.sha256(body).hexdigest()}  {name}.zip\n"

    return make
