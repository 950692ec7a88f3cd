"""What people and DAGs may ask of a running service, act by act; each answer is one JSON object.

    reading   ping, status, orders, approvals, gains, report, reconcile, statement
    acting    order, cancel, close, approve, deny, resume, override, decide

Every order goes through the account's own gate and journal, as a strategy's does. `by` names who asked, and is journalled.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any, Protocol, cast

from tradewinds.core.account import ZERO
from tradewinds.core.broker import Holdings, OrderRef
from tradewinds.core.errors import Late, Rejected, Transient
from tradewinds.core.instant import parse, text
from tradewinds.core.money import decimal, round_to_step
from tradewinds.core.order import SIDES, TIMES_IN_FORCE, Intent, OrderKind, OrderTerms, Side, TimeInForce
from tradewinds.live import answers
from tradewinds.live.decisions import Decision, Verdict
from tradewinds.live.service import TradingService
from tradewinds.live.statement import statement
from tradewinds.live.trader import Trader
from tradewinds.trading.books import MANUAL
from tradewinds.trading.entry import Approval, BarsClosed, CancelWanted, Compared, Controlled, Entry, Wanted
from tradewinds.trading.journal import encode
from tradewinds.trading.settlement import differences

OVERRIDES = ("trade", "no trading", "close only", "reduce only")
DECIDE_WITHIN_S = 30.0
CONTROL_WITHIN_S = 10.0
LEGS_MAX = 1000

Words = Mapping[str, Any]
Act = Callable[[Words], Awaitable[Mapping[str, Any]]]


class History(Protocol):
    """Closed bars of the past, for decisions that are asked for."""

    async def bars(self, strategy: str, at_ns: int) -> tuple[BarsClosed, ...]:
        """The bars that a strategy's decision at this time looks at, oldest first; empty where they have not arrived."""
        ...

    def decided(self, strategy: str, at_ns: int) -> None:
        """It decided on those bars: a later question need not bring them again."""
        ...


