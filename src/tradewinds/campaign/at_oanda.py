"""The stage of OANDA: the real adapter with aiohttp over links in memory, and the local v20 venue behind them."""

from __future__ import annotations

from decimal import Decimal
from random import Random

from tradewinds.brokers.http import NewSession
from tradewinds.brokers.oanda import OandaBroker
from tradewinds.campaign.chaos import Chaos, seeded
from tradewinds.campaign.loop import Loop, Process
from tradewinds.campaign.network import Network
from tradewinds.campaign.sessions import memory_session
from tradewinds.campaign.stage import Market, Traded, executed_positions, market_of
from tradewinds.campaign.web import Front
from tradewinds.core.broker import Broker
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import Side
from tradewinds.core.ports import Clock
from tradewinds.sandbox.conversation import Question
from tradewinds.sandbox.oanda_trade import OandaVenue
from tradewinds.sandbox.oanda_trade_book import Rule
from tradewinds.wire.secret import Secret

HOST, PORT = "oanda.local", 80
TOKEN = "campaign-token"  # noqa: S105 - of a venue in memory
DOWN_S = (0.3, 4.0)
PAIRS = (("EUR_USD", "1.08500"), ("GBP_USD", "1.26500"))
MORE_PAIRS = (("AUD_USD", "0.65500"), ("NZD_USD", "0.60500"), ("EUR_GBP", "0.85700"), ("USD_CAD", "1.36500"), ("USD_CHF", "0.88000"))


def _traded(name: str, price: Decimal, decimals: int) -> Traded:
    tick, lot = Decimal(1).scaleb(-decimals), Decimal(1)
    quote = name.partition("_")[2]
    return Traded(Instrument(f"{name}.OANDA", "fx", quote, "24/5", tick=tick, lot=lot), name, price, tick, lot)


class OandaStage:
    """OANDA v20."""

    name = "oanda"
    account = "101-001-1-001"
    currency = "USD"

    def __init__(self, loop: Loop, chaos: Chaos, *, is_wide: bool = False) -> None:
        pairs = (*PAIRS, *(MORE_PAIRS if is_wide else ()))
        self.market: Market = market_of(_traded(name, Decimal(price), 5) for name, price in pairs)
        rules = [Rule(name, 5) for name, _ in pairs]
        self.venue = OandaVenue(loop.now_ns, self.market.quote, rules, tokens={TOKEN: (self.account,)})
        self.exchange = self.venue.exchange
        self.chaos = chaos
        self.place = Front(self.venue, loop, chaos, is_stream=_is_stream).connection
        self.network = Network(loop, chaos, HOST, self.place)

    def broker(self, process: Process, clock: Clock) -> Broker:
        return self.adapter(HOST, PORT, clock, seeded(process.name, self.chaos.seed), memory_session)

    def adapter(self, host: str, port: int, clock: Clock, random: Random, new_session: NewSession | None) -> Broker:
        """The adapter for this venue at an address."""
        url = f"http://{host}:{port}"
        return OandaBroker(
            account=self.account, token=Secret(TOKEN), instruments=self.market.instruments, clock=clock, random=random,
            url=url, stream_url=url, new_session=new_session,
        )  # fmt: skip

    def tick(self) -> None:
        self.venue.tick()

    def order_by_hand(self, one: Traded, side: Side, quantity: Decimal, limit: Decimal | None) -> None:
        self.venue.place_by_hand(self.account, one.symbol, quantity if side == "buy" else -quantity, limit)

    def positions(self) -> dict[str, Decimal]:
        return executed_positions(self)

    def restart(self) -> None:
        self.venue.restart()
        self.network.cut_all(self.chaos.random.uniform(*DOWN_S))

    def refuse_key(self, *, is_refused: bool) -> None:
        if is_refused:
            self.venue.tokens.pop(TOKEN, None)
            self.venue.restart()
        else:
            self.venue.tokens[TOKEN] = (self.account,)


def _is_stream(question: Question) -> bool:
    return question.path.endswith("/stream")
