"""Questions to a running Airflow over its REST interface."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import httpx

from tradewinds.core.errors import Rejected, Transient

COMPONENTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")
_ENDED = frozenset({"success", "failed"})
_PAGE = 100
_PAGES_MAX = 100


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a DAG. `state`: queued, running, success or failed. Times are ISO 8601 or None."""

    dag_id: str
    run_id: str
    state: str
    kind: str
    partition: str | None
    started: str | None
    ended: str | None

    @property
    def has_ended(self) -> bool:
        """Whether the state is final."""
        return self.state in _ENDED


@dataclass(frozen=True, slots=True)
class TaskState:
    """One task of a run; a mapped one has its index (otherwise None) and its label. `seconds` is None until it ended."""

    name: str
    index: int | None
    label: str
    state: str | None
    tries: int
    seconds: float | None


class Client:
    """A session with one Airflow. Raises Transient while it cannot answer, Rejected when it refuses."""

    def __init__(self, url: str, user: str, password: str, workers: Callable[[], Mapping[str, str]] | None = None) -> None:
        """workers: the state of what runs beside the four components, by name."""
        self._workers = workers
        self._user = user
        self._password = password
        self._token: str | None = None
        self._http = httpx.Client(base_url=url, timeout=30.0, trust_env=False)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes its connections."""
        self._http.close()

    def health(self) -> dict[str, str]:
        """The state of each component, and of broker and workers where there are some: `healthy`, `unhealthy`, `unknown`."""
        found = self._ask("GET", "/api/v2/monitor/health", is_public=True)
        told = {name: str((found.get(name) or {}).get("status") or "unknown") for name in COMPONENTS}
        return told if self._workers is None else {**told, **self._workers()}

    def unhealthy(self) -> list[str]:
        """The components that are not healthy."""
        return [name for name, state in self.health().items() if state != "healthy"]

    def trigger(self, dag_id: str, conf: Mapping[str, Any]) -> str | None:
        """Starts a run; its id, or None while the DAG is not there. `conf["partition"]` becomes the run's partition key."""
        body = {"conf": dict(conf), "logical_date": None, "partition_key": conf.get("partition")}
        answer = self._ask("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)
        return None if answer is None else str(answer["dag_run_id"])

    def run(self, dag_id: str, run_id: str) -> Run:
        """The state of a run; raises Rejected when there is none by that id."""
        found = self._ask("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")
        if found is None:
            raise Rejected(f"airflow run {dag_id}/{run_id}: unknown, expected one that was triggered")
        return _run(found)

    def runs(self, dag_id: str) -> list[Run]:
        """All runs of a DAG, oldest first; `~` means every DAG."""
        return [_run(found) for found in self._pages(f"/api/v2/dags/{dag_id}/dagRuns", "dag_runs")]

    def tasks(self, dag_id: str, run_id: str) -> list[TaskState]:
        """Every task of a run."""
        return [_task(found) for found in self._pages(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances", "task_instances")]

    def dags(self) -> list[str]:
        """The ids of the DAGs that Airflow knows, sorted."""
        return sorted(str(found["dag_id"]) for found in self._pages("/api/v2/dags", "dags"))

    def import_errors(self) -> list[str]:
        """What kept DAG files from being read."""
        return [f"{found['filename']}: {found['stack_trace']}" for found in self._pages("/api/v2/importErrors", "import_errors")]

    def xcom(self, dag_id: str, run_id: str, task: str, key: str = "return_value", index: int = -1) -> object:
        """What a task handed on, None when nothing."""
        place = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task}/xcomEntries/{key}?map_index={index}"
        found = self._ask("GET", place)
        return None if found is None else found["value"]

    def clear(self, dag_id: str, run_id: str) -> None:
        """Runs the failed tasks of a run again."""
        self._ask("POST", f"/api/v2/dags/{dag_id}/clearTaskInstances", {"dry_run": False, "dag_run_id": run_id, "only_failed": True})

    def _pages(self, place: str, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for page in range(_PAGES_MAX):
            answer = self._ask("GET", f"{place}?limit={_PAGE}&offset={page * _PAGE}") or {}
            found.extend(answer.get(name, []))
            if len(answer.get(name, [])) < _PAGE:
                return found
        raise Rejected(f"airflow {place}: more than {_PAGES_MAX * _PAGE} entries, expected fewer")

    def _ask(self, verb: str, place: str, body: Mapping[str, Any] | None = None, *, is_public: bool = False) -> Any:
        """One question; None for a 404."""
        try:
            answer = self._http.request(verb, place, json=body, headers={} if is_public else self._headers())
            if answer.status_code == httpx.codes.UNAUTHORIZED and not is_public:
                self._token = None
                answer = self._http.request(verb, place, json=body, headers=self._headers())
        except httpx.HTTPError as error:
            raise Transient(f"airflow {verb} {place}: no answer ({type(error).__name__}), expected one") from error
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if answer.is_server_error:
            raise Transient(f"airflow {verb} {place}: {answer.status_code} {answer.text[:200]}, expected an answer")
        if answer.is_client_error:
            raise Rejected(f"airflow {verb} {place}: {answer.status_code} {answer.text[:500]}, expected it to be accepted")
        return answer.json()

    def _headers(self) -> dict[str, str]:
        if self._token is None:
            answer = self._http.post("/auth/token", json={"username": self._user, "password": self._password})
            if answer.is_error:
                raise Transient(f"airflow sign-in as {self._user}: {answer.status_code}, expected a token")
            self._token = answer.json()["access_token"]
        return {"Authorization": f"Bearer {self._token}"}


def _run(found: Mapping[str, Any]) -> Run:
    return Run(
        dag_id=found["dag_id"],
        run_id=found["dag_run_id"],
        state=found["state"],
        kind=found["run_type"],
        partition=found.get("partition_key"),
        started=found.get("start_date"),
        ended=found.get("end_date"),
    )


def _task(found: Mapping[str, Any]) -> TaskState:
    index = found["map_index"]
    return TaskState(
        name=found["task_id"],
        index=index if index >= 0 else None,
        label=found.get("rendered_map_index") or "",
        state=found["state"],
        tries=found["try_number"],
        seconds=found.get("duration"),
    )
