"""Instruments: ids that never change, rules that refuse the impossible."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewinds.core.errors import Rejected
from tradewinds.core.instrument import CorporateAction, Instrument, instrument_id, is_instrument_name, split_id


@pytest.mark.parametrize(
    "id_", ["AAPL.XNAS", "BTCUSDT.BINANCE", "EUR_USD.OANDA", "BRK.B.XNYS", "1000SATSUSDT.BINANCE", "600519.XSHG", "001602.CFTC"]
)
def test_an_id_is_a_symbol_and_a_venue(id_: str) -> None:
    symbol, venue = split_id(id_)

    assert instrument_id(symbol, venue) == id_
    assert "." not in venue


@pytest.mark.parametrize(
    ("symbol", "venue"), [("", "XNAS"), ("AAPL", ""), ("AAPL", "xnas"), ("../etc/passwd", "XNAS"), ("A" * 64, "XNAS"), ("A\nB", "XNAS")]
)
def test_parts_that_make_no_id_are_refused(symbol: str, venue: str) -> None:
    assert not is_instrument_name(symbol, venue)
    with pytest.raises(Rejected, match=r"expected SYMBOL\.VENUE"):
        instrument_id(symbol, venue)


@pytest.mark.parametrize("id_", ["AAPL", ".XNAS", "AAPL.", ""])
def test_text_without_both_parts_is_no_id(id_: str) -> None:
    with pytest.raises(Rejected, match=r"expected SYMBOL\.VENUE"):
        split_id(id_)


def test_an_instrument_refuses_an_id_that_a_file_name_could_not_hold() -> None:
    with pytest.raises(Rejected, match="instrument id"):
        Instrument("a/../b.x/y", "equity", "USD", "XNYS")


@pytest.mark.parametrize("wrong", ["0", "-0.01", "NaN", "Infinity"])
@pytest.mark.parametrize("field", ["tick", "lot", "minimum_notional", "multiplier"])
def test_steps_are_positive_numbers(field: str, wrong: str) -> None:
    with pytest.raises(Rejected, match=f"AAPL.XNAS: {field} {wrong}, expected a positive number"):
        Instrument("AAPL.XNAS", "equity", "USD", "XNYS", **{field: Decimal(wrong)})  # type: ignore[arg-type]  # one field by name


def test_what_a_venue_does_not_state_is_absent() -> None:
    made = Instrument("AAPL.XNAS", "equity", "USD", "XNYS")

    assert (made.tick, made.lot, made.minimum_notional) == (None, None, None)
    assert made.multiplier == 1


@pytest.mark.parametrize("value", [None, Decimal(0), Decimal(-7), Decimal("NaN"), Decimal("Infinity")])
@pytest.mark.parametrize("kind", ["split", "dividend"])
def test_a_split_or_dividend_needs_a_positive_number(kind: str, value: Decimal | None) -> None:
    with pytest.raises(Rejected, match=f"{kind} of AAPL.XNAS: value {value}, expected a positive number"):
        CorporateAction("AAPL.XNAS", kind, 10, 5, value)  # type: ignore[arg-type]  # a literal by parameter


def test_a_delisting_needs_no_value() -> None:
    assert CorporateAction("AAPL.XNAS", "delisting", 10, 5).value is None
