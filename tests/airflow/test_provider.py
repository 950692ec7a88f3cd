"""What Airflow learns about us."""

from __future__ import annotations

import pytest
from airflow.providers_manager import ProvidersManager
from airflow.sdk import Connection
from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

from tradewinds.airflow import hooks
from tradewinds.airflow.hooks import vendor_connection
from tradewinds.airflow.provider import FORMS


def test_airflow_knows_our_connection_types_and_what_their_fields_are_called() -> None:
    manager = ProvidersManager()  # type: ignore[no-untyped-call]  # airflow leaves it untyped
    hooks_by_kind = ProvidersManagerTaskRuntime().hooks

    for kind, form in FORMS.items():
        hook = hooks_by_kind[kind]
        assert hook is not None
        assert (hook.hook_name, hook.package_name) == (form.title, "tradewinds")
    behaviour = manager.field_behaviours["oanda"]
    assert behaviour["relabeling"]["password"] == "Access token"
    assert "schema" in behaviour["hidden_fields"]


@pytest.mark.parametrize("kind", sorted(FORMS))
def test_each_connection_type_has_the_hook_that_it_names(kind: str) -> None:
    hook = getattr(hooks, f"{kind.capitalize()}Hook")

    assert hook.conn_type == kind


def test_a_vendor_takes_address_and_secret_of_the_connection_that_bears_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_TIINGO", Connection(conn_id="t", conn_type="tiingo", host="h.test", port=8443, password="key").get_uri()
    )

    assert vendor_connection("tiingo") == ("https://h.test:8443", "key")


def test_binance_rest_takes_the_connection_binance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_BINANCE", '{"conn_type": "binance", "password": "key"}')

    assert vendor_connection("binance_rest") == (None, "key")


def test_without_a_connection_there_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_TIINGO", raising=False)

    assert vendor_connection("ecb") is None
