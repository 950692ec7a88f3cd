"""The Binance archive: zip files with their CHECKSUM, made on request, and the S3 listing.

A file's bytes depend on the seed, its name and the faults that change bars alone, so that asking twice brings the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from datetime import UTC, datetime
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import anyio.to_thread

from tradewinds.sandbox import bars as bar_text
from tradewinds.sandbox.archive_keys import ArchiveKey, archive_key, exists, keys
from tradewinds.sandbox.bars import DAY_MS, MICROSECONDS_FROM_MS
from tradewinds.sandbox.faults import Fault
from tradewinds.sandbox.recorded import RecordedMarket
from tradewinds.sandbox.world import World

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

VENUE = "binance_archive"
HEADER_FROM_MS = 1_640_995_200_000  # futures files have had a header line since about 2022
ZIP_LEVEL = 6
PRINTS_ZIP_LEVEL = 3  # days of prints are large, and made while somebody waits
KEYS_A_PAGE = 1_000
BYTES_A_BAR = 46  # what a zipped minute takes, for the sizes that a listing shows of files not made yet
_DIGESTS_MAX = 50_000
AT_ONCE = 2  # files in the making; each takes some tens of megabytes
_LOCKS = 16
_TRADE_HEADER = b"id,price,qty,quote_qty,time,is_buyer_maker\n"
_AGGREGATE_HEADER = b"agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"


class ArchiveFiles:
    """Makes the zips, and keeps the latest of them within a bound of bytes and the digests of many more."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = Lock()
        self._turns = BoundedSemaphore(AT_ONCE)
        self._making = [Lock() for _ in range(_LOCKS)]
        self._zips: OrderedDict[tuple[object, ...], bytes] = OrderedDict()
        self._bytes = 0
        self._digests: OrderedDict[tuple[object, ...], tuple[str, int]] = OrderedDict()

    def content(self, key: ArchiveKey) -> bytes:
        """The zip's bytes."""
        name = self._name(key)
        with self._making[hash(key.stem) % _LOCKS]:
            with self._lock:
                if name in self._zips:
                    self._zips.move_to_end(name)
                    return self._zips[name]
            with self._turns:
                made = _zip(self._world, key)
            self._keep(name, made)
            return made

    def digest(self, key: ArchiveKey) -> str:
        """The SHA-256 of the zip."""
        known = self.known(key)
        return known[0] if known else hashlib.sha256(self.content(key)).hexdigest()

    def known(self, key: ArchiveKey) -> tuple[str, int] | None:
        """SHA-256 and size, None where the file was not made lately."""
        with self._lock:
            return self._digests.get(self._name(key))

    @property
    def cached_bytes(self) -> int:
        """How many bytes of zips are kept."""
        return self._bytes

    def _name(self, key: ArchiveKey) -> tuple[object, ...]:
        return (*_place(key), _bar_faults(self._world, key))

    def _keep(self, name: tuple[object, ...], made: bytes) -> None:
        limit = self._world.config.zip_cache_bytes
        with self._lock:
            self._digests[name] = (hashlib.sha256(made).hexdigest(), len(made))
            if len(self._digests) > _DIGESTS_MAX:
                self._digests.popitem(last=False)
            if len(made) > limit // 2:
                return
            self._zips[name] = made
            self._bytes += len(made)
            while self._bytes > limit:
                self._bytes -= len(self._zips.popitem(last=False)[1])


def routes(world: World) -> list[Route]:
    """The archive's addresses: files below /data/, the listing at / and, as S3 has it, below /data.binance.vision."""
    from starlette.responses import Response
    from starlette.routing import Route

    files = ArchiveFiles(world)

    async def file(request: Request) -> Response:
        path = "data/" + request.path_params["path"]
        key = archive_key(path)
        if key is None or not exists(world, key):
            return _no_such_key(path)
        spoiled = world.faults.strike(("checksum",), VENUE, "/" + path, (), world.clock.now_ns()) if key.is_checksum else None
        if key.is_checksum:
            digest = await anyio.to_thread.run_sync(files.digest, key)
            digest = digest if spoiled is None else hashlib.sha256(digest.encode()).hexdigest()
            return Response(f"{digest}  {key.stem}.zip\n", media_type="binary/octet-stream", headers=_dated(key))
        content = await anyio.to_thread.run_sync(files.content, key)
        return Response(content, media_type="application/zip", headers=_dated(key))

    async def listing(request: Request) -> Response:
        text = await anyio.to_thread.run_sync(_listing, world, files, dict(request.query_params))
        return Response(text, media_type="application/xml")

    return [
        Route("/data/{path:path}", file),
        Route("/data.binance.vision/data/{path:path}", file),
        Route("/data.binance.vision", listing),
        Route("/data.binance.vision/", listing),
        Route("/", listing),
    ]


def _place(key: ArchiveKey) -> tuple[object, ...]:
    return key.kind, key.content, key.is_monthly, key.stem


def _bar_faults(world: World, key: ArchiveKey) -> tuple[Fault, ...]:
    return world.faults.on_bars(VENUE, key.symbol, world.clock.now_ns())


