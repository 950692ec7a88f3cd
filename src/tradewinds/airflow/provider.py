"""What Airflow is told about us through the entry point `apache_airflow_provider`.

Airflow imports this module whenever it is itself imported, so it imports nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a connection form: its label, and an example where one helps."""

    label: str
    example: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """A connection type as people fill it in. A field left out is hidden; `secret` is Airflow's password field."""

    title: str
    host: Field | None = Field("Address", "leave empty for the vendor's own")
    login: Field | None = None
    secret: Field | None = None
    port: Field | None = None


FORMS: Mapping[str, Form] = {
    "binance": Form("Binance", login=Field("API key"), secret=Field("API secret")),
    "oanda": Form("OANDA v20", Field("Address", "https://api-fxpractice.oanda.com"), Field("Account id"), Field("Access token")),
    "ibkr": Form("Interactive Brokers", Field("Gateway host", "127.0.0.1"), Field("Client id"), None, Field("Gateway port", "4002")),
    "coingecko": Form("CoinGecko", secret=Field("API key (optional)")),
    "tiingo": Form("Tiingo", secret=Field("API token")),
    "edgar": Form("SEC EDGAR", login=Field("Contact for the User-Agent", "name and e-mail address")),
}


def provider_info() -> dict[str, Any]:
    """The description that Airflow's provider manager reads."""
    return {
        "package-name": "tradewinds",
        "name": "Tradewinds",
        "description": "Market data, reconciled: connection types, exchange-calendar timetables, deferrable readiness.",
        "hooks": [{"integration-name": "Tradewinds", "python-modules": ["tradewinds.airflow.hooks"]}],
        "triggers": [{"integration-name": "Tradewinds", "python-modules": ["tradewinds.airflow.triggers"]}],
        "plugins": [{"name": "tradewinds", "plugin-class": "tradewinds.airflow.timetables.TradewindsPlugin"}],
        "connection-types": [
            {
                "connection-type": kind,
                "hook-class-name": f"tradewinds.airflow.hooks.{kind.capitalize()}Hook",
                "hook-name": form.title,
                "conn-fields": {},
                "ui-field-behaviour": _behaviour(form),
            }
            for kind, form in FORMS.items()
        ],
    }


def _behaviour(form: Form) -> dict[str, Any]:
    fields = {"host": form.host, "login": form.login, "password": form.secret, "port": form.port, "schema": None}
    return {
        "hidden-fields": [name for name, field in fields.items() if field is None],
        "relabeling": {name: field.label for name, field in fields.items() if field is not None},
        "placeholders": {name: field.example for name, field in fields.items() if field is not None and field.example},
    }
