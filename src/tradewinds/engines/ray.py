"""The engine of a Ray cluster: an actor per worker, each with its own copy of the parcel.

Without an address a cluster is started on this machine, on the loopback only, without dashboard and without usage statistics, and ended
with the engine. With an address the cluster's nodes need `tradewinds[ray]`.

An actor has one task at a time, so that the task under which it dies is the guilty one; a new actor takes its place.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Container, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from tradewinds.core.errors import Rejected
from tradewinds.engines.local import checked_workers
from tradewinds.engines.parcel import Parcel, parcel_of
from tradewinds.engines.worker import answer
from tradewinds.simulation.sweep import Failure, Outcome, Task, worker_lost

END_S = 5.0
LOOPBACK = "127.0.0.1"


class RayEngine:
    """`Engine` on Ray. Begins with its first task."""

    def __init__(self, parcel: Parcel, workers: int | None = None, *, address: str | None = None) -> None:
        self._parcel = parcel
        self._workers = checked_workers(workers)
        self._address = address
        self._actors: list[Any] = []
        self._content: Any = None
        self._is_ours = False

    @property
    def workers(self) -> int:
        return self._workers

    def map(self, tasks: Iterable[Task], *, done: Container[int] = ()) -> Iterator[Outcome]:
        """Outcomes as they finish."""
        self._start()  # says where Ray listens, which must be said before its import
        import ray
        from ray.exceptions import RayError

        waiting = (task for task in tasks if task.number not in done)
        idle = list(range(self._workers))
        under_way: dict[Any, tuple[int, int]] = {}
        try:
            while True:
                while idle and (task := next(waiting, None)) is not None:
                    at = idle.pop()
                    under_way[self._actors[at].run.remote(task.payload)] = (task.number, at)
                if not under_way:
                    return
                (ready,), _ = ray.wait(list(under_way), num_returns=1)
                number, at = under_way.pop(ready)
                try:
                    outcome = _outcome(number, ray.get(ready))
                except RayError as error:
                    outcome = Outcome(number, failure=worker_lost(str(error).splitlines()[0]))
                    ray.kill(self._actors[at])
                    self._actors[at] = self._actor()
                idle.append(at)
                yield outcome
        finally:
            for _, at in under_way.values():  # abandoned: the actor would go on with it
                ray.kill(self._actors[at])
                self._actors[at] = self._actor()

    def close(self) -> None:
        """End the actors, and the cluster where it is ours."""
        if not self._actors:
            return
        import ray
        from ray.exceptions import RayError

        with suppress(RayError):  # one that is busy or dead leaves its copy to the system's cleaning of temporary files
            ray.get([actor.close.remote() for actor in self._actors], timeout=END_S)
        for actor in self._actors:
            ray.kill(actor)
        self._actors = []
        if self._is_ours:
            ray.shutdown()

    def __enter__(self) -> RayEngine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _start(self) -> None:
        if self._actors:
            return
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        if self._address is None:
            os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # what keeps Ray on the loopback, on every system; read at its import
        import ray

        if not ray.is_initialized():
            self._is_ours = True
            quiet: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
            if self._address is None:
                ray.init(address="local", num_cpus=self._workers, include_dashboard=False, _node_ip_address=LOOPBACK, **quiet)
                _check_loopback(ray)
            else:
                ray.init(address=self._address, **quiet)
        self._content = ray.put(self._parcel.content())
        self._actors = [self._actor() for _ in range(self._workers)]

    def _actor(self) -> Any:
        import ray

        return ray.remote(num_cpus=1)(Actor).remote(self._content)


class Actor:
    """What runs in a Ray worker: the parcel, opened once."""

    def __init__(self, content: dict[str, bytes]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="tradewinds-sweep-")
        self._run = parcel_of(content, Path(self._folder.name)).open()

    def run(self, payload: Any) -> dict[str, Any]:
        """The answer to one task."""
        return answer(self._run, payload)

    def close(self) -> None:
        """Remove the copy of the parcel."""
        self._folder.cleanup()


def _check_loopback(ray: Any) -> None:
    places = {node["NodeManagerAddress"] for node in ray.nodes()}
    if places != {LOOPBACK}:
        ray.shutdown()
        raise Rejected(f"engine ray: a cluster at {sorted(places)}, expected one on {LOOPBACK} alone; import ray after the engine begins")


def _outcome(number: int, told: dict[str, Any]) -> Outcome:
    return Outcome(number, failure=Failure(*told["failure"])) if "failure" in told else Outcome(number, told["value"])
