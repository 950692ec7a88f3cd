"""Whatever damage bytes take, reading them gives rows or says that they are unreadable, never anything else."""

from __future__ import annotations

import io
import json
import random
import zipfile

import pytest

from tradewinds.core.errors import Unreadable
from tradewinds.core.instant import parse
from tradewinds.core.observation import Payload, Pull
from tradewinds.vendors.binance_archive import BinanceArchive
from tradewinds.vendors.binance_rest import BinanceRest

LOCATOR = "data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2024-12-31.zip"
LINES = (
    b"1735603200000,100000.01,100000.03,0.00000812,100000.02,1.5,1735603259999,150000.03,7,0.5,50000.01,0\n"
    b"1735603260000,100000.02,100000.02,100000.02,100000.02,0,1735603319999,0,0,0,0,0\n"
)
BODY = json.dumps([line.split(",") for line in LINES.decode().splitlines()]).encode()


def zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("BTCUSDT-1m-2024-12-31.csv", content)
    return buffer.getvalue()


def damaged(content: bytes, chance: random.Random, alphabet: bytes) -> bytes:
    """`content` with one to four bytes changed, removed or put in."""
    found = bytearray(content)
    for _ in range(chance.randrange(1, 5)):
        at = chance.randrange(len(found))
        match chance.randrange(4):
            case 0:
                del found[at : at + chance.randrange(1, 30)]
            case 1:
                found[at:at] = bytes(chance.choice(alphabet) for _ in range(chance.randrange(1, 9)))
            case _:
                found[at] = chance.choice(alphabet)
        found = found or bytearray(b"x")
    return bytes(found)


@pytest.mark.parametrize("seed", range(5))
def test_a_damaged_archive_is_read_or_unreadable(http, seed):
    chance, archive, good = random.Random(seed), BinanceArchive(http), zipped(LINES)
    told = []

    for _ in range(200):
        bad = damaged(good, chance, bytes(range(256)))
        try:
            rows = archive.parse(Payload(Pull("binance_archive", "bars-1m", LOCATOR), bad, parse("2026-11-20")))
        except Unreadable as error:
            told.append(str(error))
        else:
            # What the damage left intact is read as it was: only times of files and the like stand outside the CRC.
            assert rows["close"].to_list() == [100000.02, 100000.02]
    assert len(told) > 100
    assert all("BTCUSDT-1m-2024-12-31" in message for message in told)


@pytest.mark.parametrize("seed", range(5))
def test_a_damaged_table_is_read_or_unreadable(http, seed):
    chance, archive = random.Random(seed), BinanceArchive(http)
    told = 0

    for _ in range(200):
        bad = zipped(damaged(LINES, chance, b'0123456789,.-\nenaif"\r \x00\xff'))
        try:
            rows = archive.parse(Payload(Pull("binance_archive", "bars-1m", LOCATOR), bad, parse("2026-11-20")))
        except Unreadable:
            told += 1
        else:
            assert rows["start_ns"].is_sorted()
            assert rows.null_count().sum_horizontal()[0] == 0
    assert told > 100


@pytest.mark.parametrize("seed", range(5))
def test_a_damaged_answer_is_read_or_unreadable(http, seed):
    chance, rest = random.Random(seed), BinanceRest(http)
    told = 0

    for _ in range(200):
        bad = damaged(BODY, chance, b'0123456789,.-\nenaif"\r \x00\xff[]{}:')
        pull = Pull("binance_rest", "bars-1m", "/api/v3/klines", {"symbol": "BTCUSDT"})
        try:
            rest.parse(Payload(pull, bad, parse("2026-11-20")))
        except Unreadable:
            told += 1
    assert told > 100
