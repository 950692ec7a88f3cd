"""Sweeps put together: from what a person asked to market, spans and search; the work as a parcel; the engine; the lake's table.

The strategy travels as its files: the file itself and the Python files beside and below it. Where it is opened its source must have the
same digest as where it was packed, so that nobody sweeps code that was edited in between.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import text
from tradewinds.core.observation import Table
from tradewinds.engines.parcel import Parcel, packed
from tradewinds.simulation import kernel
from tradewinds.simulation.result import setup_hash
from tradewinds.simulation.search import Bayesian, Grid, Random, Search, Space, Value, grid_values, space_of
from tradewinds.simulation.sweep import Engine, Trial
from tradewinds.simulation.sweep_run import Plan as SweepPlan
from tradewinds.simulation.sweep_run import Validation, plan_of
from tradewinds.simulation.sweep_table import TRIALS, trials_frame
from tradewinds.simulation.sweep_work import SweepWork
from tradewinds.trading.strategy import Float, Strategy
from tradewinds.wiring.strategy_file import load_strategy, split_place

if TYPE_CHECKING:
    from tradewinds.wiring.house import House
    from tradewinds.wiring.market import Prepared
    from tradewinds.wiring.research import Asked

OPENER = "tradewinds.wiring.sweep:opened_work"
ENGINES = ("local", "ray", "batch")
FILES_MAX = 500
FILE_BYTES_MAX = 1_000_000
CORNER_AXES_MAX = 12
BLOCKS_PER_WORKER = 8
VALUES_SHOWN = 20
PUBLISH_ROWS = 50_000


def packed_work(work: SweepWork, strategy: str | Path, folder: Path) -> Parcel:
    """Put the work into a folder. strategy: `file.py` or `file.py:name` that `work.strategy` was loaded from."""
    path, name = split_place(strategy)
    fields = {
        one: getattr(work, one) for one in ("market", "panel", "setup", "spans", "others", "decisions", "lookback_most", "corrections")
    }
    files = strategy_files(path)
    return packed(folder, OPENER, {"work": fields, "files": files, "name": name or work.strategy.name, "file": path.name,
                                   "source": work.strategy.source})  # fmt: skip


def opened_work(objects: Mapping[str, Any]) -> Callable[[Any], Any]:
    """The function of a worker, from the objects of a parcel. Raises Rejected where the strategy's source is another one by now."""
    with tempfile.TemporaryDirectory(prefix="tradewinds-strategy-") as folder:
        for name, text in objects["files"].items():
            place = Path(folder, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(text)
        strategy = load_strategy(f"{Path(folder, objects['file'])}:{objects['name']}")
    if strategy.source != objects["source"]:
        raise Rejected(f"sweep: strategy {strategy.name} has changed since it was packed, expected the source it was started with")
    from tradewinds.wiring.market import Prepared
    from tradewinds.wiring.research import within_universe

    work = objects["work"]
    bounded = within_universe(strategy, Prepared(work["market"], work["panel"], strategy.interval))
    return SweepWork(strategy=bounded, **work).open()


def strategy_files(path: Path) -> dict[str, bytes]:
    """The file and the Python files beside and below it, by relative name; hidden folders and large files stay behind."""
    found = {path.name: path.read_bytes()}
    folder = path.absolute().parent
    for place in sorted(folder.rglob("*.py")):
        relative = place.relative_to(folder)
        if any(part.startswith((".", "__")) and part != "__init__.py" for part in relative.parts) or place.stat().st_size > FILE_BYTES_MAX:
            continue
        found[relative.as_posix()] = place.read_bytes()
        if len(found) > FILES_MAX:
            raise Rejected(f"sweep: more than {FILES_MAX} Python files below {folder}, expected a folder of strategies")
    return found


def engine_of(
    kind: str,
    work: SweepWork,
    strategy: str | Path,
    folder: Path,
    *,
    workers: int | None = None,
    options: Mapping[str, str] | None = None,
) -> Engine:
    """The engine named `local`, `ray` or `batch`. folder: an empty one for the parcel.

    options: for ray `address`; for batch `place` (s3://BUCKET/PREFIX), `queue` and `definition`.
    """
    from tradewinds.engines.local import LocalEngine

    given = dict(options or {})
    if kind == "local" and work.strategy.kind == "vector":
        return LocalEngine(work, workers)
    if kind not in ENGINES:
        raise Rejected(f"sweep: engine {kind!r}, expected one of {', '.join(ENGINES)}")
    parcel = packed_work(work, strategy, folder)
    if kind == "local":
        from tradewinds.engines.child import ChildWork

        return LocalEngine(ChildWork(parcel.folder), workers)
    if kind == "ray":
        from tradewinds.engines.ray import RayEngine

        return RayEngine(parcel, workers, address=given.get("address"))
    from tradewinds.engines.batch import BatchEngine

    absent = [name for name in ("place", "queue", "definition") if not given.get(name)]
    if absent:
        raise Rejected(f"sweep: engine batch without its {absent[0]}, expected the bucket, the queue and the job definition to use")
    return BatchEngine(
        parcel, place=given["place"], queue=given["queue"], definition=given["definition"], name=uuid.uuid4().hex, workers=workers
    )


@dataclass(frozen=True, slots=True)
class SweepAsked:
    """What a sweep is asked for besides the backtest. grid: name -> text of its values (`5:50:5`, `20,50,100`)."""

    grid: Mapping[str, str] = field(default_factory=dict)
    search: str = "grid"
    trials: int = 100
    seed: int = 0
    validation: Validation = field(default_factory=Validation)
    objective: str = "sharpe"


@dataclass(frozen=True, slots=True, eq=False)
class PreparedSweep:
    """A sweep ready to run. what: everything that must be the same for it to be resumed."""

    strategy: Strategy
    place: str
    prepared: Prepared
    plan: SweepPlan
    work: SweepWork
    space: Space
    asked: SweepAsked
    what: Mapping[str, str]

    @property
    def name(self) -> str:
        """The id of the sweep: the same for the same strategy, data, setup and search."""
        return hashlib.sha256(json.dumps(dict(self.what), sort_keys=True).encode()).hexdigest()[:12]

    def search(self) -> Search:
        """A new search, the same each time."""
        return SEARCHES[self.asked.search](self.space, self.asked.trials, self.asked.seed)

    def spans_ns(self) -> list[tuple[int, int]]:
        """(start, end) of each span."""
        market = self.prepared.market
        return [(int(market.end_ns[span.first]), int(market.end_ns[span.last - 1])) for span in self.plan.spans]


def prepare(asked: Asked, wish: SweepAsked, open_house: Callable[[], House]) -> PreparedSweep:
    """Load the strategy, read the market with the longest lookback before its start, and plan the spans.

    Raises Rejected for what cannot be swept, naming it.
    """
    from tradewinds.wiring.market import market_of_files, market_of_house
    from tradewinds.wiring.research import corrections_for, plan, within_universe

    planned = plan(asked)
    if planned.is_portfolio:
        raise Rejected(f"sweep: {asked.place} is a portfolio, expected one strategy")
    book = planned.books[0]
    space = _space(book.strategy, book.parameters, asked.parameters, wish)
    lookback = longest_lookback(space)
    wanted = replace(planned.wanted, lookback=lookback)
    prepared = market_of_files(planned.data, wanted) if planned.data is not None else market_of_house(open_house(), wanted)
    market = prepared.market
    first = 0 if wanted.start_ns is None else int(np.searchsorted(market.end_ns, wanted.start_ns, "right"))
    spans = plan_of(market, first, market.shape[0], wish.validation, lookback=lookback, is_warm=wanted.start_ns is not None)
    setup = replace(planned.setup, account=replace(planned.setup.account, currency=market.currencies[0]))
    strategy = within_universe(book.strategy, prepared)
    work = SweepWork(
        strategy, market, prepared.panel, setup, spans.spans, prepared.others, prepared.decisions(strategy.rhythm),
        lookback if wish.validation.kind == "purged" else None, corrections_for([strategy], prepared, planned, open_house)[0],
    )  # fmt: skip
    what = {
        "strategy": strategy.name, "source": strategy.source, "vintage": market.vintage, "setup": setup_hash(setup),
        "start": text(int(market.end_ns[first])), "end": text(int(market.end_ns[-1])), "search": _search_words(space, wish),
        "validation": repr(wish.validation), "objective": wish.objective, "kernel": kernel.VERSION,
    }  # fmt: skip
    return PreparedSweep(strategy, strategy_place(asked.place), prepared, spans, work, space, wish, what)


def block_size(engine: str, strategy: Strategy, trials: int, workers: int) -> int:
    """Configurations of one task: enough to pay for the way there, few enough that every worker gets BLOCKS_PER_WORKER of them."""
    most = {"local": 32 if strategy.kind == "vector" else 1, "ray": 16, "batch": 64}[engine]
    return max(1, min(most, trials // (BLOCKS_PER_WORKER * workers)))


def strategy_place(place: str) -> str:
    """`file.py` or `file.py:name` of what was asked for, which may be a YAML file that names it."""
    from tradewinds.trading.declared import Declared
    from tradewinds.wiring.research import YAML, place_beside, read_declared

    path = Path(place).expanduser()
    if path.suffix not in YAML:
        return place
    found = read_declared(path)
    assert isinstance(found, Declared)
    return place_beside(path, found.strategy)


def longest_lookback(space: Space) -> int:
    """The longest lookback at the corners of the space and at the defaults, in bars."""
    ends = [(axis.name, tuple({0, len(axis.values) - 1}), axis.values) for axis in space.axes]
    strategy = space.strategy
    corners: list[dict[str, Value]] = [{}]
    for name, places, values in ends[:CORNER_AXES_MAX]:
        corners = [{**corner, name: values[place]} for corner in corners for place in places]
    for name in space.free:
        declared = strategy.parameters[name]
        assert isinstance(declared, Float)
        corners = [{**corner, name: value} for corner in corners for value in (declared.low, declared.high)]
    return max(strategy.lookback_bars(strategy.params(corner)) for corner in corners)


def publish_trials(house: House, sweep: PreparedSweep, trials: Iterator[Trial], name: str) -> int:
    """Put trials into the lake's table `sweep-trials`; returns how many rows are new."""
    table = Table(TRIALS)
    spans = sweep.spans_ns()
    known_ns = house.clock.now_ns()
    source = hashlib.sha256(json.dumps(dict(sweep.what), sort_keys=True).encode()).hexdigest()
    new = 0
    while several := list(islice(trials, PUBLISH_ROWS)):
        frame = trials_frame(sweep.strategy.name, name, several, spans=spans, known_ns=known_ns, source=source)
        for partition in sorted({TRIALS.partition_of(start) for start in frame["start_ns"].unique().to_list()}):
            rows = frame.filter([TRIALS.partition_of(start) == partition for start in frame["start_ns"].to_list()])
            new += house.lake.publish(table, partition, rows).rows_new
    return new


def _space(strategy: Strategy, parameters: Mapping[str, Any], named: Mapping[str, str], wish: SweepAsked) -> Space:
    is_gridded = wish.search == "grid"
    unknown = sorted(set(wish.grid) - set(strategy.parameters))
    if unknown:
        raise Rejected(
            f"--grid {unknown[0]}: strategy {strategy.name} has no such parameter, expected one of {sorted(strategy.parameters)}"
        )
    grid = {name: grid_values(told, strategy.parameters[name]) for name, told in wish.grid.items()}
    for name, value in parameters.items():
        is_fixed = name in named or value != strategy.parameters[name].default or (is_gridded and bool(wish.grid))
        if name not in grid and is_fixed:
            grid[name] = (value,)
    return space_of(strategy, grid, is_gridded=is_gridded)


def _search_words(space: Space, wish: SweepAsked) -> str:
    axes = [f"{axis.name}={_values(axis.values)}" for axis in space.axes]
    drawn = "" if wish.search == "grid" else f" {wish.trials} trials, seed {wish.seed}"
    return f"{wish.search}{drawn} over {' '.join([*axes, *space.free])}"


def _values(values: Sequence[Value]) -> str:
    if isinstance(values, range):
        return f"{values[0]}:{values[-1]}:{values.step}"
    digest = "" if len(values) <= VALUES_SHOWN else f",... ({len(values)}: {hashlib.sha256(repr(values).encode()).hexdigest()[:12]})"
    return ",".join(str(value) for value in values[:VALUES_SHOWN]) + digest


def _grid(space: Space, trials: int, seed: int) -> Search:
    return Grid(space)


SEARCHES: Mapping[str, Callable[[Space, int, int], Search]] = {"grid": _grid, "random": Random, "bayes": Bayesian}
