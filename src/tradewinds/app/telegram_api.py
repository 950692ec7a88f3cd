"""Telegram's Bot API, as far as the bot needs it: ask for what people wrote (long polling), and write to them.

The token stands in the path of every address, so no address ever stands in an error or a log.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradewinds.core.errors import OutcomeUnknown, Rejected, Transient

if TYPE_CHECKING:
    from tradewinds.wire.secret import Secret

TEXT_CHARACTERS_MAX = 4096
CONNECT_S_MAX = 10.0
ANSWER_S_MAX = 15.0
BYTES_MAX = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Said:
    """What a person wrote to the bot. number: of the update. at_s: Unix time by Telegram's clock. is_private: nobody else reads along."""

    number: int
    user: int
    chat: int
    is_private: bool
    at_s: int
    text: str


class BotApi:
    """One bot. Methods raise Rejected for a token or text that Telegram refuses, Transient where it is away, OutcomeUnknown for a
    message that it has perhaps taken."""

    def __init__(self, address: str, token: Secret) -> None:
        import httpx

        logging.getLogger("httpx").addFilter(_names_no_bot)
        self._address = address.rstrip("/")
        self._token = token
        self._client = httpx.Client(timeout=httpx.Timeout(ANSWER_S_MAX, connect=CONNECT_S_MAX), trust_env=True)

    @property
    def id(self) -> str:
        """The bot's number, which is no secret: what stands before the colon of its token."""
        number, colon, _ = self._token.reveal().partition(":")
        return number if colon and number.isdigit() else "bot"

    def said(self, offset: int, wait_s: float) -> list[tuple[int, Said | None]]:
        """What was written from this update on, with its number; None for an update that is no message. Waits so long for something."""
        found = self._asked("getUpdates", {"offset": offset, "timeout": int(wait_s), "allowed_updates": ["message"]}, wait_s)
        if not isinstance(found, list):
            raise Transient(f"telegram getUpdates: {type(found).__name__}, expected a list of updates")
        return [(int(one["update_id"]), _said(one)) for one in found if isinstance(one, Mapping) and "update_id" in one]

    def write(self, chat: int, text: str) -> None:
        """Write into a chat; what is too long is cut."""
        told = text if len(text) <= TEXT_CHARACTERS_MAX else f"{text[: TEXT_CHARACTERS_MAX - 4]}\n..."
        self._asked("sendMessage", {"chat_id": chat, "text": told, "disable_web_page_preview": True}, 0.0)

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def _asked(self, method: str, words: Mapping[str, Any], wait_s: float) -> Any:
        import httpx

        try:
            answer = self._client.post(
                f"{self._address}/bot{self._token.reveal()}/{method}", json=dict(words),
                timeout=httpx.Timeout(ANSWER_S_MAX + wait_s, connect=CONNECT_S_MAX),
            )  # fmt: skip
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Transient(f"telegram {method}: no connection ({type(error).__name__}), expected the Bot API") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            what = f"telegram {method}: {type(error).__name__}, expected an answer"
            raise (OutcomeUnknown(what) if method == "sendMessage" else Transient(what)) from None
        return _result(method, answer.status_code, answer.content[:BYTES_MAX])


def _result(method: str, status: int, content: bytes) -> Any:
    try:
        told = json.loads(content)
    except ValueError:
        raise Transient(f"telegram {method}: {status} without JSON, expected an answer of the Bot API") from None
    if isinstance(told, Mapping) and told.get("ok") is True:
        return told.get("result")
    given = told if isinstance(told, Mapping) else {}
    what = f"telegram {method}: {status} {str(given.get('description', ''))[:200]}".rstrip()
    if status in (401, 404):
        raise Rejected(f"{what}, expected the token of a bot in TRADEWINDS_ALERTS__TELEGRAM__TOKEN")
    if status == 409:
        raise Transient(f"{what}, expected no other process to ask for this bot's messages")
    if status == 429 or status >= 500:
        wait = (given.get("parameters") or {}).get("retry_after")
        raise Transient(f"{what}, expected an answer", retry_after_s=float(wait) if isinstance(wait, int | float) else None)
    raise Rejected(f"{what}, expected a message that Telegram takes")


def _said(update: Mapping[str, Any]) -> Said | None:
    message: Any = update.get("message")
    try:
        return Said(
            int(update["update_id"]), int(message["from"]["id"]), int(message["chat"]["id"]), message["chat"].get("type") == "private",
            int(message["date"]), str(message["text"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _names_no_bot(record: logging.LogRecord) -> bool:
    """httpx tells every address; those of a bot hold its token."""
    return "/bot" not in record.getMessage()