class Acts:
    """Answers acts for one service. troubles: what was set aside at the start, by file or account."""

    def __init__(self, service: TradingService, *, history: History | None = None, troubles: Mapping[str, str] | None = None) -> None:
        self._service = service
        self._history = history
        self._troubles = dict(troubles or {})
        self._last_ns = 0
        self._acts: dict[str, Act] = {
            "ping": self._ping, "status": self._status, "orders": self._orders, "approvals": self._approvals, "gains": self._gains,
            "report": self._report, "reconcile": self._reconcile, "statement": self._statement,
            "order": self._order, "cancel": self._cancel, "close": self._close,
            "approve": self._approve, "deny": self._deny, "resume": self._resume, "override": self._override, "decide": self._decide,
        }  # fmt: skip

    async def __call__(self, act: str, words: Words) -> Mapping[str, Any]:
        """The answer; raises core.errors where it is refused, KeyError naming an absent word."""
        if act not in self._acts:
            raise Rejected(f"control: act {act!r}, expected one of {', '.join(self._acts)}")
        return await self._acts[act](words)

    # Reading

    async def _ping(self, _: Words) -> Mapping[str, Any]:
        return {"since": text(self._service.started_ns)}

    async def _status(self, _: Words) -> Mapping[str, Any]:
        accounts = [answers.status(one.view(), self._service.decisions) for one in self._service.traders.values()]
        return {"running": True, "since": text(self._service.started_ns), "accounts": accounts, "set_aside": self._troubles}

    async def _orders(self, words: Words) -> Mapping[str, Any]:
        found = [
            row
            for one in self._chosen(words)
            for row in answers.orders(one.view(), strategy=words.get("strategy"), is_every=bool(words.get("all")))
        ]
        return {"orders": found}

    async def _approvals(self, _: Words) -> Mapping[str, Any]:
        return {"waiting": answers.waiting(self._service.decisions)}

    async def _gains(self, words: Words) -> Mapping[str, Any]:
        return {"gains": [row for one in self._chosen(words) for row in answers.gains(one.view())]}

    async def _report(self, words: Words) -> Mapping[str, Any]:
        strategy, decision_ns = str(words["strategy"]), int(words["decision_ns"])
        books = {name: one.books for name, one in self._service.traders.items()}
        found = answers.report(self._service.decisions, books, strategy, decision_ns)
        if found is None:
            raise Rejected(
                f"report of {strategy} at {text(decision_ns)}: no such decision, expected one of the last; the journal has older ones"
            )
        return found

    async def _reconcile(self, words: Words) -> Mapping[str, Any]:
        """The venue's truth beside the books, now."""
        trader = self._service.trader(str(words["account"]))
        broker = trader.parts.broker
        held, working = await broker.holdings(), await broker.open_orders()
        books = trader.books
        breaks: list[dict[str, Any]] = [
            {"kind": one.kind, "what": one.what, "ours": answers.number(one.expected), "broker": answers.number(one.found)}
            for one in differences(books, held, broker.capability)
        ]
        theirs = {one.client_order_id or one.venue_order_id for one in working}
        known = {*books.open, *books.foreign}
        breaks += [{"kind": "order unknown to us", "what": one, "ours": None, "broker": "working"} for one in sorted(theirs - known)]
        gone = [name for name, one in books.open.items() if name not in theirs and one.state.value in ("accepted", "partially filled")]
        breaks += [{"kind": "order unknown to the broker", "what": one, "ours": "working", "broker": None} for one in gone]
        return {"account": trader.name, "positions": len(held.positions), "orders": len(working), "breaks": breaks}

    async def _statement(self, words: Words) -> Mapping[str, Any]:
        """The broker's own statement of [start_ns, end_ns) as an entry of the journal. orders: [our id, the venue's, instrument]."""
        trader = self._service.trader(str(words["account"]))
        refs = [OrderRef(*(str(one) for one in row)) for row in words.get("orders", [])]
        asked_ns = self._service.clock.now_ns()
        found = await statement(trader.parts.broker, trader.name, int(words["start_ns"]), int(words["end_ns"]), refs)
        told = Compared(asked_ns, found.orders, found.fills, "", found.holdings or Holdings())
        return {"entry": encode(Entry(asked_ns, told, ())).decode()}

    # Acting

    async def _order(self, words: Words) -> Mapping[str, Any]:
        trader = self._service.trader(str(words["account"]))
        return self._judged(await self._want(trader, _terms(words), str(words["by"]), str(words.get("strategy") or MANUAL)))

    async def _cancel(self, words: Words) -> Mapping[str, Any]:
        """One order by id, or all of an account that fit strategy and instrument."""
        named = words.get("id")
        by, reason = str(words["by"]), str(words.get("reason") or "asked for by hand")
        chosen = [one for one in self._chosen(words) if named is None or named in one.books.orders]
        if not chosen:
            raise Rejected(f"cancel {named}: no account knows this order, expected an id that `tradewinds trade orders` shows")
        asked = []
        for trader in chosen:
            wanted = CancelWanted(by, reason, named, words.get("strategy"), words.get("instrument"))
            asked += [name for name, one in trader.books.open.items() if _fits(wanted, one.approved.intent)]
            trader.parts.loop.put(wanted)
        return {"asked": asked}

    async def _close(self, words: Words) -> Mapping[str, Any]:
        """Close what is held of an instrument, each strategy's part by an order of its own, so that every book ends flat."""
        trader = self._service.trader(str(words["account"]))
        instrument, only = str(words["instrument"]), words.get("strategy")
        books = trader.books
        lot = rules.lot if (rules := books.instruments.get(instrument)) is not None else None
        # What can be sold: on a spot venue commissions paid in the base asset have made the balance smaller than the position.
        parts = {name: books.held(instrument, name) for name in books.parts}
        parts[MANUAL] = parts.get(MANUAL, ZERO) + books.held(instrument) - sum(parts.values(), ZERO)
        parts = {name: size if lot is None else round_to_step(size, lot) for name, size in parts.items()}
        chosen = {name: size for name, size in sorted(parts.items()) if size and only in (None, name)}
        if not chosen:
            raise Rejected(
                f"close {instrument}: account {trader.name} holds none of it, expected a position; `tradewinds trade status` shows them"
            )
        # A part that the account as a whole does not hold on that side opens something there, which a reduce-only order must not.
        same_side = len({size > 0 for size in chosen.values()}) == 1
        reduces = trader.parts.broker.capability.has_reduce_only and same_side
        told = []
        for name, size in chosen.items():
            terms = OrderTerms(instrument, "sell" if size > 0 else "buy", abs(size), is_reduce_only=reduces)
            told.append(self._judged(await self._want(trader, terms, str(words["by"]), name)))
        return {"orders": told}

    async def _approve(self, words: Words) -> Mapping[str, Any]:
        return await self._answer(words, is_given=True)

    async def _deny(self, words: Words) -> Mapping[str, Any]:
        return await self._answer(words, is_given=False)

    async def _answer(self, words: Words, *, is_given: bool) -> Mapping[str, Any]:
        """A person's word on an order that waits; one that was answered before stays as it was answered first."""
        name = str(words["id"])
        known = self._service.decisions.verdicts.get(name)
        if known is None:
            raise Rejected(f"order {name}: nothing of that id waits, expected one that `tradewinds trade approvals` shows")
        if known.word != "waiting":
            return self._judged(known) | {"note": "answered before"}
        trader = self._service.trader(known.account)
        approval = Approval(name, str(words["by"]), is_given, str(words.get("reason") or ""))
        return self._judged(await self._service.verdict(name, lambda: trader.parts.loop.put(approval)))

    async def _resume(self, words: Words) -> Mapping[str, Any]:
        """Trade again after a halt, on one account or on all."""
        resumed = []
        for trader in self._chosen(words):
            if trader.state == "trading":
                epoch = self._service.epoch.epoch()
                await self._control(trader, Controlled("resume", str(words["by"]), str(words.get("reason") or ""), epoch=epoch))
                resumed.append(trader.name)
        return {"resumed": resumed}

    async def _override(self, words: Words) -> Mapping[str, Any]:
        action = str(words["override"])
        if action not in OVERRIDES:
            raise Rejected(f"override {action!r}, expected one of {', '.join(OVERRIDES)}")
        strategy, instrument = str(words.get("strategy") or ""), str(words.get("instrument") or "")
        chosen = self._chosen(words)
        for trader in chosen:
            control = Controlled(cast(Any, action), str(words["by"]), str(words.get("reason") or ""), strategy, instrument)
            await self._control(trader, control)
        accounts = [one.name for one in chosen]
        return {"override": action, "accounts": accounts, "strategy": strategy or None, "instrument": instrument or None}

    async def _control(self, trader: Trader, control: Controlled) -> None:
        """Bring it into force; raises Transient where it is not in time."""
        place = (control.strategy, control.instrument)

        def is_so() -> bool:
            books = trader.books
            return not books.is_halted if control.action == "resume" else books.overrides.get(place) == control.action

        trader.parts.loop.put(control)
        if not await self._service.until(is_so, CONTROL_WITHIN_S):
            raise Transient(f"{control.action} on account {trader.name}: not in force within {CONTROL_WITHIN_S:g} s, expected it")

    async def _decide(self, words: Words) -> Mapping[str, Any]:
        """Decide at a time, once: asked again the answer is what was decided then."""
        strategy, at_ns = str(words["strategy"]), parse(str(words["at"]))
        trader = next((one for one in self._service.traders.values() if strategy in one.plan.strategies), None)
        if trader is None:
            names = sorted(name for one in self._service.traders.values() for name in one.plan.strategies)
            raise Rejected(f"decide {strategy!r}: not traded here, expected one of {', '.join(names) or 'none'}")
        why = await self._bring(trader, strategy, at_ns) if self._decision(strategy, at_ns) is None else ""
        found = self._decision(strategy, at_ns)
        if found is None:
            raise Late(f"decide {strategy} at {text(at_ns)}: nothing was decided, {why}")
        if self._history is not None:
            self._history.decided(strategy, at_ns)
        books = {name: one.books for name, one in self._service.traders.items()}
        return answers.report(self._service.decisions, books, strategy, found.decision_ns) or {}

    def _decision(self, strategy: str, at_ns: int) -> Decision | None:
        return self._service.decisions.decision(strategy, at_ns)

    async def _bring(self, trader: Trader, strategy: str, at_ns: int) -> str:
        """Tell the account the bars that are missing up to that time, and wait for the decision. Returns why there may be none."""
        before = trader.books.decided_ns.get(strategy, 0)
        if before >= at_ns:
            raise Rejected(f"decide {strategy} at {text(at_ns)}: it decided at {text(before)} since, expected a later time")
        closed = () if self._history is None else await self._history.bars(strategy, at_ns)
        others = [one for one in self._service.traders.values() if strategy in one.plan.homes]
        for one in closed:
            for other in others if one.end_ns == at_ns else ():
                other.price(one)
            trader.publish(BarsClosed(one.interval, one.end_ns, one.bars, is_warm_up=one.end_ns < at_ns))

        def is_done() -> bool:
            is_here = trader.state == "trading" and trader.parts.loop.is_idle
            return is_here and (not others or self._service.is_idle())

        is_in_time = await self._service.until(is_done, DECIDE_WITHIN_S if closed else 0.0)
        if not closed:
            return "expected bars that end there; they may still arrive"
        if not is_in_time:
            return f"expected that account {trader.name} decides within {DECIDE_WITHIN_S:g} s; it is {trader.state} and will be told again"
        return "expected that its rhythm is due there, its lookback is there, and it did not fail (the account's alerts say so)"

    # Parts

    def _chosen(self, words: Words) -> list[Trader]:
        account = words.get("account")
        return list(self._service.traders.values()) if account is None else [self._service.trader(str(account))]

    async def _want(self, trader: Trader, terms: OrderTerms, by: str, strategy: str) -> Verdict:
        intent = Intent(trader.name, strategy, self._moment_ns(), terms, reason=f"by hand: {by}")
        loop = trader.parts.loop
        return await self._service.verdict(intent.client_order_id, lambda: loop.put(Wanted((intent,), by)))

    def _moment_ns(self) -> int:
        """When a person decided; two never in the same instant, or they would be one order."""
        self._last_ns = max(self._service.clock.now_ns(), self._last_ns + 1)
        return self._last_ns

    def _judged(self, verdict: Verdict) -> dict[str, Any]:
        told = {
            "id": verdict.intent.client_order_id,
            "account": verdict.account,
            "text": answers.line(verdict.intent.terms),
            "verdict": verdict.word,
            "rule": verdict.rule or None,
            "why": verdict.why or None,
        }
        return told | ({"until": text(verdict.until_ns)} if verdict.word == "waiting" else {})


