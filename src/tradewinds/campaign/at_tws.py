"""The stage of Interactive Brokers: the real adapter with ib_async over a link in memory, and the local TWS behind it."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from random import Random

from tradewinds.brokers.ibkr import IbkrBroker
from tradewinds.brokers.ibkr_ids import IdStore, MemoryIds
from tradewinds.brokers.ibkr_keeper import Patience
from tradewinds.campaign.chaos import Chaos, seeded
from tradewinds.campaign.loop import Loop, Process, VirtualLoop
from tradewinds.campaign.network import Network
from tradewinds.campaign.stage import Market, Traded, executed_positions, market_of
from tradewinds.core.broker import Broker
from tradewinds.core.instrument import Instrument, InstrumentKind
from tradewinds.core.order import Side
from tradewinds.core.ports import Clock
from tradewinds.sandbox.conversation import Talk
from tradewinds.sandbox.exchange import Exchange, VenueOrder
from tradewinds.sandbox.tws_contracts import Catalogue, pair, share
from tradewinds.sandbox.tws_gateway import Gateway, ib_fee

HOST, PORT = "tws.local", 80
DOWN_S = (0.3, 4.0)
CUT_S = (0.5, 5.0)
HELD_S = 0.4
REST_NS = 12_000_000_000  # one connection carries all; cut more often, nobody would trade
COMMISSION_S = 0.4
LOST = ("timeout_not_accepted",)
TOLD_OF_ORDERS = (b"3\0", b"5\0", b"11\0", b"59\0")
TOLD = (*TOLD_OF_ORDERS, b"61\0")
PLACE_ORDER = b"3\0"
PATIENCE = Patience(connect_s=2.0, question_s=2.0, order_s=2.0, heartbeat_s=10.0, again_s=0.2, again_s_max=1.0)
HEAD = 4
MORE_SHARES = ("MSFT", "NVDA", "AMZN", "META", "TSLA", "COST")
NIGHTS = 0.15  # of the seeds live through a midnight
BEFORE_MIDNIGHT_S = (140.0, 170.0)
MIDNIGHT_NS = 1_800_075_600_000_000_000  # 2027-01-16 00:00 in New York, behind the restart of 23:45
IDS_FALL = 0.3  # of the restarts
IDS_BACK_MAX = 20


def _traded(name: str, kind: InstrumentKind, price: str, tick: str, lot: str) -> Traded:
    instrument = Instrument(name, kind, "USD", "24/7", tick=Decimal(tick), lot=Decimal(lot))
    return Traded(instrument, name, Decimal(price), Decimal(tick), Decimal(lot))


def traded_in_tws(*, is_wide: bool = False) -> Market:
    """A share and a pair of currencies, or several shares."""
    more = [_traded(f"{name}.XNAS", "equity", "100.00", "0.01", "1") for name in MORE_SHARES] if is_wide else []
    return market_of(
        [
            _traded("AAPL.XNAS", "equity", "230.00", "0.01", "1"),
            _traded("EUR_USD.IDEALPRO", "fx", "1.08500", "0.00005", "1000"),
            *more,
        ]
    )


def catalogue() -> Catalogue:
    """What the gateway lists."""
    return Catalogue([share("AAPL", "NASDAQ", "Apple Inc"), pair("EUR", "USD"), *(share(name, "NASDAQ") for name in MORE_SHARES)])


class TwsStage:
    """Interactive Brokers."""

    name = "ibkr"
    account = "DU1234567"
    currency = "USD"

    def __init__(self, loop: Loop, chaos: Chaos, *, is_wide: bool = False) -> None:
        self.market: Market = traded_in_tws(is_wide=is_wide)
        self.exchange = Exchange(loop.now_ns, self.market.quote, ib_fee)
        self.gateway = Gateway(self.exchange, catalogue(), self.account, loop.now_ns, loop.time)
        self.gateway.commission_delay_ns = int(COMMISSION_S * 1e9) if chaos.random.random() < 0.5 else 0
        self.ids: IdStore = MemoryIds()  # kept beside the journal: it outlives the process
        self.chaos = chaos
        chaos.rest_ns = REST_NS
        self.loop = loop
        self.midnight_s: float | None = None
        night = seeded("night", chaos.seed)
        if isinstance(loop, VirtualLoop) and night.random() < NIGHTS:
            self.midnight_s = night.uniform(*BEFORE_MIDNIGHT_S)
            loop.begin_ns = MIDNIGHT_NS - round(self.midnight_s * 1e9)
        self.network = Network(loop, chaos, HOST, self.place)

    def place(self) -> asyncio.Protocol:
        """The protocol of a new connection."""
        return Connection(self)

    def broker(self, process: Process, clock: Clock) -> Broker:
        return self.adapter(HOST, PORT, clock, seeded(process.name, self.chaos.seed))

    def adapter(self, host: str, port: int, clock: Clock, random: Random, new_session: object = None) -> Broker:
        """The adapter for this venue at an address."""
        return IbkrBroker(
            f"{host}:{port}", instruments=self.market.instruments, clock=clock, ids=self.ids, account=self.account, patience=PATIENCE
        )

    def tick(self) -> None:
        self.gateway.tick()
        if self.gateway.mode == "up" and self.chaos.strikes("server_error", "cut off from IB", weight=0.2):
            self.gateway.cut_off()
            self.network.later(self.chaos.random.uniform(*CUT_S), self._restore)

    def order_by_hand(self, one: Traded, side: Side, quantity: Decimal, limit: Decimal | None) -> None:
        kind = "market" if limit is None else "limit"
        self.gateway.by_hand(VenueOrder(self.account, "", one.symbol, side, kind, quantity, limit))  # type: ignore[arg-type]  # read as str

    def positions(self) -> dict[str, Decimal]:
        return executed_positions(self)

    def restart(self) -> None:
        self._go_down()

    def new_day(self) -> None:
        """Executions and orders that ended are known no more."""
        self._go_down(is_new_day=True)

    def _go_down(self, *, is_new_day: bool = False) -> None:
        self.gateway.go_down(is_new_day=is_new_day)
        if self.chaos.random.random() < IDS_FALL:
            self.gateway.roll_ids_back(max(1, self.gateway.next_id - self.chaos.random.randint(1, IDS_BACK_MAX)))
            self.chaos.record.note("ids fall", "venue", str(self.gateway.next_id))
        down_s = self.chaos.random.uniform(*DOWN_S)
        self.network.cut_all(down_s)
        self.network.later(down_s, lambda: self._come_back("restarting"))

    def refuse_key(self, *, is_refused: bool) -> None:
        """A log-in that waits for a person."""
        if is_refused:
            self.gateway.go_down(mode="locked out")
            self.network.cut_all()
        else:
            self._come_back("locked out")

    def _come_back(self, after: str) -> None:
        """Out of one state; another that has begun meanwhile ends in its own way, and says so."""
        if self.gateway.mode == after:
            self.gateway.come_back()

    def _restore(self) -> None:
        if self.gateway.mode == "cut off":
            self.gateway.restore(is_data_lost=self.chaos.random.random() < 0.5)


class Connection(asyncio.Protocol):
    """One client at the gateway's port; what is told of orders may come twice or late, an order may be lost without a word."""

    def __init__(self, stage: TwsStage) -> None:
        self._stage = stage
        self._end: asyncio.Transport | None = None
        self._talk: Talk | None = None
        self._held: list[bytes] = []
        self._is_answering = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._end = transport
        self._talk = self._stage.gateway.session(self._send, self._close)

    def connection_lost(self, error: Exception | None) -> None:
        self._end = None
        if self._talk is not None:
            self._talk.closed()

    def data_received(self, data: bytes) -> None:
        assert self._talk is not None
        gateway, chaos = self._stage.gateway, self._stage.chaos
        is_order = data[HEAD:].startswith(PLACE_ORDER)
        gateway.drops_orders = is_order and chaos.first(LOST, "order") is not None
        if is_order:
            chaos.record.note("order", "venue", str(len(data)))
        self._is_answering = True
        self._talk.received(data)
        self._is_answering = False
        gateway.drops_orders = False

    def _send(self, data: bytes) -> None:
        chaos, end = self._stage.chaos, self._end
        if end is None or (data[HEAD:].startswith(TOLD) and not self._is_answering and chaos.mutes("stream")):
            return
        if not data[HEAD:].startswith(TOLD_OF_ORDERS):
            end.write(data)
            return
        if not self._held and chaos.strikes("reorder", "stream"):
            self._held.append(data)
            self._stage.network.later(HELD_S, self._let_go)
            return
        end.write(data)
        if chaos.strikes("duplicate", "stream"):
            end.write(data)

    def _let_go(self) -> None:
        held, self._held = self._held, []
        for data in held:
            if self._end is not None:
                self._end.write(data)

    def _close(self) -> None:
        if self._end is not None:
            self._end.close()
