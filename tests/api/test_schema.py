"""Schemathesis reads the document and tries what it allows and what it does not: no answer is a fault of ours.

Examples are few and derived from the text of the document alone, so that a run is short and always the same.
"""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

EXAMPLES = 5
DEAR = {"/api/v1/halt": 2, "/api/v1/models/{name}/champion": 2}  # a process of its own; a registry that has to be opened
LEFT_OUT = {("get", "/api/v1/live")}  # a stream that does not end; test_live.py reads it
FAULTS = (500, 501, 502, 503, 504)


def operations(served: Any) -> list[Any]:
    schema = schemathesis.openapi.from_dict(served.app.openapi())
    found = [one.ok() for one in schema.get_all_operations()]
    return [one for one in found if (one.method.lower(), one.path) not in LEFT_OUT]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")
def test_nothing_that_the_document_describes_ends_in_a_fault(furnished: Any) -> None:
    faults: list[tuple[str, str, int, str]] = []
    asked = 0
    headers = furnished.as_("admin", days=3)

    for operation in operations(furnished):
        chosen = operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE)
        wild = (
            operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)
            if operation.path_parameters or operation.query or operation.body
            else chosen
        )

        @given(case=st.one_of(chosen, wild))
        @settings(
            max_examples=DEAR.get(operation.path, EXAMPLES), derandomize=True, database=None, deadline=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        def tried(case: Any) -> None:
            nonlocal asked
            sent = case.as_transport_kwargs(base_url="http://localhost")
            status, told = _answer(furnished, case, sent, headers, f"s-{asked}")
            asked += 1
            if status in FAULTS:
                faults.append((case.method, case.path, status, told[:200]))

        tried()

    assert asked > 250
    assert faults == []


def _answer(served: Any, case: Any, sent: dict[str, Any], headers: dict[str, str], key: str) -> tuple[int, str]:
    import httpx

    given = {name: value for name, value in (sent.get("headers") or {}).items() if name.lower() not in ("authorization", "cookie")}
    more = {name: str(value).encode("utf-8", "replace") for name, value in given.items()}
    merged = {**more, "Idempotency-Key": key, **headers}
    if case.path == "/api/v1/session" and case.method.lower() == "delete":
        merged = dict(more)  # the token is needed for the others
    body = {name: sent[name] for name in ("json", "data") if sent.get(name) is not None}
    if isinstance(body.get("data"), bytes | str):
        body = {"content": body["data"]}
    try:
        answer = served.client.request(case.method, sent["url"], params=sent.get("params") or None, headers=merged, **body)
    except (httpx.InvalidURL, httpx.LocalProtocolError, UnicodeError, ValueError, TypeError):
        return 0, ""  # cannot be sent
    return answer.status_code, answer.text
