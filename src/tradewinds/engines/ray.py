"""The engine of a Ray cluster: an actor per worker, each with its own copy of the parcel.

Without an address a cluster is started on this machine, on the loopback only, without dashboard and without usage statistics, and ended
with the engine. With an address the cluster's nodes need `tradewinds[ray]`.

An actor has one task at a time, so that the task under which it dies is the guilty one; a new actor takes its place. Work goes
to actors that have begun: where a cluster has no room for all, being small or used by others too, those that found room do everything.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Container, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from tradewinds.core.errors import Rejected, Transient
from tradewinds.engines.local import checked_workers
from tradewinds.engines.parcel import Parcel, parcel_of
from tradewinds.engines.worker import answer
from tradewinds.simulation.sweep import Failure, Outcome, Task, worker_lost

END_S = 5.0
CONNECT_S = 10.0
LOOPBACK = "127.0.0.1"


class RayEngine:
    """`Engine` on Ray. Begins with its first task."""

    def __init__(self, parcel: Parcel, workers: int | None = None, *, address: str | None = None) -> None:
        self._parcel = parcel
        self._workers = checked_workers(workers) if workers is not None or address is None else None
        self._address = address
        self._beginning: dict[Any, int] = {}  # what each actor that has not begun yet will answer with
        self._actors: list[Any] = []
        self._content: Any = None
        self._is_ours = False

    @property
    def workers(self) -> int:
        if self._workers is None:  # of a cluster that others run: as many as it has cores
            self._connect()
            import ray

            resources: Any = ray.cluster_resources
            self._workers = max(1, int(resources().get("CPU", 1)))
        return self._workers

    def map(self, tasks: Iterable[Task], *, done: Container[int] = ()) -> Iterator[Outcome]:
        """Outcomes as they finish."""
        self._start()  # says where Ray listens, which must be said before its import
        import ray
        from ray.exceptions import RayError

        waiting = (task for task in tasks if task.number not in done)
        idle = sorted(set(range(len(self._actors))) - set(self._beginning.values()))
        under_way: dict[Any, tuple[int, int]] = {}
        try:
            task = next(waiting, None)
            while task is not None or under_way:
                while idle and task is not None:
                    at = idle.pop()
                    under_way[self._actors[at].run.remote(task.payload)] = (task.number, at)
                    task = next(waiting, None)
                (ready,), _ = ray.wait([*under_way, *(self._beginning if task is not None else ())], num_returns=1)
                if ready in self._beginning:
                    at = self._beginning.pop(ready)
                    try:
                        ray.get(ready)
                        idle.append(at)
                    except RayError as error:  # it cannot open the parcel: told of the task that it would have had
                        self._replace(at)
                        assert task is not None
                        lost, task = task, next(waiting, None)
                        yield Outcome(lost.number, failure=worker_lost(_line(error)))
                    continue
                number, at = under_way.pop(ready)
                try:
                    outcome = _outcome(number, ray.get(ready))
                    idle.append(at)
                except RayError as error:
                    outcome = Outcome(number, failure=worker_lost(_line(error)))
                    self._replace(at)
                yield outcome
        finally:
            for _, at in under_way.values():  # abandoned: the actor would go on with it
                self._replace(at)

    def close(self) -> None:
        """End the actors, and the cluster where it is ours."""
        if not self._actors and not self._is_ours:
            return
        import ray
        from ray.exceptions import RayError

        begun = [actor for at, actor in enumerate(self._actors) if at not in self._beginning.values()]
        with suppress(RayError):  # one that is busy or dead leaves its copy to the system's cleaning of temporary files
            ray.get([actor.close.remote() for actor in begun], timeout=END_S)
        for actor in self._actors:
            ray.kill(actor)
        self._actors, self._beginning = [], {}
        if self._is_ours:
            ray.shutdown()
        self._is_ours = False

    def __enter__(self) -> RayEngine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _start(self) -> None:
        if self._actors:
            return
        self._connect()
        import ray

        self._content = ray.put(self._parcel.content())
        for at in range(self.workers):
            self._actors.append(None)
            self._begin(at)

    def _connect(self) -> None:
        """Raises Transient where there is no cluster; what was started for one has ended by then."""
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        if self._address is None:
            os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # what keeps Ray on the loopback, on every system; read at its import
        import ray

        if not ray.is_initialized():
            self._is_ours = True
            quiet: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
            try:
                if self._address is None:
                    ray.init(address="local", num_cpus=self._workers, include_dashboard=False, _node_ip_address=LOOPBACK, **quiet)
                    _check_loopback(ray)
                else:
                    _check_answers(self._address)
                    ray.init(address=self._address, **quiet)
            except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
                ray.shutdown()
                self._is_ours = False
                wanted = "one that begins on this machine" if self._address is None else f"one that answers at {self._address}"
                raise Transient(f"engine ray: no cluster ({type(error).__name__}: {_line(error)}), expected {wanted}") from error

    def _begin(self, at: int) -> None:
        import ray

        self._actors[at] = ray.remote(num_cpus=1)(Actor).remote(self._content)
        self._beginning[self._actors[at].begun.remote()] = at

    def _replace(self, at: int) -> None:
        import ray

        ray.kill(self._actors[at])
        self._begin(at)


class Actor:
    """What runs in a Ray worker: the parcel, opened once."""

    def __init__(self, content: dict[str, bytes]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="tradewinds-sweep-")
        self._run = parcel_of(content, Path(self._folder.name)).open()

    def begun(self) -> None:
        """Answers once the actor has found room and opened its parcel."""

    def run(self, payload: Any) -> dict[str, Any]:
        """The answer to one task."""
        return answer(self._run, payload)

    def close(self) -> None:
        """Remove the copy of the parcel."""
        self._folder.cleanup()


def _check_answers(address: str) -> None:
    """Ray asks an address at which nobody listens for minutes before it says so."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()


def _check_loopback(ray: Any) -> None:
    places = {node["NodeManagerAddress"] for node in ray.nodes()}
    if places != {LOOPBACK}:
        ray.shutdown()
        raise Rejected(f"engine ray: a cluster at {sorted(places)}, expected one on {LOOPBACK} alone; import ray after the engine begins")


def _line(error: BaseException) -> str:
    return str(error).partition("\n")[0]


def _outcome(number: int, told: dict[str, Any]) -> Outcome:
    return Outcome(number, failure=Failure(*told["failure"])) if "failure" in told else Outcome(number, told["value"])
