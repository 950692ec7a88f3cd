"""An S3 server on the loopback for the contract suites."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session")
def s3_client() -> Iterator[Any]:
    """A boto3 client of a moto server on a free port."""
    server_module = pytest.importorskip("moto.server", reason="moto is absent: no S3 server for the contract")
    boto3 = pytest.importorskip("boto3", reason="boto3 is absent: no S3 client")
    from botocore.config import Config

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(proxies={}, retries={"max_attempts": 2}),
    )
    yield client
    client.close()
    server.stop()


@pytest.fixture
def s3_bucket(s3_client: Any) -> tuple[Any, str]:
    """The client and a new, empty bucket."""
    bucket = f"lake-{uuid.uuid4().hex[:16]}"
    s3_client.create_bucket(Bucket=bucket)
    return s3_client, bucket
