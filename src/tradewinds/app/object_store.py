"""Whether an object store keeps the one promise that the lake's commits rest on: of many that create the same object, exactly one does.

`python -m tradewinds.app.object_store [--make] s3://bucket` makes the bucket where asked to, lets `RACERS` create one object at the same
moment, `ROUNDS` times, and ends with an error where more or fewer than one succeeded. Some servers check a condition first and write
later, and pass every test that writes one after the other. Address and credentials come from where boto3 looks for them.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tradewinds.core.errors import DataFault, Rejected, TradewindsError

RACERS = 8
ROUNDS = 16


def check_store(client: Any, bucket: str, *, racers: int = RACERS, rounds: int = ROUNDS) -> None:
    """Raises DataFault naming the round and the winners where not exactly one of the racers created the object. Leaves nothing behind."""
    from tradewinds.stores.lake_s3 import S3Files

    folder = f"probe-{secrets.token_hex(8)}"
    files = S3Files(client, bucket)
    with ThreadPoolExecutor(racers) as pool:
        for number in range(rounds):
            path, gate = f"{folder}/{number}", threading.Barrier(racers)

            def create(racer: int, path: str = path, gate: threading.Barrier = gate) -> bool:
                gate.wait()
                return files.create(path, f"{racer}".encode())

            try:
                winners = [racer for racer, won in enumerate(pool.map(create, range(racers))) if won]
                found = files.read(path)
            finally:
                files.delete(path)
            if len(winners) != 1 or found != f"{winners[0]}".encode():
                raise DataFault(
                    f"object store, bucket {bucket}: {len(winners)} of {racers} created the same object in round {number + 1}, and it "
                    f"holds {found!r}; expected one. The lake would lose commits there: use a store that keeps If-None-Match under load"
                )


def make_bucket(client: Any, bucket: str) -> bool:
    """True where it was made, False where it was there already."""
    from botocore.exceptions import ClientError

    try:
        client.create_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
            return False
        raise Rejected(
            f"object store, bucket {bucket}: {error.response.get('Error', {}).get('Code')}, expected one that can be made"
        ) from None
    return True


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0: it keeps the promise."""
    import boto3

    parser = argparse.ArgumentParser(prog="python -m tradewinds.app.object_store", description="Probe conditional writes.")
    parser.add_argument("place", help="s3://bucket")
    parser.add_argument("--make", action="store_true", help="make the bucket where it is absent")
    given = parser.parse_args(arguments)
    bucket = str(given.place).removeprefix("s3://").strip("/")
    client = boto3.client("s3")
    try:
        if given.make:
            make_bucket(client, bucket)
        check_store(client, bucket)
    except TradewindsError as error:
        sys.stderr.write(f"tradewinds: {error}\n")
        return error.exit_code
    sys.stdout.write(f"{given.place}: {RACERS} writers, {ROUNDS} rounds, one winner each\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
