"""One tab of a Google Sheet by gspread (the extra `sheets`): its rows as text, and our columns written without touching those beside them.

Nothing connects before the first call. The service account's file is named by GOOGLE_APPLICATION_CREDENTIALS, as Google's own clients have
it; the sheet must be shared with that account. Neither file nor tokens ever stand in an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from tradewinds.core.errors import Rejected, Transient, Unreadable

CREDENTIALS = "GOOGLE_APPLICATION_CREDENTIALS"
TIMEOUT_S = 20.0
ROWS, COLUMNS = 1000, 26  # of a tab that is made
TRY_AGAIN = (408, 429, 500, 502, 503, 504)


class GoogleSheet:
    """The tab `tab` of the spreadsheet `key`; it is made where it is absent.

    credentials: the service account's JSON file. address: of another server that speaks the API; then no credentials are needed.
    Methods raise Transient where Google is away or asks to wait, Rejected where it refuses, naming what was expected.
    """

    def __init__(self, key: str, tab: str, *, credentials: Path | None = None, address: str | None = None) -> None:
        self._key, self._tab = key, tab
        self._credentials, self._address = credentials, address

    def rows(self) -> list[list[str]]:
        """Every row with anything in it, as the text that people see."""
        with self._asked("reading"):
            found: list[list[str]] = self._worksheet.get_all_values()
            return found

    def write(self, rows: Sequence[Sequence[str]]) -> None:
        """Put the rows into the first columns, from the first row on, in one request. What stands beside and below them stays."""
        with self._asked("writing"):
            self._worksheet.update([list(row) for row in rows], "A1", raw=True)

    @cached_property
    def _worksheet(self) -> Any:
        import gspread

        spreadsheet = self._client().open_by_key(self._key)
        try:
            return spreadsheet.worksheet(self._tab)
        except gspread.WorksheetNotFound:
            return spreadsheet.add_worksheet(self._tab, ROWS, COLUMNS)

    def _client(self) -> Any:
        import gspread

        if self._address is not None:
            import requests

            session = requests.Session()
            session.trust_env = False
            client: Any = gspread.Client(cast(Any, None), session=session, http_client=_moved(self._address))
        elif self._credentials is not None:
            client = gspread.service_account(filename=self._credentials)
        else:
            raise Rejected(f"sheet {self._key}: no credentials, expected {CREDENTIALS} to name a service account's JSON file")
        client.set_timeout(TIMEOUT_S)
        return client

    @contextmanager
    def _asked(self, doing: str) -> Iterator[None]:
        import gspread
        import requests
        from google.auth.exceptions import GoogleAuthError

        what = f"sheet {self._key}, {doing} {self._tab}"
        try:
            yield
        except gspread.exceptions.APIError as error:
            code = int(error.response.status_code)
            if code in TRY_AGAIN:
                raise Transient(f"{what}: HTTP {code}, expected an answer") from None
            raise Rejected(f"{what}: HTTP {code}, expected a sheet that the service account may edit") from None
        except (gspread.SpreadsheetNotFound, PermissionError):
            raise Rejected(f"{what}: no such sheet, expected the key of one that is shared with the service account") from None
        except KeyError as error:
            raise Unreadable(f"{what}: an answer without {error}, expected one of the Sheets API") from None
        except requests.RequestException as error:
            raise Transient(f"{what}: {type(error).__name__}, expected an answer of Google") from None
        except (GoogleAuthError, OSError, ValueError) as error:
            raise Rejected(f"{what}: {type(error).__name__}, expected a service account's JSON file in {CREDENTIALS}") from None


def _moved(address: str) -> Any:
    """gspread's HTTP client, asking another server."""
    from gspread.http_client import HTTPClient

    class Moved(HTTPClient):  # the only door that gspread leaves for another server
        def request(self, method: str, endpoint: str, *args: Any, **kwargs: Any) -> Any:
            parts = urlsplit(endpoint)
            query = f"?{parts.query}" if parts.query else ""
            return super().request(method, f"{address.rstrip('/')}{parts.path}{query}", *args, **kwargs)

    return Moved
