"""The bot that people write to: /status /pnl /positions /orders /alerts /ack, and with a second word of theirs /approve /deny /halt.

1. Only users of `alerts: telegram: users:`, in a private chat, each with the role of the person that stands there. Strangers get no answer;
   that they tried is an alert.
2. How far the bot has read is kept in the ledger before anything is done: whatever happens, no message is acted on twice. One that a
   crash overtook is not done, and its sender sees no answer.
3. What writes wants a code that the bot makes up: six digits, good for `confirm_within_s` and for one act, gone after three wrong ones.
   Acts go the way of API and console (`wiring.desk.acts`): the same permissions, the same row in the audit log.
4. A message older than `AGE_S_MAX` when the bot sees it is not acted on: the bot was away, and what was meant then may be wrong now.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tradewinds.app.output import log
from tradewinds.app.telegram_api import BotApi, Said
from tradewinds.core.errors import OutcomeUnknown, Rejected, TradewindsError, Transient
from tradewinds.core.instant import NS_PER_SECOND
from tradewinds.core.record import Bookmark
from tradewinds.people.alert import Alert
from tradewinds.people.token import Principal
from tradewinds.wiring.alerting_telling import READS
from tradewinds.wiring.desk import acts

if TYPE_CHECKING:
    from tradewinds.jobs.config import TelegramConfig
    from tradewinds.wiring.house import House

FACE = "telegram"
JOB = "telegram"  # of the bookmark
WAIT_S = 25.0
AGE_S_MAX = 300.0
WRONG_CODES_MAX = 3
AGAIN_S = (1.0, 2.0, 5.0, 15.0, 60.0)
HELP = """/status what runs and trades
/pnl profit by account
/positions what is held
/orders what works
/approvals what waits for a person
/alerts what nobody has in hand
/ack ID take an alert in hand
/approve ID let an order pass
/deny ID refuse it
/halt [reason] stop all trading"""


@dataclass(slots=True)
class Asked:
    """A write that waits for its code."""

    act: str
    words: Mapping[str, str]
    code: str
    until_ns: int
    wrong: int = 0


@dataclass(slots=True)
class Bot:
    """Answers people. wall_s: real time, which messages are dated by."""

    house: House
    config: TelegramConfig
    api: BotApi
    wall_s: Callable[[], float] = time.time
    new_code: Callable[[], str] = lambda: f"{secrets.randbelow(1_000_000):06d}"
    _asked: dict[int, Asked] = field(default_factory=dict)

    def run(self, ending: threading.Event, *, wait_s: float = WAIT_S) -> None:
        """Answer until `ending`. What goes wrong is said when it is news, and tried again after a wait that grows."""
        said, failures = "", 0
        while not ending.is_set():
            try:
                self.turn(wait_s)
                said, failures = "", 0
            except (TradewindsError, OSError) as error:
                if str(error) != said:
                    log(f"telegram: {error}")
                said, failures = str(error), failures + 1
                wanted_s = error.retry_after_s if isinstance(error, Transient) else None
                ending.wait(wanted_s or AGAIN_S[min(failures, len(AGAIN_S)) - 1])

    def turn(self, wait_s: float) -> int:
        """Ask once what was written, and answer it; returns how many updates came."""
        mark = self.house.ledger.bookmark(JOB, self.api.id)
        found = self.api.said(0 if mark is None else mark.event_ns + 1, wait_s)
        for number, one in found:
            # First how far we are: a crash from here on does nothing twice.
            self.house.ledger.set_bookmark(JOB, self.api.id, Bookmark(number))
            if one is not None:
                self._write(one, self.answer(one))
        return len(found)

    def answer(self, one: Said) -> str:
        """What the bot says to a message, "" for nothing. Acts where it is asked to."""
        name = self.config.users.get(one.user)
        if name is None or not one.is_private:
            self._stranger(one, is_known=name is not None)
            return ""
        try:
            person = self.house.ledger.people.person(name)
            if not person.is_active:
                raise Rejected(f"{name}: shut out, expected a person who may enter")
            principal = Principal(person.name, person.role, access=FACE, address=f"telegram {one.user}")
            return self._understood(one, principal)
        except OutcomeUnknown as error:
            return f"Perhaps done, perhaps not: {error}\nNext: /status"
        except TradewindsError as error:
            return f"Not done: {error}"
        except Exception as error:  # noqa: BLE001 - one message must not end the bot; how far it has read is kept already
            log(f"telegram: a bug of ours: {type(error).__name__}: {error}")
            return f"Perhaps done, perhaps not: a bug of ours ({type(error).__name__})\nNext: /status"

    def _understood(self, one: Said, principal: Principal) -> str:
        text = one.text.strip()
        if self.wall_s() - one.at_s > AGE_S_MAX:
            return f"This came {(self.wall_s() - one.at_s) / 60:.0f} minutes late and nothing was done. Send it again if you still mean it."
        if text.isdigit() and len(text) == 6:
            return self._confirmed(one.user, principal, text)
        command, _, rest = text.partition(" ")
        command, rest = command.partition("@")[0].lower().removeprefix("/"), rest.strip()
        if command in READS:
            if not principal.may("read:trade"):
                raise Rejected(f"{command}: {principal.person} (role {principal.role}), expected somebody who has read:trade")
            return READS[command](self.house)
        match command:
            case "ack":
                done = acts.do(self.house, principal, "alert.ack", {"id": rest}, face=FACE)
                return f"{done['id']} {done['alert']}: in the hands of {done['in_the_hands_of']}"
            case "approve" | "deny":
                return self._ask(one.user, principal, command, {"id": rest, "reason": "by telegram"}, f"{command} order {rest}")
            case "halt":
                words = {"reason": rest or "by telegram"}
                return self._ask(one.user, principal, "halt", words, "halt ALL trading and cancel every order")
        return HELP

    def _ask(self, user: int, principal: Principal, act: str, words: Mapping[str, str], what: str) -> str:
        """Say what would be done and by which code."""
        acts.checked(acts.named(act), principal, words)
        code = self.new_code()
        until_ns = self.house.clock.now_ns() + int(self.config.confirm_within_s * NS_PER_SECOND)
        self._asked[user] = Asked(act, words, code, until_ns)
        return f"To {what}, answer {code} within {self.config.confirm_within_s:g} s."

    def _confirmed(self, user: int, principal: Principal, code: str) -> str:
        asked = self._asked.get(user)
        if asked is None:
            return "Nothing waits for a code."
        if self.house.clock.now_ns() > asked.until_ns:
            del self._asked[user]
            return f"The code has expired and nothing was done: {asked.act}. Ask again."
        if not secrets.compare_digest(code, asked.code):
            asked.wrong += 1
            if asked.wrong < WRONG_CODES_MAX:
                return "That is not the code; nothing was done."
            del self._asked[user]
            return f"Three wrong codes: {asked.act} was dropped, nothing was done."
        del self._asked[user]  # once, whatever comes of it
        done = acts.do(self.house, principal, asked.act, dict(asked.words), face=FACE)
        if "waits_for" in done:
            return f"{asked.act}: waits for a second person ({done['waits_for']}), request {done['request']}"
        return f"{asked.act}: {acts.said(done) or 'done'}"

    def _stranger(self, one: Said, *, is_known: bool) -> None:
        what = f"user {one.user} wrote in a group" if is_known else f"a stranger, user {one.user}, wrote to the bot"
        words = f"{what}; nothing was answered"
        alert = Alert("warning", "people", FACE, words, "tradewinds alerts list", f"stranger {one.user} {one.is_private}")
        self.house.alerts.raise_(alert)

    def _write(self, one: Said, text: str) -> None:
        """Answer; one that cannot be delivered is said and changes nothing."""
        if not text:
            return
        try:
            self.api.write(one.chat, text)
        except TradewindsError as error:
            log(f"telegram: an answer to user {one.user}: {error}")


def bot_of(house: House, environment: Mapping[str, str] | None = None, **words: Any) -> Bot | None:
    """The bot of a house; None where none is configured. Raises Rejected where it has no token."""
    from tradewinds.wiring.alerting_routes import telegram_token

    config = None if house.config.alerts is None else house.config.alerts.telegram
    if config is None:
        return None
    token = telegram_token(environment)
    if token is None:
        named = "TRADEWINDS_ALERTS__TELEGRAM__TOKEN"
        raise Rejected(f"telegram: no token, expected the bot's in {named} or a file named by {named}_FILE")
    return Bot(house, config, BotApi(config.api, token), **words)
