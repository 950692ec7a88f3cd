"""The assembled platform: stores, vendors and clock behind their ports, and the one way a job is run.

`run_job` is what Airflow's tasks, `tradewinds job run` and the demo call:

1. assemble the house from the configuration (once per process and configuration);
2. open a job-run row;
3. call the job's function with a Context;
4. write how it ended: state, rows, findings, error; a failure is written and raised again.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewinds.core.errors import Invariant, TradewindsError
from tradewinds.core.instant import parse
from tradewinds.core.observation import Table
from tradewinds.core.ports import Clock, Lake, RawStore, Vendor
from tradewinds.core.record import RunResult
from tradewinds.jobs import catalog
from tradewinds.jobs.config import Config, VendorConfig
from tradewinds.jobs.context import Context
from tradewinds.jobs.plan import JobResult, Readiness
from tradewinds.wiring.calendars import stand_calendars
from tradewinds.wiring.clock import FileClock, ReplayClock, SystemClock, running_clock
from tradewinds.wiring.job_watching import job_watched
from tradewinds.wiring.settings import find_config, load_config, secret_of

if TYPE_CHECKING:
    from tradewinds.jobs.context import Evening, States
    from tradewinds.jobs.research_config import EngineConfig
    from tradewinds.models.learner import Files
    from tradewinds.models.sample import Ints, Sample
    from tradewinds.stores.ledger import Ledger
    from tradewinds.stores.model_registry import ModelRegistry
    from tradewinds.wire.http import HttpClient
    from tradewinds.wiring.alerting import Alarm

__all__ = ["House", "check_ready", "load_config", "open_house", "run_job", "vendor_of_file"]

ERROR_CHARS_MAX = 2_000
Connection = Callable[[str], tuple[str | None, str | None] | None]


class House:
    """Stores, vendors and clock as configured. Each is built when first asked for."""

    def __init__(self, config: Config, *, clock: Clock | None = None, connection: Connection | None = None) -> None:
        """connection: gives the address and secret of a vendor for which neither file nor environment has one (Airflow's)."""
        self.config = config
        self.clock: Clock = clock if clock is not None else clock_of(config.clock)
        self._connection = connection
        self._vendors: dict[str, Vendor] = {}

    @property
    def home(self) -> Path:
        return Path(self.config.home)

    @property
    def published(self) -> Path:
        """Where versions of files for people are kept: see `wiring.research_files`."""
        return self.home / "published"

    @cached_property
    def raw(self) -> RawStore:
        from tradewinds.stores.raw import FileRawStore

        return FileRawStore(self._files(self.config.storage.raw, "raw"))

    @cached_property
    def lake(self) -> Lake:
        from tradewinds.stores.lake import FileLake

        return FileLake(self._files(self.config.storage.lake, "lake"))

    @cached_property
    def ledger(self) -> Ledger:
        from tradewinds.stores.ledger import Ledger

        url = self.config.storage.ledger
        if url is None:
            self.home.mkdir(parents=True, exist_ok=True)
            url = f"sqlite:///{self.home / 'ledger.sqlite'}"
        ledger = Ledger(url)
        ledger.migrate()
        return ledger

    @cached_property
    def alerts(self) -> Alarm:
        """Raises alerts for people into the ledger's outbox."""
        from tradewinds.wiring.alerting import Alarm

        return Alarm(lambda: self.ledger.outbox, self.clock)

    @cached_property
    def http(self) -> HttpClient:
        from tradewinds.wire.budget import BudgetBook
        from tradewinds.wire.http import HttpClient

        folder = self.home / "budgets"
        folder.mkdir(parents=True, exist_ok=True)
        # Rate limits are about real time, whatever time the data is replayed at. Jitter needs no seed: it decides no data.
        return HttpClient(self.clock, random=random.Random(), budgets=BudgetBook(folder, SystemClock()))  # noqa: S311 - not for secrets

    @cached_property
    def models(self) -> ModelRegistry:
        """MLflow at MLFLOW_TRACKING_URI, else below the home; nothing is asked of it before a job does."""
        from tradewinds.wiring.models import model_registry

        return model_registry(self.config)

    def vendor(self, name: str) -> Vendor:
        """The vendor configured under `name`, or the one that ships under it."""
        if name not in self._vendors:
            self._vendors[name] = self._make_vendor(name, self.config.vendors.get(name) or VendorConfig(use=name))
        return self._vendors[name]

    def close(self) -> None:
        """Give back connections; the house may be used again and opens new ones."""
        if "http" in self.__dict__:
            self.http.close()
        if "ledger" in self.__dict__:
            self.ledger.close()

    def context(self, job: str, partition: str, *, airflow_run: str | None = None, log_link: str | None = None) -> Context:
        """What the job is given."""
        return Context(
            config=self.config,
            clock=self.clock,
            raw=self.raw,
            lake=self.lake,
            records=self.ledger,
            vendor=self.vendor,
            job=job,
            partition=partition,
            airflow_run=airflow_run,
            log_link=log_link,
            pack=self._pack,
            marts=self._marts,
            warehouse=self._warehouse if self.config.storage.warehouse else None,
            evening=self._evening,
            models=self.models,
            page=self._page,
            publish_files=self._publish_files,
            sheet=self._sheet,
            states=self._states,
            fits=self._fits,
        )

    def _evening(self, account: str, day: date) -> Evening:
        from tradewinds.wiring.evening import evening
        from tradewinds.wiring.parity import evening_parity

        return evening(self, account, day, parity=partial(evening_parity, self, day))

    def _page(self, name: str, text: str) -> str:
        """Keep a page below the home's `reports`, whole or not at all."""
        place = self.home / "reports" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        fresh = place.with_suffix(f".{os.getpid()}.part")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(place)
        return str(place)

    def _sheet(self, key: str, tab: str) -> Any:
        """A tab of a Google Sheet; nothing is asked of it before a job does."""
        from tradewinds.stores.sheet import CREDENTIALS, GoogleSheet

        named = os.environ.get(CREDENTIALS)
        return GoogleSheet(key, tab, credentials=Path(named) if named else None)

    @property
    def _states(self) -> States:
        from tradewinds.wiring.research_states import KeptStates

        return KeptStates(self.home / "research-states")

    def _fits(
        self, engine: EngineConfig, learner: Mapping[str, Any], sample: Sample, trainings: Sequence[Ints]
    ) -> Iterator[tuple[int, Files]]:
        from tradewinds.wiring.training import fits

        return fits(engine, learner, sample, trainings)

    def _publish_files(self, book: str, session: str, frames: Mapping[str, Any], about: Mapping[str, Any]) -> str:
        from tradewinds.wiring.research_files import write

        return write(self.published, book, session, frames, about)

    def _marts(self, as_of_ns: int) -> Mapping[str, int]:
        from tradewinds.stores.marts import build

        return build(self.lake, self.ledger, Path(self.storage_place(self.config.storage.marts, "marts")), as_of_ns=as_of_ns).rows

    def _warehouse(self, table: Table) -> int:
        from tradewinds.stores.warehouse import load

        assert self.config.storage.warehouse is not None
        return load(self.lake, table, self.config.storage.warehouse).rows_new

    def _pack(self, table: Table, as_of_ns: int) -> str:
        from tradewinds.stores.lake import FileLake
        from tradewinds.stores.pack import PackStore

        assert isinstance(self.lake, FileLake)
        store = PackStore(self.storage_place(self.config.storage.pack, "pack"))
        vintage = store.build(self.lake, table, as_of_ns=as_of_ns).vintage
        store.retain(table, keep=self.config.pack_keep)
        return vintage

    def storage_place(self, named: str | None, name: str) -> str:
        """Where a store lives: as configured, relative to the workspace, or `name` below the home."""
        if named is None:
            return str(self.home / name)
        if "://" in named:
            return named
        return str(Path(self.config.workspace or ".") / Path(named).expanduser())

    @property
    def place_of_lake(self) -> str:
        """Folder or address of the lake, for those who read it by its files."""
        place = self.storage_place(self.config.storage.lake, "lake").removeprefix("file://")
        return place if "://" in place else str(Path(place).absolute())

    def files_of_lake(self) -> Any:
        """The files below the lake, for those who read them directly."""
        return self._files(self.config.storage.lake, "lake")

    def _files(self, named: str | None, name: str) -> Any:
        place = self.storage_place(named, name)
        if place.startswith("s3://"):
            return _s3_files(place)
        from tradewinds.stores.lake_files import LocalFiles

        return LocalFiles(place.removeprefix("file://"))

    def _make_vendor(self, name: str, settings: VendorConfig) -> Vendor:
        from tradewinds.vendors.registry import load
        from tradewinds.wire.secret import Secret

        workspace = self.config.workspace
        secret = secret_of(name)
        url = settings.url
        if self._connection is not None and (secret is None or url is None):
            address, key = self._connection(name) or (None, None)
            url, secret = url or address, secret or key
        if settings.use == "drops" or "path" in settings.options:
            place = Path(settings.options.get("path", f"drops/{name}")).expanduser()
            url = str(place if place.is_absolute() or workspace is None else Path(workspace) / place)
        options = {key: value for key, value in settings.options.items() if key != "path"}
        if settings.use == "drops":
            options.setdefault("name", name)
        make = load(settings.use, folder=Path(workspace) / "vendors" if workspace else None)
        return make(self.http, base_url=url, secret=Secret(secret) if secret else None, options=options)


def _s3_files(place: str) -> Any:
    """Files of an `s3://bucket/prefix` address; credentials and endpoint come from where boto3 looks for them (AWS_ENDPOINT_URL too)."""
    import boto3

    from tradewinds.stores.lake_s3 import S3Files

    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    return S3Files(boto3.client("s3"), bucket, prefix.strip("/"))


def vendor_of_file(context: Context, file: Path, options: Mapping[str, str]) -> Vendor:
    """A vendor that reads one local file of bars."""
    from tradewinds.vendors.bar_files import BarFiles
    from tradewinds.wire.http import HttpClient

    return BarFiles(HttpClient(context.clock, random=random.Random(0)), base_url=str(file.absolute()), options=options)  # noqa: S311 - unused


def clock_of(setting: str | None) -> Clock:
    """The machine's clock, a fixed instant (ISO 8601), one that a file holds (`@FILE`), or one that runs (`<instant> speed N since T`)."""
    if not setting:
        return SystemClock()
    if setting.startswith("@"):
        return FileClock(Path(setting[1:]))
    return running_clock(setting) or ReplayClock(parse(setting))


_houses: dict[tuple[str, str], House] = {}


def open_house(config: Config | None = None, *, clock: str | None = None, connection: Connection | None = None) -> House:
    """The house of a configuration (read from its usual place when None), kept for this process."""
    chosen = config if config is not None else load_config(find_config(os.environ))
    stand_calendars(chosen)
    key = (repr(chosen), clock or "")
    if key not in _houses:
        _houses[key] = House(chosen, clock=clock_of(clock) if clock else None, connection=connection)
    return _houses[key]


def run_job(
    name: str,
    partition: str,
    params: Mapping[str, Any] | None = None,
    *,
    airflow_run: str | None = None,
    log_link: str | None = None,
    house: House | None = None,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Run one job on one partition and write its job-run row. Safe to run twice.

    params may hold `clock`, a replay time for this run alone. Returns the JobResult as a dict; raises core.errors.
    """
    given = dict(params or {})
    at = given.pop("clock", None)
    chosen = house or open_house(clock=at)
    function = catalog.function(catalog.JOBS, name)
    context = chosen.context(name, partition, airflow_run=airflow_run, log_link=log_link)
    if progress is not None:
        context = _with_progress(context, progress)
    row = chosen.ledger.start_run(name, partition, started_ns=chosen.clock.now_ns(), log=log_link, airflow_run=airflow_run)
    try:
        with job_watched(chosen.home, name, partition, row) as told:
            result = function(context, partition, given)
            if not isinstance(result, JobResult):
                raise Invariant(f"job {name} {partition}: returned {type(result).__name__}, expected JobResult")
            told |= {"state": result.state, "rows_published": result.rows_published, "findings": result.findings}
    except BaseException as error:
        for number in (*context.opened.values(), row):
            _finish(chosen, number, JobResult(state="failed"), error)
        raise
    _finish(chosen, row, result, None)
    return asdict(result)


def check_ready(name: str, partition: str, params: Mapping[str, Any] | None = None, *, house: House | None = None) -> dict[str, Any]:
    """Whether a step that waits may start. Returns the Readiness as a dict."""
    given = dict(params or {})
    at = given.pop("clock", None)
    chosen = house or open_house(clock=at)
    readiness = catalog.function(catalog.READY, name)(chosen.context(name, partition), partition, given)
    if not isinstance(readiness, Readiness):
        raise Invariant(f"readiness {name} {partition}: returned {type(readiness).__name__}, expected Readiness")
    return asdict(readiness)


def _with_progress(context: Context, progress: Callable[[str], None]) -> Context:
    from dataclasses import replace

    return replace(context, progress=progress)


def _finish(house: House, row: int, result: JobResult, error: BaseException | None) -> None:
    message = None if error is None else str(error)[:ERROR_CHARS_MAX] or type(error).__name__
    house.ledger.finish_run(
        row,
        RunResult(
            state="failed" if error is not None else result.state,
            ended_ns=house.clock.now_ns(),
            rows_in=result.rows_in,
            rows_published=result.rows_published,
            rows_restated=result.rows_restated,
            findings=result.findings,
            error_kind=None if error is None else _kind(error),
            error=message,
            detail={"failed": dict(result.failed), **{key: value for key, value in result.detail.items() if key != "shards"}},
        ),
    )


def _kind(error: BaseException) -> str:
    if isinstance(error, TradewindsError):
        return type(error).__name__
    return "Interrupted" if isinstance(error, KeyboardInterrupt | SystemExit) else "Invariant"