def _dated(key: ArchiveKey) -> dict[str, str]:
    return {"Last-Modified": datetime.fromtimestamp(key.out_ms / 1000, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")}


def _no_such_key(path: str) -> Response:
    from starlette.responses import Response

    head = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message>'
    text = f"{head}<Key>{escape(path)}</Key></Error>"
    return Response(text, 404, media_type="application/xml")


def _zip(world: World, key: ArchiveKey) -> bytes:
    if isinstance(world.source, RecordedMarket) and key.content == "klines" and not _bar_faults(world, key):
        recorded = world.source.original(key.symbol, key.interval or "", key.start_ms, key.end_ms, key.kind)
        if recorded is not None:
            return recorded
    buffer = io.BytesIO()
    stamp = datetime.fromtimestamp(key.out_ms / 1000, UTC)
    member = zipfile.ZipInfo(f"{key.stem}.csv", stamp.timetuple()[:6])
    member.compress_type = zipfile.ZIP_DEFLATED
    member.external_attr = 0o644 << 16
    level = ZIP_LEVEL if key.content.endswith("lines") else PRINTS_ZIP_LEVEL
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive, archive.open(member, "w") as out:
        for part in _csv(world, key):
            out.write(part)
    return buffer.getvalue()


def _csv(world: World, key: ArchiveKey) -> Iterator[bytes]:
    has_header = key.kind == "um" and key.start_ms >= HEADER_FROM_MS
    now_ns = world.clock.now_ns()
    if key.content == "klines":
        assert key.interval is not None
        found = (
            world.source.minutes(key.symbol, key.start_ms, key.end_ms, key.kind)
            if key.interval == "1m"
            else world.source.bars(key.symbol, key.interval, key.start_ms, key.end_ms, key.out_ms + 31 * DAY_MS, key.kind)
        )
        found = world.faults.alter(found, VENUE, key.symbol, now_ns)
        yield bar_text.csv(found, spot=key.kind == "spot", header=has_header)
        return
    if key.content == "markPriceKlines":
        from tradewinds.sandbox.perpetual import mark_bars

        assert key.interval is not None
        yield bar_text.csv(mark_bars(world, key.symbol, key.interval, key.start_ms, key.end_ms), spot=True, header=has_header)
        return
    if key.content == "fundingRate":
        from tradewinds.sandbox.perpetual import funding_csv

        yield funding_csv(world, key.symbol, key.start_ms, key.end_ms)
        return
    yield from _prints(world, key, has_header=has_header)


def _prints(world: World, key: ArchiveKey, *, has_header: bool) -> Iterator[bytes]:
    from tradewinds.sandbox.prints import archive_rows, prints

    if has_header:
        yield _TRADE_HEADER if key.content == "trades" else _AGGREGATE_HEADER
    if isinstance(world.source, RecordedMarket):
        return
    first, last = world.market.days_listed(key.symbol)
    is_micro = key.kind == "spot" and key.start_ms >= MICROSECONDS_FROM_MS
    for day in range(max(first, key.start_ms // DAY_MS), min(last + 1, key.end_ms // DAY_MS)):
        trades = prints(world.market, key.symbol, day, key.kind)
        table = archive_rows(trades, spot=key.kind == "spot", micro=is_micro, aggregate=key.content == "aggTrades")
        yield table.write_csv(None, include_header=False).encode()


def _listing(world: World, files: ArchiveFiles, asked: dict[str, str]) -> str:
    prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter", "")
    is_second = asked.get("list-type") == "2"
    after = asked.get("continuation-token") or asked.get("start-after", "") if is_second else asked.get("marker", "")
    limit = min(KEYS_A_PAGE, int(asked.get("max-keys") or KEYS_A_PAGE))
    found: list[tuple[str, bool]] = []
    for entry in keys(world, prefix, delimiter, after):
        if len(found) == limit:
            return _page(world, files, asked, found, more=True)
        found.append(entry)
    return _page(world, files, asked, found, more=False)


def _page(world: World, files: ArchiveFiles, asked: dict[str, str], found: list[tuple[str, bool]], *, more: bool) -> str:
    is_second = asked.get("list-type") == "2"
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">',
        f"<Name>data.binance.vision</Name><Prefix>{escape(asked.get('prefix', ''))}</Prefix>",
        f"<KeyCount>{len(found)}</KeyCount>" if is_second else f"<Marker>{escape(asked.get('marker', ''))}</Marker>",
        f"<MaxKeys>{KEYS_A_PAGE}</MaxKeys>",
        f"<Delimiter>{escape(asked['delimiter'])}</Delimiter>" if asked.get("delimiter") else "",
        f"<IsTruncated>{str(more).lower()}</IsTruncated>",
    ]
    if more and is_second:
        lines.append(f"<NextContinuationToken>{escape(found[-1][0])}</NextContinuationToken>")
    elif more and asked.get("delimiter"):
        lines.append(f"<NextMarker>{escape(found[-1][0])}</NextMarker>")
    for name, is_folder in found:
        lines.append(f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>" if is_folder else _entry(world, files, name))
    return "".join(lines) + "</ListBucketResult>"


def _entry(world: World, files: ArchiveFiles, name: str) -> str:
    key = archive_key(name)
    assert key is not None
    known = files.known(key)
    bars = (key.end_ms - key.start_ms) // bar_text.INTERVALS_MS.get(key.interval or "1m", DAY_MS)
    size = len(key.stem) + 71 if key.is_checksum else known[1] if known else bars * BYTES_A_BAR + 200
    stamp = datetime.fromtimestamp(key.out_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    tag = hashlib.blake2b(name.encode(), digest_size=16).hexdigest()
    return (
        f"<Contents><Key>{escape(name)}</Key><LastModified>{stamp}</LastModified><ETag>&quot;{tag}&quot;</ETag>"
        f"<Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
    )
