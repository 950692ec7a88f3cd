"""Prometheus metrics of this process: counted as things happen, read by whoever scrapes the loopback.

1. `open_metrics(process)` makes what counts; where prometheus-client is not installed it counts nothing and says nothing.
2. `serve` answers GET /metrics on 127.0.0.1, at any free port, and writes it to `<home>/metrics/<process>.json`, which is what the
   `file_sd_configs` of Prometheus reads. A clean end takes the file away.
3. What costs something to know (age of a heartbeat, runs of the ledger) is asked for at the scrape, by `at_scrape`.

TRADEWINDS_METRICS_ADDRESS: `host:port` in a container, `off` for nothing at all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tradewinds import __version__
from tradewinds.core.errors import Invariant, Rejected
from tradewinds.wire.metric_table import TABLE, Declared, Kind

SETTING = "TRADEWINDS_METRICS_ADDRESS"
ANYWHERE = "127.0.0.1:0"
OFF = "off"


class Counter(Protocol):
    def inc(self, amount: float = 1) -> None: ...


class Gauge(Protocol):
    def inc(self, amount: float = 1) -> None: ...

    def dec(self, amount: float = 1) -> None: ...

    def set(self, value: float) -> None: ...


class Histogram(Protocol):
    def observe(self, amount: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Reading:
    """A gauge as it is at the scrape. labels: values, in the order of the table."""

    name: str
    value: float
    labels: tuple[str, ...] = ()


class Metrics:
    """What this process counts. Each series is made when it is first asked for; ask once and keep it where it counts often."""

    def __init__(self, process: str) -> None:
        from prometheus_client import CollectorRegistry, ProcessCollector

        self.process = process
        self.registry: Any = CollectorRegistry()
        self._families: dict[str, Any] = {}
        self._series: dict[tuple[str, tuple[str, ...]], Any] = {}
        ProcessCollector(registry=self.registry)
        self.gauge("tradewinds_build_info", process, __version__).set(1)

    def counter(self, name: str, *labels: str) -> Counter:
        """labels: values, in the order of the table."""
        found: Counter = self._of("counter", name, labels)
        return found

    def gauge(self, name: str, *labels: str) -> Gauge:
        found: Gauge = self._of("gauge", name, labels)
        return found

    def histogram(self, name: str, *labels: str) -> Histogram:
        found: Histogram = self._of("histogram", name, labels)
        return found

    def forget(self, name: str) -> None:
        """Take every series of a metric away, before it is told anew: what is not held any more has no position."""
        if name in self._families:
            self._families[name].clear()
        for key in [key for key in self._series if key[0] == name]:
            del self._series[key]

    def at_scrape(self, read: Callable[[], Iterable[Reading]]) -> None:
        """Ask `read` for gauges at each scrape. What it raises leaves its gauges out, never the whole answer."""
        self.registry.register(_AtScrape(read))

    def exposition(self) -> tuple[bytes, str]:
        """(body, content type) of an answer to GET /metrics, in Prometheus' text format."""
        from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

        return generate_latest(self.registry), CONTENT_TYPE_PLAIN_0_0_4

    def _of(self, kind: Kind, name: str, labels: tuple[str, ...]) -> Any:
        found = self._series.get((name, labels))
        if found is None:
            family = self._families.get(name)
            if family is None:
                family = self._families[name] = _family(declared(name, kind, labels), self.registry)
            declared(name, kind, labels)
            found = self._series[name, labels] = family.labels(*labels) if labels else family
        return found


class NoMetrics:
    """Counts nothing: `Metrics` where prometheus-client is not installed, or nobody wants any."""

    registry: Any = None

    def __init__(self, process: str) -> None:
        self.process = process

    def counter(self, name: str, *labels: str) -> Counter:
        return _NOTHING

    def gauge(self, name: str, *labels: str) -> Gauge:
        return _NOTHING

    def histogram(self, name: str, *labels: str) -> Histogram:
        return _NOTHING

    def forget(self, name: str) -> None:
        """Nothing was told."""

    def at_scrape(self, read: Callable[[], Iterable[Reading]]) -> None:
        """Nobody scrapes."""

    def exposition(self) -> tuple[bytes, str]:
        return b"", "text/plain"


