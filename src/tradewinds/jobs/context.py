"""What a job is given: the stores, the vendors, the clock and the configuration, all behind ports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tradewinds.core.observation import Table
from tradewinds.core.ports import Clock, Lake, RawStore, Vendor
from tradewinds.core.record import RunResult
from tradewinds.jobs.config import Config
from tradewinds.jobs.model_port import Models
from tradewinds.jobs.records import Records

if TYPE_CHECKING:
    import polars as pl

    from tradewinds.jobs.research_config import EngineConfig
    from tradewinds.models.learner import Files
    from tradewinds.models.sample import Ints, Sample


def _silent(message: str) -> None:
    return None


class Evening(Protocol):
    """What came of an evening: breaks, each with kind, subject, ours and theirs; parity's verdict, None where it was not asked for."""

    @property
    def orders(self) -> int: ...

    @property
    def fills(self) -> int: ...

    @property
    def breaks(self) -> Sequence[Any]: ...

    @property
    def parity(self) -> Mapping[str, Any] | None: ...

    @property
    def file(self) -> Path: ...


class States(Protocol):
    """What a night keeps for the next one: bytes by folder and name, whole or absent. Losing them costs time and nothing else."""

    def names(self, folder: str) -> list[str]: ...

    def read(self, folder: str, name: str) -> bytes:
        """Raises Missing where it is not there."""
        ...

    def write(self, folder: str, name: str, content: bytes, *, keep: int) -> None:
        """Of all in the folder the `keep` last by name stay."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Everything a job may touch. `vendor(name)` builds the vendor configured under that name.

    `job` and `partition` name the run, so that a job can write a row for each symbol of it. `pack(table, as_of_ns)` makes a new vintage
    of a table's pack and returns its name; `marts` and `warehouse` build and load what BI tools read and say what they wrote;
    `evening(account, day)` reconciles a day of trading with the broker's own statement. `models` keeps models; `page(name, text)` keeps a
    page for people and says where; `sheet(key, tab)` is a tab of a Google Sheet, with `rows` and `write`;
    `states` is what a night keeps for the next one; `fits` hands fits to an engine: see `jobs.train_fit`.
    """

    config: Config
    clock: Clock
    raw: RawStore
    lake: Lake
    records: Records
    vendor: Callable[[str], Vendor]
    job: str = ""
    partition: str = ""
    airflow_run: str | None = None
    log_link: str | None = None
    progress: Callable[[str], None] = _silent
    pack: Callable[[Table, int], str] | None = None
    marts: Callable[[int], Mapping[str, int]] | None = None
    warehouse: Callable[[Table], int] | None = None
    evening: Callable[[str, date], Evening] | None = None
    models: Models | None = None
    page: Callable[[str, str], str] | None = None
    publish_files: Callable[[str, str, Mapping[str, pl.DataFrame], Mapping[str, Any]], str] | None = None
    sheet: Callable[[str, str], Any] | None = None
    states: States | None = None
    fits: Callable[[EngineConfig, Mapping[str, Any], Sample, Sequence[Ints]], Iterator[tuple[int, Files]]] | None = None
    opened: dict[str | None, int] = field(default_factory=dict, repr=False, compare=False)  # rows of symbols that have no end yet

    def open_subjects(self, subjects: Iterable[str]) -> dict[str | None, int]:
        """Open one job-run row per symbol; `close_subjects` ends them."""
        rows = self.records.start_runs(
            self.job,
            self.partition,
            list(subjects),
            started_ns=self.clock.now_ns(),
            log=self.log_link,
            airflow_run=self.airflow_run,
        )
        self.opened.update(rows)
        return rows

    def close_subjects(self, rows: Mapping[str | None, int], results: Mapping[str, RunResult]) -> None:
        """Write how each symbol's run ended."""
        self.records.finish_runs({rows[subject]: result for subject, result in results.items()})
        for subject in results:
            self.opened.pop(subject, None)
