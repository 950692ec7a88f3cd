"""All services of a stack are of one build; the object store keeps the promise that the lake rests on."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tradewinds.app.build import BUILD, SHARED, build_hash, check_build
from tradewinds.app.object_store import check_store, make_bucket
from tradewinds.core.errors import DataFault, Rejected


def test_a_build_is_known_by_the_texts_of_its_files() -> None:
    other = subprocess.run([sys.executable, "-m", "tradewinds.app.build"], capture_output=True, text=True, check=True).stdout

    assert other == f"{build_hash()}\n"
    assert len(build_hash()) == 16


def test_without_a_stack_there_is_nothing_to_compare_with() -> None:
    assert check_build({}) == build_hash()


def test_files_that_are_not_those_of_the_image_are_refused() -> None:
    with pytest.raises(Rejected, match="its files are not those of the image, expected 0123456789abcdef"):
        check_build({BUILD: "0123456789abcdef"})


def test_many_services_that_start_at_once_agree_and_another_build_is_refused(tmp_path: Path) -> None:
    shared = {SHARED: str(tmp_path / "shared" / "build")}

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: check_build(shared), range(32))) == {build_hash()}
    (tmp_path / "shared" / "build").write_text("fedcba9876543210\n")

    with pytest.raises(Rejected, match="the stack runs fedcba9876543210, expected one build for all services"):
        check_build(shared)
    assert [place.name for place in (tmp_path / "shared").iterdir()] == ["build"]


def test_a_service_of_another_build_ends_before_its_program_begins(tmp_path: Path) -> None:
    (tmp_path / "build").write_text("fedcba9876543210\n")
    words = [sys.executable, "-m", "tradewinds.app.build", "touch", str(tmp_path / "begun")]

    done = subprocess.run(
        words, env={"PATH": "/usr/bin:/bin", SHARED: str(tmp_path / "build")}, capture_output=True, text=True, check=False
    )
    fine = subprocess.run(words, env={"PATH": "/usr/bin:/bin", SHARED: str(tmp_path / "mine")}, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr.startswith(f"tradewinds: build {build_hash()}: the stack runs fedcba9876543210")
    assert fine.returncode == 0
    assert (tmp_path / "begun").exists()


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """A client of an S3 server on a free port of the loopback."""
    server_module = pytest.importorskip("moto.server", reason="moto is absent: no S3 server")
    boto3 = pytest.importorskip("boto3", reason="boto3 is absent: no S3 client")
    from botocore.config import Config

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    made = boto3.client(
        "s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1", aws_access_key_id="local", aws_secret_access_key="local",
        config=Config(proxies={}, max_pool_connections=16),
    )  # fmt: skip
    yield made
    made.close()
    server.stop()


class Racing:
    """A store that looks first and writes later, as some do: every one who looked early enough succeeds."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def put_object(self, **words: Any) -> Any:
        words.pop("IfNoneMatch", None)
        return self._client.put_object(**words)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def test_a_store_where_two_writers_create_the_same_object_is_refused(client: Any) -> None:
    assert make_bucket(client, "racing")

    with pytest.raises(DataFault, match=r"4 of 4 created the same object in round 1.* expected one"):
        check_store(Racing(client), "racing", racers=4, rounds=2)


def test_a_store_that_keeps_its_promise_is_left_as_it_was(client: Any) -> None:
    make_bucket(client, "probed")

    check_store(client, "probed", racers=8, rounds=6)

    assert client.list_objects_v2(Bucket="probed").get("Contents", []) == []
