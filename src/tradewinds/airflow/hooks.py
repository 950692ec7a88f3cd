"""Airflow connections for vendors: the address and the secret of a connection whose id is the vendor's name."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from tradewinds.airflow.provider import FORMS


class VendorHook(BaseHook):
    """Hands out a vendor's connection. It connects to nothing: vendors speak their own wire."""

    conn_name_attr = "vendor_conn_id"
    conn_type = "tradewinds"
    hook_name = "Tradewinds vendor"

    def __init__(self, vendor_conn_id: str) -> None:
        super().__init__()
        self.vendor_conn_id = vendor_conn_id

    def get_conn(self) -> Any:
        """The connection as Airflow keeps it."""
        return self.get_connection(self.vendor_conn_id)


class BinanceHook(VendorHook):
    """Binance: API key as login, API secret as password."""

    conn_type, default_conn_name, hook_name = "binance", "binance", FORMS["binance"].title


class OandaHook(VendorHook):
    """OANDA v20: account id as login, access token as password."""

    conn_type, default_conn_name, hook_name = "oanda", "oanda", FORMS["oanda"].title


class IbkrHook(VendorHook):
    """Interactive Brokers: the gateway's host and port, client id as login."""

    conn_type, default_conn_name, hook_name = "ibkr", "ibkr", FORMS["ibkr"].title


class CoingeckoHook(VendorHook):
    """CoinGecko: API key as password, where there is one."""

    conn_type, default_conn_name, hook_name = "coingecko", "coingecko", FORMS["coingecko"].title


class TiingoHook(VendorHook):
    """Tiingo: API token as password."""

    conn_type, default_conn_name, hook_name = "tiingo", "tiingo", FORMS["tiingo"].title


class EdgarHook(VendorHook):
    """SEC EDGAR: who to write to, for the User-Agent, as login."""

    conn_type, default_conn_name, hook_name = "edgar", "edgar", FORMS["edgar"].title


def vendor_connection(name: str) -> tuple[str | None, str | None] | None:
    """(address, secret) of the Airflow connection whose id is the vendor's name; None when there is none.

    `binance_rest` also takes the connection `binance`. Works inside a task, and wherever `AIRFLOW_CONN_<NAME>` is set. The
    secret is the password; for EDGAR, which wants to know who asks, it is the login.
    """
    for conn_id in dict.fromkeys((name, name.partition("_")[0])):
        try:
            found = BaseHook.get_connection(conn_id)
        except AirflowNotFoundException:
            continue
        return _address(found), found.password or (found.login if found.conn_type == "edgar" else None)
    return None


def _address(found: Any) -> str | None:
    if not found.host:
        return None
    host = str(found.host)
    if "://" in host:
        return host
    scheme = found.schema or "https"
    return f"{scheme}://{host}:{found.port}" if found.port else f"{scheme}://{host}"
