"""The bot: who is answered, what is told, and that what writes wants a code, is done once and stands in the audit log.

A local Bot API on the loopback speaks Telegram's part; acts go to the real ledger and, where a service is wanted, to its control socket.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tradewinds.app.telegram import HELP, Bot, bot_of
from tradewinds.core.errors import Rejected, Transient
from tradewinds.live.control import ControlServer, control_path
from tradewinds.live.epoch import open_epoch
from tradewinds.people.alert import Alert
from tradewinds.sandbox.telegram import LOSE, TelegramServer
from tradewinds.wiring.house import House

TOKEN = "7:canary-token"
ADA, BOB, EVE = 11, 22, 66
MakeBot = Callable[..., Bot]


@pytest.fixture
def telegram() -> Iterator[TelegramServer]:
    server = TelegramServer(TOKEN).start()
    yield server
    server.stop()


@pytest.fixture
def house(make_house: Any, telegram: TelegramServer, clock: Any) -> House:
    """Ada is a risk officer and Bob a viewer; both may write to the bot."""
    made: House = make_house(
        f"alerts: {{telegram: {{users: {{{ADA}: ada, {BOB}: bob, 33: nobody}}, api: {telegram.url!r}}}}}\n"
        "accounts: {main: {broker: paper, currency: USD}}\n"
    )
    made.ledger.people.add("root", "admin", None, clock.now_ns())
    made.ledger.people.add("ada", "risk_officer", None, clock.now_ns())
    made.ledger.people.add("bob", "viewer", None, clock.now_ns())
    return made


@pytest.fixture
def make_bot() -> Iterator[MakeBot]:
    made: list[Bot] = []

    def make(house: House, **words: Any) -> Bot:
        bot = bot_of(house, {"TRADEWINDS_ALERTS__TELEGRAM__TOKEN": TOKEN}, new_code=lambda: "123456", **words)
        assert bot is not None
        made.append(bot)
        return bot

    yield make
    for one in made:
        one.api.close()


@pytest.fixture
def bot(house: House, make_bot: MakeBot) -> Bot:
    return make_bot(house)


@pytest.fixture
def service(house: House) -> Iterator[list[tuple[str, Mapping[str, Any]]]]:
    """A control socket that says yes, as a running trading service has one; yields what it was asked."""
    asked: list[tuple[str, Mapping[str, Any]]] = []

    async def answer(act: str, words: Mapping[str, Any]) -> Mapping[str, Any]:
        asked.append((act, words))
        if act == "approvals":
            row = {
                "id": "tw1",
                "account": "main",
                "strategy": None,
                "text": "buy 5 ABC.LOCAL",
                "rule": "approval",
                "why": "above 1000",
                "until": "",
            }
            return {"waiting": [row]}
        return {"verdict": "approved"} if act == "approve" else {"verdict": "denied"}

    loop = asyncio.new_event_loop()
    server = ControlServer(control_path(house.home), answer)
    loop.run_until_complete(server.start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield asked

    async def end() -> None:
        await server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    asyncio.run_coroutine_threadsafe(end(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def _exchange(bot: Bot, telegram: TelegramServer, user: int, *texts: str) -> list[str]:
    """What the bot answers, one text after the other."""
    before = len(telegram.answers(user))
    for text in texts:
        telegram.say(user, text)
        bot.turn(0)
    return telegram.answers(user)[before:]


def _audit(house: House) -> list[tuple[str, str, str, str]]:
    return [(row.person, row.act, row.face, row.outcome) for row in house.ledger.acts.audited()]


def test_reads_are_answered(bot: Bot, house: House, telegram: TelegramServer, clock: Any) -> None:
    house.alerts.raise_(Alert("critical", "breaks", "main", "1 break"))

    status, pnl, positions, orders, approvals, alerts, other = _exchange(
        bot, telegram, BOB, "/status", "/pnl@tradewinds_bot", "/positions", "/orders", "/approvals", "/alerts", "hello"
    )

    assert "held values: 0, open alerts: 1" in status
    assert pnl == "main: nothing traded yet"
    assert positions == "no position"
    assert orders == "no order works"
    assert approvals == "nothing waits"
    assert alerts.startswith("critical breaks main: 1 break\n/ack ")
    assert other == HELP


def test_strangers_and_groups_get_no_answer_and_are_told_to_people_once(bot: Bot, house: House, telegram: TelegramServer) -> None:
    telegram.say(EVE, "/halt")
    telegram.say(EVE, "/status")
    telegram.say(ADA, "/halt", chat=-5, kind="group")
    bot.turn(0)

    assert telegram.sent == []
    assert sorted(one.alert.text for one in house.ledger.outbox.alerts()) == [
        "a stranger, user 66, wrote to the bot; nothing was answered", "user 11 wrote in a group; nothing was answered",
    ]  # fmt: skip
    assert _audit(house) == []


def test_an_order_is_approved_by_a_second_message_with_the_code(
    bot: Bot, house: House, telegram: TelegramServer, service: list[tuple[str, Mapping[str, Any]]]
) -> None:
    waiting, asked, done, again = _exchange(bot, telegram, ADA, "/approvals", "/approve tw1", "123456", "123456")

    assert waiting == "main: buy 5 ABC.LOCAL (above 1000)\n/approve tw1"
    assert asked == "To approve order tw1, answer 123456 within 120 s."
    assert done == "approve: verdict approved"
    assert again == "Nothing waits for a code."
    assert [(act, words) for act, words in service if act == "approve"] == [
        ("approve", {"id": "tw1", "reason": "by telegram", "by": "ada"})
    ]
    assert _audit(house) == [("ada", "approve", "telegram", "done")]


def test_a_viewer_may_read_and_not_approve(
    bot: Bot, house: House, telegram: TelegramServer, service: list[tuple[str, Mapping[str, Any]]]
) -> None:
    refused, code = _exchange(bot, telegram, BOB, "/approve tw1", "123456")

    assert refused == "Not done: approve: bob (role viewer), expected somebody who has do:approve"
    assert code == "Nothing waits for a code."
    assert service == []


def test_a_person_who_is_not_there_or_shut_out_is_refused(bot: Bot, house: House, telegram: TelegramServer, clock: Any) -> None:
    house.ledger.people.change("bob", at_ns=clock.now_ns(), is_active=False)

    (unknown,) = _exchange(bot, telegram, 33, "/status")
    (shut_out,) = _exchange(bot, telegram, BOB, "/status")

    assert unknown == "Not done: person 'nobody': there is none, expected one of `tradewinds user list`"
    assert shut_out == "Not done: bob: shut out, expected a person who may enter"


def test_a_code_expires_and_three_wrong_ones_drop_the_act(
    bot: Bot, house: House, telegram: TelegramServer, clock: Any, service: list[tuple[str, Mapping[str, Any]]]
) -> None:
    _exchange(bot, telegram, ADA, "/approve tw1")
    clock.move(121)
    (late,) = _exchange(bot, telegram, ADA, "123456")
    _, *wrong, after = _exchange(bot, telegram, ADA, "/approve tw1", "111111", "222222", "333333", "123456")

    assert late == "The code has expired and nothing was done: approve. Ask again."
    assert wrong[-1] == "Three wrong codes: approve was dropped, nothing was done."
    assert after == "Nothing waits for a code."
    assert service == []
    assert _audit(house) == []


def test_another_persons_code_confirms_nothing(bot: Bot, telegram: TelegramServer, service: list[tuple[str, Mapping[str, Any]]]) -> None:
    _exchange(bot, telegram, ADA, "/approve tw1")

    (told,) = _exchange(bot, telegram, BOB, "123456")

    assert told == "Nothing waits for a code."
    assert service == []


def test_nothing_is_done_twice_when_the_bot_is_started_again_in_the_middle(
    house: House, make_bot: MakeBot, telegram: TelegramServer, service: list[tuple[str, Mapping[str, Any]]]
) -> None:
    first = make_bot(house)
    _exchange(first, telegram, ADA, "/approve tw1")
    telegram.say(ADA, "123456")
    telegram.faults = [(LOSE, None)]  # Telegram hands the message out, and the connection ends

    with pytest.raises(Transient):
        first.turn(0)
    first.turn(0)  # handed out again: nothing of it had been seen
    second = make_bot(house)
    second.turn(0)
    third = make_bot(house)
    third.turn(0)

    assert [act for act, _ in service] == ["approve"]
    assert telegram.waiting == 0


def test_a_crash_after_the_message_was_read_does_it_not_at_all(
    house: House, make_bot: MakeBot, telegram: TelegramServer, service: list[tuple[str, Mapping[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_bot(house)
    _exchange(first, telegram, ADA, "/approve tw1")
    telegram.say(ADA, "123456")

    def die(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(Bot, "answer", die)
    with pytest.raises(KeyboardInterrupt):
        first.turn(0)
    monkeypatch.undo()
    second = make_bot(house)
    second.turn(0)

    assert service == []


def test_a_message_that_comes_late_is_not_acted_on(bot: Bot, telegram: TelegramServer, house: House) -> None:
    telegram.say(ADA, "/halt the market is broken", at_s=time.time() - 600)
    bot.turn(0)

    assert telegram.answers(ADA) == ["This came 10 minutes late and nothing was done. Send it again if you still mean it."]


def test_a_halt_by_telegram_raises_the_epoch_and_says_what_came_of_it(bot: Bot, house: House, telegram: TelegramServer) -> None:
    asked, done = _exchange(bot, telegram, ADA, "/halt the market is broken", "123456")

    assert asked == "To halt ALL trading and cancel every order, answer 123456 within 120 s."
    assert done.startswith("halt: ")
    with open_epoch(house.home) as epoch:
        assert epoch.epoch() == 1
    assert [(person, act, face) for person, act, face, _ in _audit(house)] == [("ada", "halt", "telegram")]


def test_an_alert_is_taken_in_hand(bot: Bot, house: House, telegram: TelegramServer) -> None:
    alert = Alert("critical", "breaks", "main", "1 break")
    house.alerts.raise_(alert)

    (refused,) = _exchange(bot, telegram, BOB, f"/ack {alert.id[:6]}")
    (told,) = _exchange(bot, telegram, ADA, f"/ack {alert.id[:6]}")

    assert refused == "Not done: alert.ack: bob (role viewer), expected somebody who has do:trade"
    assert told == f"{alert.id} breaks main: in the hands of ada"
    assert _audit(house) == [("ada", "alert.ack", "telegram", "done"), ("bob", "alert.ack", "telegram", "refused")]


def test_it_runs_until_it_is_told_to_stop_through_faults_of_telegram(bot: Bot, telegram: TelegramServer) -> None:
    telegram.faults = [(502, None), (429, 0), (LOSE, None)]
    ending = threading.Event()
    thread = threading.Thread(target=bot.run, args=(ending,), kwargs={"wait_s": 0.0})
    ending_slept: list[float] = []
    ending.wait = lambda timeout=None: ending_slept.append(timeout or 0.0) is not None  # type: ignore[method-assign,assignment] # no waits
    telegram.say(BOB, "/positions")
    thread.start()
    telegram.wait(1)
    ending.set()
    thread.join()

    assert telegram.answers(BOB) == ["no position"]
    assert len(ending_slept) == 3


def test_the_token_is_in_no_log_and_no_error(
    bot: Bot,
    house: House,
    telegram: TelegramServer,
    make_bot: MakeBot,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    errors = []
    with caplog.at_level(logging.DEBUG):
        _exchange(bot, telegram, BOB, "/positions")
        for code in (401, 409, 500):
            telegram.faults = [(code, None)]
            with pytest.raises((Rejected, Transient)) as raised:
                bot.turn(0)
            errors.append(str(raised.value))
        telegram.faults = [(LOSE, None)]
        with pytest.raises(Transient) as lost:
            bot.turn(0)
        errors.append(str(lost.value))

    assert errors[0] == "telegram getUpdates: 401 as planned, expected the token of a bot in TRADEWINDS_ALERTS__TELEGRAM__TOKEN"
    told = caplog.text + " ".join(errors) + repr(bot) + "".join(capsys.readouterr())
    assert "canary" not in told
