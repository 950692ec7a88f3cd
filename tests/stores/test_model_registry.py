"""Models in MLflow: recorded once, resolved by name, checked by hash, at hand when MLflow is away."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tradewinds.core.errors import Missing, Rejected, Transient, Unreadable
from tradewinds.models.card import ModelCard
from tradewinds.models.learner import Files, files_hash, learner_of, load_model
from tradewinds.models.sample import Sample
from tradewinds.stores.model_files import ModelFiles
from tradewinds.stores.model_mlflow import project
from tradewinds.stores.model_registry import ModelRegistry, StoredModel, parsed

pytest.importorskip("mlflow", reason="mlflow is absent: no registry")

DAY_NS = 86_400_000_000_000
NAMES = ("zscore(momentum(252, 21))", "rank(-reversal(5))")


def learned(seed: int) -> Files:
    rng = np.random.default_rng(seed)
    features, times = rng.normal(size=(50, 2)), np.arange(50) * DAY_NS
    sample = Sample(NAMES, ("A",), times, np.zeros(50, np.int64), features, features[:, 0], times, times + DAY_NS, np.ones(50))
    return learner_of({"kind": "ridge"}).fit(sample).files()


def card_for(name: str, files: Files) -> ModelCard:
    return ModelCard(
        name, files_hash(files), DAY_NS, {"history/bars-1d": 3}, {"kind": "forward_return", "horizon": 5}, {"kind": "ridge"}, {"train": 50},
        dict.fromkeys(NAMES, 0.5), 0, 49 * DAY_NS, 50, 1, "0.1.0", {"ic": 0.03, "p": None},
        ({"fold": 0, "ic": 0.02}, {"fold": 1, "ic": 0.04}),
    )  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("registry")


@pytest.fixture(scope="module")
def registry(home: Path) -> ModelRegistry:
    """On SQLite and files; its tables are made once."""
    return ModelRegistry(home)


@pytest.fixture(scope="module")
def trend(registry: ModelRegistry) -> tuple[StoredModel, Files]:
    files = learned(1)
    pictures = {"importance.svg": b"<svg/>"}
    return registry.record(files, card_for("trend", files), pictures=pictures, metrics={"rows": 50.0}, alias="champion"), files


def test_what_was_recorded_is_found_by_its_alias_with_card_and_files(registry: ModelRegistry, trend: tuple[StoredModel, Files]) -> None:
    stored, files = trend

    found = registry.resolve("models:/trend@champion")

    assert (found.uri, found.sha256, found.aliases) == ("models:/trend/1", files_hash(files), ("champion",))
    assert dict(registry.files(found)) == dict(files)
    assert registry.card(found) == card_for("trend", files)
    run = registry._client.get_run(stored.run_id)
    assert run.data.metrics["ic"] == 0.03
    assert [one.value for one in registry._client.get_metric_history(stored.run_id, "fold.ic")] == [0.02, 0.04]
    assert run.data.params["label.kind"] == "forward_return"
    assert "p" not in run.data.metrics
    names = [one.path for one in registry._client.list_artifacts(stored.run_id)]
    assert names == ["MLproject", "card.json", "card.md", "model", "pictures"]


def test_no_file_of_an_artifact_is_a_pickle(home: Path, trend: tuple[StoredModel, Files]) -> None:
    files = [path for path in (home / "mlflow" / "artifacts").rglob("*") if path.is_file()]

    assert len(files) >= 7
    assert not [path.name for path in files if path.suffix in (".pkl", ".pickle", ".joblib") or path.read_bytes().startswith(b"\x80")]


def test_the_same_files_again_are_the_same_version(registry: ModelRegistry, trend: tuple[StoredModel, Files]) -> None:
    stored, files = trend

    again = registry.record(files, card_for("trend", files))

    assert again.version == stored.version
    assert [one.version for one in registry.versions("trend")] == ["1"]


def test_a_challenger_becomes_champion_when_a_person_says_so(registry: ModelRegistry) -> None:
    first, second = learned(2), learned(3)
    registry.record(first, card_for("rising", first), alias="champion")
    challenger = registry.record(second, card_for("rising", second), alias="challenger")

    with pytest.raises(Rejected, match="promotion of version 2 by nobody, expected the name of the person"):
        registry.promote("rising", challenger.version, by=" ")
    assert registry.resolve("models:/rising@champion").version == "1"
    registry.promote("rising", challenger.version, by="ada")

    assert registry.resolve("models:/rising@champion").sha256 == files_hash(second)
    assert registry.aliases("rising") == {"champion": "2"}
    assert registry._client.get_model_version("rising", "2").tags["tradewinds.approved_by"] == "ada"
    with pytest.raises(Missing, match=r"promotion|models:/rising/9: .*not found"):
        registry.promote("rising", "9", by="ada")


def test_another_machine_brings_the_files_and_checks_them(
    registry: ModelRegistry, trend: tuple[StoredModel, Files], tmp_path: Path
) -> None:
    elsewhere = ModelRegistry(tmp_path, uri=registry.uri)

    found = elsewhere.resolve("models:/trend@champion")

    assert dict(elsewhere.files(found)) == dict(trend[1])
    assert ModelFiles(tmp_path / "models").has(found.sha256)


def test_files_that_were_changed_in_the_store_are_refused(registry: ModelRegistry, home: Path, tmp_path: Path) -> None:
    files = learned(4)
    stored = registry.record(files, card_for("tampered", files), alias="champion")
    place = home / "mlflow" / "artifacts" / stored.run_id / "artifacts" / "model" / "data" / "files" / "model.json"
    place.write_bytes(place.read_bytes().replace(b'"intercept":', b'"intercept":9'))

    with pytest.raises(Unreadable, match=f"files of model models:/tampered/1: SHA-256 [0-9a-f]{{64}}, expected {stored.sha256}"):
        ModelRegistry(tmp_path, uri=registry.uri).resolve("models:/tampered@champion")


def test_mlflow_that_is_away_is_transient_and_what_was_resolved_before_is_at_hand(
    registry: ModelRegistry, home: Path, trend: tuple[StoredModel, Files], monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.resolve("models:/trend@champion")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        away = ModelRegistry(home, uri=f"http://user:secret@127.0.0.1:{taken.getsockname()[1]}")

        with pytest.raises(
            Transient, match=r"model models:/trend@challenger: MLflow at http://127.0.0.1:\d+: .*expected an answer"
        ) as caught:
            away.resolve("models:/trend@challenger")
        found = away.resolve("models:/trend@champion")
        by_version = away.resolve("models:/trend/1")

    assert "secret" not in str(caught.value)
    assert found.is_remembered
    assert dict(away.files(found)) == dict(trend[1])
    assert (by_version.sha256, by_version.is_remembered) == (found.sha256, False)  # a version is what it always was


@pytest.mark.parametrize(
    ("uri", "error", "said"),
    [
        ("models:/trend@nobody", Missing, "models:/trend@nobody: Registered model alias nobody not found"),
        ("models:/unheard@champion", Missing, "models:/unheard@champion: Registered Model with name=unheard not found"),
        ("models:/trend/99", Missing, "version=99\\) not found"),
        ("models:/trend", Rejected, "model 'models:/trend', expected models:/name@alias or models:/name/7"),
        ("trend@champion", Rejected, "expected models:/name@alias"),
    ],
)
def test_a_name_that_stands_for_nothing_is_said(registry: ModelRegistry, trend: Any, uri: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        registry.resolve(uri)


def test_a_version_that_others_registered_is_refused(registry: ModelRegistry, trend: Any) -> None:
    client = registry._client
    client.create_registered_model("foreign")
    client.create_model_version("foreign", "file:///nowhere/model")

    with pytest.raises(Rejected, match=r"model models:/foreign/1: version 1 has no tag tradewinds.sha256"):
        registry.resolve("models:/foreign/1")


def test_a_card_of_other_files_is_refused(registry: ModelRegistry) -> None:
    files = learned(1)

    with pytest.raises(Rejected, match="of which the card speaks"):
        registry.record(files, replace(card_for("trend", files), sha256="0" * 64))


def test_artifacts_go_to_object_storage(home: Path, registry: ModelRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moto = pytest.importorskip("moto.server", reason="moto is absent: no S3 server")
    boto3 = pytest.importorskip("boto3")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        told = {"AWS_ENDPOINT_URL": "http://{}:{}".format(*server.get_host_and_port()), "AWS_ACCESS_KEY_ID": "local"}
        for name, value in (told | {"AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": "us-east-1"}).items():
            monkeypatch.setenv(name, value)
        client = boto3.client("s3")
        client.create_bucket(Bucket="firm")
        files = learned(8)
        remote = ModelRegistry(tmp_path, uri=registry.uri, artifacts="s3://firm/models")

        stored = remote.record(files, card_for("remote", files), alias="champion")
        elsewhere = ModelRegistry(tmp_path / "other", uri=registry.uri)
        found = elsewhere.resolve("models:/remote@champion")

        keys = [one["Key"] for one in client.list_objects_v2(Bucket="firm", Prefix="models/")["Contents"]]
        assert f"models/{stored.run_id}/artifacts/model/data/files/model.json" in keys
        assert dict(elsewhere.files(found)) == dict(files)
    finally:
        server.stop()


def test_files_in_the_own_store_are_checked_too(tmp_path: Path) -> None:
    store = ModelFiles(tmp_path)
    sha256 = store.put(learned(1))
    assert store.put(learned(1)) == sha256
    (store.folder(sha256) / "model.json").write_bytes(b"{}")

    with pytest.raises(Unreadable, match="expected their folder's name"):
        store.get(sha256)
    with pytest.raises(Missing, match="expected those of a model that was resolved here before"):
        store.get("0" * 64)
    with pytest.raises(Rejected, match="expected 64 hexadecimal digits"):
        store.get("../../etc/passwd")
    assert store.remembered("trend", "champion") is None


def test_a_models_project_trains_it_again(tmp_path: Path) -> None:
    from mlflow.projects.utils import load_project

    (tmp_path / "MLproject").write_text(project("trend"))

    command = load_project(str(tmp_path)).get_entry_point("main").compute_command({"partition": "2024-01-06"}, str(tmp_path))

    assert command == "tradewinds job run train_trend --partition 2024-01-06"


def test_names_are_read() -> None:
    assert parsed("models:/trend@champion") == ("trend", "", "champion")
    assert parsed("models:/trend/12") == ("trend", "12", "")


@contextmanager
def started(command: list[str], environment: dict[str, str]) -> Iterator[Callable[[str], None]]:
    """A process of its own session, ended with its children afterwards; gives a function that waits until it answers at an address."""
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        yield lambda url: _wait(process, url)
    finally:
        for sent in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, sent)
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=10)


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    for _ in range(900):
        if process.poll() is not None:
            said = process.stdout.read().decode()[-2000:] if process.stdout else ""
            pytest.fail(f"{process.args}: ended with {process.returncode}: {said}")
        with suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(url, timeout=2).close()
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
    pytest.fail(f"{process.args}: no answer at {url}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.mark.mlflow
@pytest.mark.timeout(180)
def test_a_server_keeps_models_and_mlflow_serves_them_over_rest(registry: ModelRegistry, tmp_path: Path, trend: Any) -> None:
    port, serving = free_port(), free_port()
    url, model_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{serving}"
    environment = {
        **os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_TRACKING_URI": registry.uri, "GIT_PYTHON_REFRESH": "quiet",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # it looks for uvicorn there
    }  # fmt: skip
    mlflow = [sys.executable, "-m", "mlflow"]
    server = [*mlflow, "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--backend-store-uri", registry.uri,
              "--serve-artifacts", "--artifacts-destination", (tmp_path / "artifacts").as_uri()]  # fmt: skip
    serve = [*mlflow, "models", "serve", "-m", "models:/trend@champion", "--env-manager", "local", "--host", "127.0.0.1",
             "--port", str(serving)]  # fmt: skip
    files = learned(7)
    with started(server, environment) as wait_for_server, started(serve, environment) as wait_for_model:
        wait_for_server(f"{url}/health")
        client = ModelRegistry(tmp_path, uri=url)

        stored = client.record(files, card_for("over_http", files), alias="champion")
        found = ModelRegistry(tmp_path / "other", uri=url).resolve("models:/over_http@champion")
        card = client.card(stored)
        wait_for_model(f"{model_url}/ping")
        body = json.dumps({"dataframe_split": {"columns": list(NAMES), "data": [[0.5, -0.25], [None, None]]}}).encode()
        request = urllib.request.Request(f"{model_url}/invocations", data=body, headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            told = json.load(answer)["predictions"]

    assert (found.version, found.sha256) == (stored.version, files_hash(files))
    assert card == card_for("over_http", files)
    assert told == [load_model(trend[1]).predict(np.array([[0.5, -0.25]]))[0], None]
