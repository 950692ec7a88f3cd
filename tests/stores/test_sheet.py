"""A Google Sheet by gspread's own client, against a local server that speaks the few endpoints that are used."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from tradewinds.core.errors import Rejected, Transient
from tradewinds.stores.sheet import GoogleSheet

pytest.importorskip("gspread", reason="the extra sheets is not installed")

KEY = "1aBcD"


class _Sheets(BaseHTTPRequestHandler):
    """The endpoints of Sheets v4: a spreadsheet's properties, a new tab, values read and written."""

    tabs: dict[str, list[list[str]]]
    failing: int | None = None

    def do_GET(self) -> None:
        told = re.fullmatch(rf"/v4/spreadsheets/{KEY}/values/'?([^'!?]+)'?(!.*)?", unquote(self.path.partition("?")[0]))
        if self.failing is not None:
            self._answer(self.failing, {"error": {"code": self.failing, "message": "no", "status": "NO"}})
        elif told is not None:
            self._answer(200, {"range": told[1], "majorDimension": "ROWS", "values": self.tabs[told[1]]})
        elif self.path.startswith(f"/v4/spreadsheets/{KEY}?"):
            self._answer(
                200,
                {
                    "spreadsheetId": KEY,
                    "properties": {"title": "Firm"},
                    "sheets": [_properties(at, name) for at, name in enumerate(self.tabs)],
                },
            )
        else:
            self._answer(404, {"error": {"code": 404, "message": "not found", "status": "NOT_FOUND"}})

    def do_POST(self) -> None:
        (request,) = self._body()["requests"]
        title = request["addSheet"]["properties"]["title"]
        self.tabs[title] = []
        self._answer(200, {"replies": [{"addSheet": _properties(len(self.tabs), title)}]})

    def do_PUT(self) -> None:
        tab, values = re.search(r"values/'?([^'!]+)'?!A1", unquote(self.path)), self._body()["values"]
        assert tab is not None
        rows = self.tabs[tab[1]]
        for at, row in enumerate(values):
            rows.extend([] for _ in range(at + 1 - len(rows)))
            rows[at][: len(row)] = row
        self._answer(200, {"updatedRows": len(values)})

    def log_message(self, format: str, *args: Any) -> None:
        return

    def _body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, code: int, told: dict[str, Any]) -> None:
        content = json.dumps(told).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _properties(at: int, title: str) -> dict[str, Any]:
    return {"properties": {"sheetId": at, "title": title, "index": at, "gridProperties": {"rowCount": 1000, "columnCount": 26}}}


@pytest.fixture
def google() -> Iterator[Any]:
    """A server with one spreadsheet without tabs; (its address, the handler that holds the tabs)."""

    class Handler(_Sheets):
        pass

    Handler.tabs, Handler.failing = {}, None
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", Handler
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_rows_are_written_beside_what_people_typed_and_read_back(google: Any) -> None:
    address, served = google
    sheet = GoogleSheet(KEY, "us cheap", address=address)

    empty = sheet.rows()
    sheet.write([["id", "state"], ["a1", "waiting"]])
    served.tabs["us cheap"][1] += ["approve"]
    sheet.write([["id", "state"], ["a1", "approved"], ["b2", "waiting"]])

    assert [row for row in empty if row] == []
    assert sheet.rows() == [["id", "state", ""], ["a1", "approved", "approve"], ["b2", "waiting", ""]]
    assert list(served.tabs) == ["us cheap"]


@pytest.mark.parametrize(("code", "kind"), [(429, Transient), (503, Transient), (403, Rejected), (404, Rejected)])
def test_what_google_refuses_is_told_by_what_can_be_done(google: Any, code: int, kind: type[Exception]) -> None:
    address, served = google
    served.failing = code

    with pytest.raises(kind, match=r"sheet 1aBcD, reading us cheap: "):
        GoogleSheet(KEY, "us cheap", address=address).rows()


def test_nobody_at_the_address_may_pass(google: Any) -> None:
    with pytest.raises(Transient, match="expected an answer of Google"):
        GoogleSheet(KEY, "us cheap", address="http://127.0.0.1:1").rows()


def test_without_credentials_the_place_for_them_is_named(tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text('{"private_key": "s3cret"}')

    with pytest.raises(Rejected, match="expected GOOGLE_APPLICATION_CREDENTIALS to name"):
        GoogleSheet(KEY, "us cheap").rows()
    with pytest.raises(Rejected, match="expected a service account's JSON file") as refused:
        GoogleSheet(KEY, "us cheap", credentials=tmp_path / "key.json").rows()
    assert "s3cret" not in str(refused.value)