def _terms(words: Words) -> OrderTerms:
    prices: dict[str, Decimal | None] = {
        name: None if words.get(name) is None else decimal(str(words[name]), what=f"order: {name}") for name in ("limit", "stop", "trail")
    }
    kind = words.get("kind") or _kind(prices)
    if words["side"] not in SIDES or words.get("time_in_force", "gtc") not in TIMES_IN_FORCE:
        raise Rejected(
            f"order: {words['side']!r} {words.get('time_in_force', 'gtc')!r}, expected buy or sell, and one of {', '.join(TIMES_IN_FORCE)}"
        )
    return OrderTerms(
        str(words["instrument"]), cast(Side, words["side"]), decimal(str(words["quantity"]), what="order: quantity"), kind,
        prices["limit"], prices["stop"], prices["trail"], cast(TimeInForce, words.get("time_in_force", "gtc")),
        is_reduce_only=bool(words.get("reduce_only")),
    )  # fmt: skip


def _kind(prices: Mapping[str, Decimal | None]) -> OrderKind:
    if prices["trail"] is not None:
        return "trailing_stop"
    if prices["stop"] is not None:
        return "stop_limit" if prices["limit"] is not None else "stop"
    return "market" if prices["limit"] is None else "limit"


def _fits(wanted: CancelWanted, intent: Intent) -> bool:
    return (
        wanted.client_order_id in (None, intent.client_order_id)
        and wanted.strategy in (None, intent.strategy)
        and wanted.instrument in (None, intent.terms.instrument)
    )
