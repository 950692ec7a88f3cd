"""A result's logs as tables for people: units instead of lots, names instead of codes, UTC times instead of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradewinds.simulation.books import KINDS, REASONS, STATUSES, TIMES_IN_FORCE, TOUCHES, WHENS

if TYPE_CHECKING:
    from tradewinds.simulation.market import Market
    from tradewinds.simulation.result import Result

TIME = pl.Datetime("ns", "UTC")


def fills_frame(result: Result) -> pl.DataFrame:
    """time (end of the bar), order, instrument, quantity (units, signed), price, amount, commission, slippage, realised, touch, book."""
    fills, market = result.fills, result.market
    return pl.DataFrame(
        {
            "time": _times(market, fills["row"]),
            "order": np.ascontiguousarray(fills["order"]),
            "instrument": _named(market.ids, fills["instrument"]),
            "quantity": fills["quantity"] * _lots(market)[fills["instrument"]],
            **{name: np.ascontiguousarray(fills[name]) for name in ("price", "amount", "commission", "slippage", "realised")},
            "touch": _named(TOUCHES, fills["touch"]),
            "book": np.ascontiguousarray(fills["book"]),
        }
    )


def orders_frame(result: Result) -> pl.DataFrame:
    """Orders by id, with the time of the decision; limit, stop and trail are null where there is none."""
    orders, market = result.orders, result.market
    lots = _lots(market)[orders["instrument"]]
    return pl.DataFrame(
        {
            "id": np.ascontiguousarray(orders["id"]),
            "decided": _times(market, orders["decided_row"]),
            "instrument": _named(market.ids, orders["instrument"]),
            "side": np.where(orders["side"] > 0, "buy", "sell"),
            "kind": _named(KINDS, orders["kind"]),
            "quantity": orders["quantity"] * lots,
            "filled": orders["filled"] * lots,
            **{name: pl.Series(np.ascontiguousarray(orders[name])).fill_nan(None) for name in ("limit", "stop", "trail")},
            "tif": _named(TIMES_IN_FORCE, orders["tif"]),
            "when": _named(WHENS, orders["when"]),
            "status": _named(STATUSES, orders["status"]),
            "reason": _named(REASONS, orders["reason"]),
            **{name: np.ascontiguousarray(orders[name]) for name in ("parent", "group", "tag", "book")},
        }
    )


def equity_frame(result: Result) -> pl.DataFrame:
    """time (end of the bar) and equity in account currency, of the rows of the run."""
    rows = np.arange(result.first_row, result.last_row)
    return pl.DataFrame({"time": _times(result.market, rows), "equity": result.equity[result.first_row : result.last_row].copy()})


def _times(market: Market, rows: NDArray[Any]) -> pl.Series:
    return pl.Series(market.end_ns[np.asarray(rows, dtype=np.int64)]).cast(TIME)


def _lots(market: Market) -> NDArray[np.float64]:
    return np.array([1.0 if one.lot is None else float(one.lot) for one in market.instruments])


def _named(names: tuple[str, ...], codes: NDArray[Any]) -> pl.Series:
    return pl.Series([names[code] for code in codes.tolist()], dtype=pl.String)
