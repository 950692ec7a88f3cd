"""A small market, a strategy file, and the engines that run over them."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tradewinds.core.instant import NS_PER_DAY, parse
from tradewinds.core.instrument import Instrument
from tradewinds.engines.batch import BatchEngine
from tradewinds.engines.parcel import Parcel
from tradewinds.history.panel import Panel
from tradewinds.simulation.market import Market, market_of_panel
from tradewinds.simulation.rules import BasisPoints, Setup
from tradewinds.simulation.sweep_work import Span, SweepWork
from tradewinds.wiring.strategy_file import load_strategy

VECTOR = """
import os

import numpy as np

from tradewinds.core.errors import Rejected
from tradewinds.trading.strategy import Int, vector


def average(values, length):
    sums = np.cumsum(np.concatenate([np.zeros((1, values.shape[1])), values]), axis=0)
    out = np.full(values.shape, np.nan)
    out[length - 1 :] = (sums[length:] - sums[:-length]) / length
    return out


@vector(parameters={"fast": Int(3, 1, 50), "slow": Int(8, 1, 50)}, lookback=lambda p: max(p.fast, p.slow))
def cross(panel, params):
    if params.fast == 13:
        raise Rejected("fast 13, expected luckier numbers")
    if params.fast == 14:
        return np.zeros((3, 3))
    if params.fast == 15 and os.environ.get("TRADEWINDS_TEST_CRASH"):
        os._exit(9)
    print("a strategy may print")
    return np.where(average(panel.close, params.fast) > average(panel.close, params.slow), 1.0, 0.0)
"""


def market_and_panel(bars: int = 300) -> tuple[Market, Panel]:
    """Daily bars of one instrument on a seeded walk."""
    generator = np.random.default_rng(7)
    close = (100 * np.exp(np.cumsum(generator.normal(0.0005, 0.01, bars))))[:, None]
    start = parse("2020-01-01") + np.arange(bars, dtype=np.int64) * NS_PER_DAY
    opened = np.concatenate([close[:1], close[:-1]])
    fields = {
        "open": opened,
        "high": np.maximum(opened, close) * 1.001,
        "low": np.minimum(opened, close) * 0.999,
        "close": close,
        "volume": np.full(close.shape, 1e6),
    }
    panel = Panel(("ACME.XNAS",), start, start + NS_PER_DAY, (start + NS_PER_DAY)[:, None], fields)
    return market_of_panel(panel, [Instrument("ACME.XNAS", "equity", "USD", "XNAS")]), panel


@pytest.fixture(scope="module")
def strategy_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("strategies") / "cross.py"
    path.write_text(VECTOR)
    return path


@pytest.fixture(scope="module")
def work(strategy_file: Path) -> SweepWork:
    market, panel = market_and_panel()
    halves = np.zeros((2, 299), np.bool_)
    halves[0, :150] = halves[1, 150:] = True
    return SweepWork(load_strategy(strategy_file), market, panel, Setup(costs=(BasisPoints(1),)), (Span(0, 300, halves),))


class Cloud:
    """S3 and AWS Batch of a moto server; the containers of a submitted job run here, as processes, before `submit_job` answers.

    lost: how often the container of an index ends before it has put anything.
    """

    def __init__(self, url: str) -> None:
        import boto3
        from botocore.config import Config

        self.url = url
        keys = {"region_name": "us-east-1", "aws_access_key_id": "local", "aws_secret_access_key": "local", "endpoint_url": url}
        clients = [boto3.client(name, config=Config(proxies={}, retries={"max_attempts": 2}), **keys) for name in ("s3", "batch", "iam")]
        self.s3, self._batch, iam = clients
        self._open = clients
        self.bucket = f"sweep-{uuid.uuid4().hex[:12]}"
        self.s3.create_bucket(Bucket=self.bucket)
        self.queue, self.definition = f"queue-{self.bucket}", f"definition-{self.bucket}"
        role = iam.create_role(RoleName=self.bucket, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        self._batch.create_compute_environment(computeEnvironmentName=self.bucket, type="UNMANAGED", state="ENABLED", serviceRole=role)
        self._batch.create_job_queue(
            jobQueueName=self.queue, state="ENABLED", priority=1, computeEnvironmentOrder=[{"order": 1, "computeEnvironment": self.bucket}]
        )
        container = {"image": "tradewinds", "vcpus": 1, "memory": 512}
        self._batch.register_job_definition(jobDefinitionName=self.definition, type="container", containerProperties=container)
        self.lost: dict[int, int] = {}
        self.submitted: list[dict[str, Any]] = []
        self.terminated: list[str] = []
        self.runs_containers = True

    def engine(self, parcel: Parcel, **changed: Any) -> BatchEngine:
        """An engine of two workers that never waits."""
        place = f"s3://{self.bucket}/sweeps"
        given = {"queue": self.queue, "workers": 2, "pause": lambda _: None} | changed
        return BatchEngine(parcel, place=place, definition=self.definition, name=uuid.uuid4().hex, clients=(self.s3, self), **given)

    def submit_job(self, **asked: Any) -> Any:
        answer = self._batch.submit_job(**asked)
        self.submitted.append(asked)
        if self.runs_containers:
            for index in range(asked.get("arrayProperties", {}).get("size", 1)):
                self._contain(asked["containerOverrides"]["command"], index, is_array="arrayProperties" in asked)
        return answer

    def describe_jobs(self, **asked: Any) -> Any:
        found = self._batch.describe_jobs(**asked)
        if not self.runs_containers:
            for job in found["jobs"]:
                job["status"] = "RUNNING"
        return found

    def terminate_job(self, **asked: Any) -> Any:
        self.terminated.append(asked["jobId"])
        return self._batch.terminate_job(**asked)

    def close(self) -> None:
        for client in self._open:
            client.close()

    def _contain(self, command: list[str], index: int, *, is_array: bool) -> None:
        if self.lost.get(index, 0) > 0:
            self.lost[index] -= 1
            return
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_BATCH")}
        environment |= {"AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "NO_PROXY": "*"}
        environment |= {"AWS_DEFAULT_REGION": "us-east-1"} | ({"AWS_BATCH_JOB_ARRAY_INDEX": str(index)} if is_array else {})
        assert command[0] == "python"
        subprocess.run([sys.executable, *command[1:]], env=environment, check=True, stderr=subprocess.DEVNULL)


@pytest.fixture(scope="session")
def cloud_url() -> Iterator[str]:
    """A moto server on a free port, whose AWS Batch starts no containers."""
    server_module = pytest.importorskip("moto.server", reason="moto is absent: no AWS for the contract")
    pytest.importorskip("boto3", reason="boto3 is absent: no client of AWS")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    asked = urllib.request.Request(f"{url}/moto-api/config", data=b'{"batch": {"use_docker": false}}', method="POST")
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked).close()
    yield url
    server.stop()


@pytest.fixture(scope="module")
def module_cloud(cloud_url: str) -> Iterator[Cloud]:
    found = Cloud(cloud_url)
    yield found
    found.close()


@pytest.fixture
def cloud(cloud_url: str) -> Iterator[Cloud]:
    found = Cloud(cloud_url)
    yield found
    found.close()