AnyMetrics = Metrics | NoMetrics


def open_metrics(process: str, environment: Mapping[str, str] | None = None) -> AnyMetrics:
    """The metrics of a process of ours, such as `trade`."""
    from importlib.util import find_spec

    env = os.environ if environment is None else environment
    if env.get(SETTING) == OFF or find_spec("prometheus_client") is None:
        return NoMetrics(process)
    return Metrics(process)


def declared(name: str, kind: Kind, labels: tuple[str, ...]) -> Declared:
    """The metric as the table has it; raises Invariant where it has none such."""
    found = TABLE.get(name)
    if found is None or found.kind != kind or len(found.labels) != len(labels):
        raise Invariant(f"metric {name}: {kind} with {len(labels)} labels, expected one of wire/metric_table.py")
    return found


@dataclass(slots=True)
class Served:
    """Metrics that are answered for. address: host:port, None where nothing is served."""

    address: str | None = None
    place: Path | None = None
    _server: Any = None

    def close(self) -> None:
        """Answer no more, and be found no more."""
        if self.place is not None:
            self.place.unlink(missing_ok=True)
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


def targets(home: Path) -> Path:
    """Where the processes of a home say where they are scraped."""
    return home / "metrics"


def serve(metrics: AnyMetrics, home: Path, environment: Mapping[str, str] | None = None) -> Served:
    """Answer scrapes from a thread of its own until `close`. Raises Rejected where the address is none, or is taken."""
    if isinstance(metrics, NoMetrics):
        return Served()
    from prometheus_client import start_http_server

    env = os.environ if environment is None else environment
    given = env.get(SETTING, ANYWHERE)
    host, _, port = given.rpartition(":")
    if not host or not port.isdigit():
        raise Rejected(f"{SETTING}: {given!r}, expected host:port, or {OFF}")
    try:
        server, _ = start_http_server(int(port), host, metrics.registry)
    except OSError as error:
        raise Rejected(f"metrics of {metrics.process} at {given}: {error.strerror}, expected an address that is free") from None
    address = f"{host}:{server.server_port}"
    return Served(address, announce(home, metrics.process, address), server)


def announce(home: Path, process: str, address: str) -> Path:
    """Tell Prometheus where a process is scraped, by a file that it watches; whole or not at all."""
    place = targets(home) / f"{process}.json"
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = place.with_suffix(f".{os.getpid()}.part")
    fresh.write_text(json.dumps([{"targets": [address], "labels": {"process": process}}]))
    return fresh.replace(place)


class _Nothing:
    def inc(self, amount: float = 1) -> None: ...

    def dec(self, amount: float = 1) -> None: ...

    def set(self, value: float) -> None: ...

    def observe(self, amount: float) -> None: ...


_NOTHING = _Nothing()


class _AtScrape:
    """A collector of prometheus-client."""

    def __init__(self, read: Callable[[], Iterable[Reading]]) -> None:
        self._read = read

    def describe(self) -> Iterable[Any]:
        return ()

    def collect(self) -> Iterable[Any]:
        from prometheus_client.core import GaugeMetricFamily

        found: dict[str, Any] = {}
        try:
            readings = list(self._read())
        except Exception:  # noqa: BLE001 - a ledger that is away must not hide what this process counts
            return ()
        for one in readings:
            told = declared(one.name, "gauge", one.labels)
            family = found.setdefault(one.name, GaugeMetricFamily(one.name, told.help, labels=told.labels))
            family.add_metric(one.labels, one.value)
        return found.values()


def _family(told: Declared, registry: Any) -> Any:
    import prometheus_client

    if told.kind == "histogram":
        return prometheus_client.Histogram(told.name, told.help, told.labels, registry=registry, buckets=told.bounds)
    make: Any = prometheus_client.Counter if told.kind == "counter" else prometheus_client.Gauge
    return make(told.name, told.help, told.labels, registry=registry)
