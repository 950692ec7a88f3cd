"""What the user wrote in `tradewinds.yaml`, as plain frozen data. `wiring.settings` reads, checks and fills it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar, Literal

from tradewinds.jobs.research_config import EngineConfig, ModelConfig, ResearchConfig

UNIVERSE = "universe"

# Read by pydantic when the file is checked: a key that is not a field is refused.
_STRICT: Any = {"extra": "forbid"}


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorConfig:
    """One vendor as configured. `use`: a registered vendor or `module:Class`; `url`: instead of its own address."""

    __pydantic_config__: ClassVar[Any] = _STRICT
    use: str
    url: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Which instruments at which bar interval, how far back. `instruments` may be `("universe",)`."""

    __pydantic_config__: ClassVar[Any] = _STRICT
    interval: str
    instruments: tuple[str, ...]
    since: date


@dataclass(frozen=True, slots=True, kw_only=True)
class UniverseConfig:
    """The top `top` coins by market cap that trade against `quote`, less `exclude`, plus `include` (venue symbols)."""

    __pydantic_config__: ClassVar[Any] = _STRICT
    source: str = "coingecko"
    top: int = 100
    quote: str = "USDT"
    exclude: tuple[str, ...] = ()
    include: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CryptoConfig:
    """One crypto venue: bulk files from `archive`, the newest bars from `rest`. `venue`: as instrument ids name it."""

    __pydantic_config__: ClassVar[Any] = _STRICT
    market: Literal["spot", "um", "cm"] = "spot"
    venue: str | None = None
    archive: str = "binance_archive"
    rest: str = "binance_rest"
    funding: str | None = None
    universe: UniverseConfig = UniverseConfig()
    bars: tuple[History, ...] = ()
    trades: tuple[str, ...] = ()
    trades_since: date | None = None
    shard_symbols: int = 10
    shard_months: int = 3

    @property
    def venue_name(self) -> str:
        """BINANCE for spot, BINANCE_UM and BINANCE_CM for futures, unless the configuration names another."""
        return self.venue or ("BINANCE" if self.market == "spot" else f"BINANCE_{self.market.upper()}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EquitiesConfig:
    """One exchange's equities from several vendors, reconciled after each close.

    `second_opinions`: vendors of adjusted closes alone, which check returns but supply no bars. `minor_difference`: a fraction; where
    vendors differ by no more and nothing decides, the first named vendor wins instead of a hold.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    calendar: str
    instruments: tuple[str, ...]
    vendors: tuple[str, ...]
    since: date
    second_opinions: tuple[str, ...] = ()
    currency: str = "USD"
    delay_minutes: int = 60
    lateness_hours: float = 12.0
    minor_difference: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FxConfig:
    """Currency pairs from one vendor."""

    __pydantic_config__: ClassVar[Any] = _STRICT
    vendor: str = "oanda"
    bars: tuple[History, ...] = ()
    kind: Literal["quotes", "bars"] = "quotes"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetConfig:
    """Any other dataset (cot, funding, company-facts, rates, a declared one): a vendor, its subjects, a schedule."""

    __pydantic_config__: ClassVar[Any] = _STRICT
    vendor: str
    dataset: str
    since: date
    instruments: tuple[str, ...] = ()
    schedule: str = "0 6 * * *"
    freshness_hours: float = 48.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountConfig:
    """One account at one broker. Keys never stand here: see `wiring.keys`.

    broker: binance, binance_um, oanda, ibkr, client_portal, paper, or ccxt:<exchange>. url: instead of the broker's own address.
    currency: of its books, None for the broker's usual one. journal: `sqlite`, or a PostgreSQL address.
    connection: an Airflow connection that holds the keys. instruments: traded by hand, besides those of the strategies.
    limits: words of `risk.bounds.Limits`. day_zone, day_starts: when its trading day begins, which the loss of a day counts from.
    options: the adapter's own.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    broker: str
    environment: Literal["test", "live"] = "test"
    url: str | None = None
    currency: str | None = None
    lots: Literal["fifo", "hifo", "average"] = "fifo"
    journal: str = "sqlite"
    connection: str | None = None
    instruments: tuple[str, ...] = ()
    limits: Mapping[str, Any] = field(default_factory=dict)
    day_zone: str = "UTC"
    day_starts: str | int = "00:00"
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteConfig:
    """Where alerts go. Its address is a secret: TRADEWINDS_ALERTS__ROUTES__<NAME>__URL, or `..._FILE` naming a file.

    severities, sources: what it takes; no sources are all. summary: whether it gets the summary of the day. quiet_hours: such as
    22:00-07:00 by the clocks of `zone`. escalate_to: the route that is told when nobody acknowledged within `escalate_minutes`.
    messages_max: within `window_minutes`; what is beyond becomes a digest.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    severities: tuple[Literal["info", "warning", "critical"], ...] = ("info", "warning", "critical")
    sources: tuple[str, ...] = ()
    summary: bool = False
    quiet_hours: str | None = None
    zone: str | None = None
    escalate_to: str | None = None
    escalate_minutes: float = 15.0
    escalate_severities: tuple[Literal["info", "warning", "critical"], ...] = ("critical",)
    messages_max: int = 10
    window_minutes: float = 10.0
    attempts_max: int = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchConfig:
    """What is told. refusals, refusal_minutes: so many orders refused by one rule of an account in that time. late_hours: a run that has
    not ended by then. expected: job -> hours within which a run of it has to end well. silent_s: without a heartbeat of a process.
    down_s: without a connection to an account's broker.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    refusals: int = 5
    refusal_minutes: float = 10.0
    late_hours: float = 6.0
    expected: Mapping[str, float] = field(default_factory=dict)
    silent_s: float = 7.0
    down_s: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TelegramConfig:
    """The bot that answers people. Its token is a secret: TRADEWINDS_ALERTS__TELEGRAM__TOKEN, or `..._FILE` naming a file.

    users: Telegram's id of a person -> name of a user of Tradewinds, whose role says what the person may do. api: address of the Bot API.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    users: Mapping[int, str] = field(default_factory=dict)
    api: str = "https://api.telegram.org"
    confirm_within_s: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsConfig:
    """Alerts on conditions: the table of the workspace, and when it is looked at: after bars were published, or by a cron expression.

    hook: `module:function`, which is called with each new alert. routes: where alerts of every kind go, by name. watch: what is one.
    summary: the time of the summary of the day by the clocks of `zone`, such as 07:30.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    file: str = "alerts.csv"
    schedule: str | None = None
    hook: str | None = None
    routes: Mapping[str, RouteConfig] = field(default_factory=dict)
    watch: WatchConfig = WatchConfig()
    summary: str | int | None = None
    zone: str = "UTC"
    telegram: TelegramConfig | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AirflowConfig:
    """Where Airflow's tasks run: in processes of the scheduler (`local`), or on `celery_workers` workers that share `slots` tasks at once.

    broker_url: a Redis of your own for Celery, by environment where it holds a password; None starts one on this machine.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    executor: Literal["local", "celery"] = "local"
    slots: int = 4
    celery_workers: int = 2
    broker_url: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """Where things live; None means below the home."""

    __pydantic_config__: ClassVar[Any] = _STRICT
    raw: str | None = None
    lake: str | None = None
    pack: str | None = None
    ledger: str | None = None
    warehouse: str | None = None
    marts: str | None = None
    models: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole configuration.

    `calendars` names override files. `engine` is where models are fitted. `models` come from the workspace's `models/*.yaml`. `clock`
    holds a replay time in demo and tests: ISO 8601, or `@FILE` that holds one.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    home: str
    workspace: str | None = None
    clock: str | None = None
    storage: Storage = Storage()
    vendors: Mapping[str, VendorConfig] = field(default_factory=dict)
    crypto: Mapping[str, CryptoConfig] = field(default_factory=dict)
    equities: Mapping[str, EquitiesConfig] = field(default_factory=dict)
    fx: FxConfig | None = None
    datasets: Mapping[str, DatasetConfig] = field(default_factory=dict)
    accounts: Mapping[str, AccountConfig] = field(default_factory=dict)
    research: Mapping[str, ResearchConfig] = field(default_factory=dict)
    models: Mapping[str, ModelConfig] = field(default_factory=dict)
    alerts: AlertsConfig | None = None
    airflow: AirflowConfig = AirflowConfig()
    engine: EngineConfig = field(default_factory=EngineConfig)
    schedules: Mapping[str, str] = field(default_factory=dict)
    calendars: tuple[str, ...] = ()
    retention_days: int = 30
    pack_keep: int = 3
    workers: int = 2
