"""A local Bot API of Telegram, as far as our bot speaks it: getMe, getUpdates (long polling) and sendMessage, on a free port.

1. As there, an update is delivered again until a greater `offset` confirms it; then it is forgotten.
2. A wrong token is 401, a second poll at the same time ends the first with 409, a text above 4096 characters is 400.
3. `faults`: what the next questions are answered instead, as (status, seconds to wait or None); `lose`: a message is taken and the
   connection ends without an answer.

Source: https://core.telegram.org/bots/api
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

TEXT_CHARACTERS_MAX = 4096
UPDATES_MAX = 100
LOSE = -1


class Refused(Exception):
    """A question that Telegram answers with an error."""

    def __init__(self, code: int, description: str, retry_after_s: int | None = None) -> None:
        super().__init__(description)
        self.code, self.description, self.retry_after_s = code, description, retry_after_s


class TelegramServer:
    """One bot and the people who write to it. Answers from `start` to `stop`."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.sent: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.faults: list[tuple[int, int | None]] = []
        self._updates: list[dict[str, Any]] = []
        self._next = 1
        self._polls = 0
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def waiting(self) -> int:
        """Updates that nobody has confirmed."""
        return len(self._updates)

    def start(self) -> TelegramServer:
        self._thread.start()
        return self

    def stop(self) -> None:
        with self._changed:
            self._polls += 1  # ends a poll that waits
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def say(self, user: int, text: str, *, at_s: float | None = None, chat: int | None = None, kind: str = "private") -> int:
        """A person writes to the bot; returns the number of the update."""
        with self._changed:
            number, self._next = self._next, self._next + 1
            message = {
                "message_id": number, "date": int(time.time() if at_s is None else at_s), "text": text,
                "from": {"id": user, "is_bot": False, "first_name": f"user {user}"}, "chat": {"id": chat or user, "type": kind},
            }  # fmt: skip
            self._updates.append({"update_id": number, "message": message})
            self._changed.notify_all()
        return number

    def answers(self, user: int) -> list[str]:
        """What the bot wrote into a chat, in order."""
        return [one["text"] for one in self.sent if one["chat_id"] == user]

    def wait(self, count: int, within_s: float = 10.0) -> None:
        """Until the bot has sent so many messages in all. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.sent) >= count, within_s):
                raise TimeoutError(f"local Telegram: {len(self.sent)} messages, expected {count} within {within_s:g} s")

    def answer(self, path: str, words: Mapping[str, Any]) -> Any:
        """The result of a question; raises Refused."""
        token, _, method = path.removeprefix("/bot").partition("/")
        if not path.startswith("/bot") or token != self.token:
            raise Refused(401, "Unauthorized")
        self.asked.append(method)
        match method:
            case "getMe":
                return {"id": 7, "is_bot": True, "first_name": "tradewinds", "username": "tradewinds_bot"}
            case "getUpdates":
                return self._poll(int(words.get("offset", 0)), float(words.get("timeout", 0)))
            case "sendMessage":
                return self._take(words)
        raise Refused(404, "Not Found")

    def _poll(self, offset: int, timeout_s: float) -> list[dict[str, Any]]:
        with self._changed:
            self._polls += 1
            mine = self._polls
            self._updates = [one for one in self._updates if one["update_id"] >= offset]
            self._changed.notify_all()
            self._changed.wait_for(lambda: bool(self._updates) or self._polls != mine, timeout_s)
            if self._polls != mine:
                raise Refused(409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running")
            return self._updates[:UPDATES_MAX]

    def _take(self, words: Mapping[str, Any]) -> dict[str, Any]:
        text = str(words.get("text", ""))
        if not text.strip():
            raise Refused(400, "Bad Request: message text is empty")
        if len(text) > TEXT_CHARACTERS_MAX:
            raise Refused(400, "Bad Request: message is too long")
        with self._changed:
            self.sent.append({"chat_id": int(words["chat_id"]), "text": text})
            self._changed.notify_all()
        return {"message_id": len(self.sent), "text": text}


def _handler(server: TelegramServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve(dict(parse_qsl(urlsplit(self.path).query)))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._serve(json.loads(body) if body else {})

        def _serve(self, words: Mapping[str, Any]) -> None:
            fault = server.faults.pop(0) if server.faults else None
            try:
                if fault is not None and fault[0] != LOSE:
                    raise Refused(fault[0], "as planned", fault[1])
                told = {"ok": True, "result": server.answer(urlsplit(self.path).path, words)}
                code = 200
            except Refused as error:
                told, code = {"ok": False, "error_code": error.code, "description": error.description}, error.code
                told |= {"parameters": {"retry_after": error.retry_after_s}} if error.retry_after_s is not None else {}
            if fault is not None and fault[0] == LOSE:
                self.close_connection = True
                return
            content = json.dumps(told).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            return

    return Handler
