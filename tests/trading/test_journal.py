"""The journal's bytes: what they are, that they come back, and that what is not an entry is named."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest

from tradewinds.core.account import Fill
from tradewinds.core.errors import Unreadable
from tradewinds.core.order import ApprovedOrder, Intent, OrderState, OrderTerms
from tradewinds.risk.limits import Gate
from tradewinds.trading.entry import Approved, Bar, BarsClosed, Booked, Changed, Entry, Heard, Priced, Wanted
from tradewinds.trading.journal import GENESIS, Chained, chained, decode, encode, read

TERMS = OrderTerms("SHIBUSDT.BINANCE", "buy", Decimal("100000.50"), "limit", Decimal("0.00000812"))
INTENT = Intent("main", "trend", 1_800_000_000_000_000_000, TERMS)
FILL = Fill("7", "BINANCE", INTENT.client_order_id, TERMS.instrument, "buy", Decimal("1E+2"), Decimal("0.00000812"), "USDT", 5)


def approved() -> ApprovedOrder:
    found = Gate().judge(INTENT, None, 9)  # type: ignore[arg-type]  # without limits nothing is asked
    assert isinstance(found, ApprovedOrder)
    return found


GOLDEN: list[tuple[Entry, bytes]] = [
    (
        Entry(9, Wanted((INTENT,), "test"), (Approved(approved()),)),
        b'[1,9,["Wanted",{"intents":[{"account":"main","strategy":"trend","decision_ns":1800000000000000000,"terms":{"instrument":'
        b'"SHIBUSDT.BINANCE","side":"buy","quantity":"100000.50","kind":"limit","limit":"0.00000812","stop":null,"trail":null,'
        b'"time_in_force":"gtc","when":"any","is_reduce_only":false},"leg":0,"revision":0,"reason":""}],"by":"test"}],[["Approved",'
        b'{"order":{"intent":{"account":"main","strategy":"trend","decision_ns":1800000000000000000,"terms":{"instrument":'
        b'"SHIBUSDT.BINANCE","side":"buy","quantity":"100000.50","kind":"limit","limit":"0.00000812","stop":null,"trail":null,'
        b'"time_in_force":"gtc","when":"any","is_reduce_only":false},"leg":0,"revision":0,"reason":""},"approved_ns":9},"replaces":null}]]]',
    ),
    (
        Entry(10, Heard(FILL), (Booked(FILL, "trend"), Changed("tw1", OrderState.PARTIALLY_FILLED))),
        b'[1,10,["Heard",["Fill",{"id":"7","venue":"BINANCE","client_order_id":"ID","instrument":"SHIBUSDT.BINANCE","side":"buy",'
        b'"quantity":"1E+2","price":"0.00000812","currency":"USDT","event_ns":5,"multiplier":"1","commission":"0",'
        b'"commission_currency":null}]],[["Booked",{"fill":{"id":"7","venue":"BINANCE","client_order_id":"ID","instrument":'
        b'"SHIBUSDT.BINANCE","side":"buy","quantity":"1E+2","price":"0.00000812","currency":"USDT","event_ns":5,"multiplier":"1",'
        b'"commission":"0","commission_currency":null},"strategy":"trend"}],["Changed",{"client_order_id":"tw1","state":'
        b'"partially filled","reason":"","venue_order_id":"","told":null}]]]',
    ),
]


@pytest.mark.parametrize(("entry", "golden"), GOLDEN, ids=["wanted", "heard"])
def test_the_bytes_do_not_drift(entry: Entry, golden: bytes) -> None:
    golden = golden.replace(b"ID", INTENT.client_order_id.encode())

    assert encode(entry) == golden
    assert decode(golden) == entry
    assert str(decode(golden).input) == str(entry.input)  # digits and exponents too


def test_a_bar_without_a_price_comes_back_as_one() -> None:
    bars = BarsClosed("1m", 60, (Bar("A.X", 1.0, 0.1 + 0.2, math.nan, 2.5e-8, math.nan, 60),), is_warm_up=True)

    back = decode(encode(Entry(60, bars, ()))).input

    assert isinstance(back, BarsClosed)
    assert back.is_warm_up
    assert back.bars[0].high == 0.1 + 0.2
    assert math.isnan(back.bars[0].low)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "expected an entry"),
        (b"[1,2", "expected an entry"),
        (b'[2,9,["Ticked",{}],[]]', "format 2, expected 1; a later version wrote it"),
        (b'[1,9,["Teleported",{}],[]]', "'Teleported', which this version does not know"),
        (b'[1,9,["Ticked",{}],[["Entry",{}]]]', "'Entry', which this version does not know"),
        (b'[1,9,["Heard",["Rumour",{}]],[]]', "'Rumour'"),
        (b'[1,9,["Wanted",{"intents":[],"by":7}],[]]', "Expected `str`, got `int`"),
        (b'[1,9,["Ticked",{}],[["Changed",{"client_order_id":"a","state":"asleep"}]]]', "asleep"),
    ],
)
def test_what_is_no_entry_of_this_version_is_named(body: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why.replace("(", r"\(")):
        decode(body)


@pytest.mark.parametrize("change", ["body", "order", "hash"])
def test_a_changed_journal_shows(change: str) -> None:
    rows = chained([Entry(at, Priced("A.X", Decimal(at), at, Decimal(1)), ()) for at in (1, 2, 3)], 0, GENESIS)
    assert [entry.time_ns for _, entry in read(rows)] == [1, 2, 3]
    changed: dict[str, list[Chained]] = {
        "body": [rows[0], Chained(2, 2, rows[1].body.replace(b"2", b"9", 1), rows[1].hash), rows[2]],
        "order": [rows[0], rows[2]],
        "hash": [rows[0], Chained(2, 2, rows[1].body, bytes(32)), rows[2]],
    }

    with pytest.raises(Unreadable, match="journal: entry"):
        list(read(changed[change]))


def test_every_word_of_the_journal_has_bytes(bench: Any) -> None:
    """The bench takes every step through bytes and back; here the words that its stories do not use."""
    from tradewinds.core.broker import Link
    from tradewinds.trading import entry as words

    for given in (
        words.Restarted(), words.Started("r", "1", "paper", {"a": "b"}), words.Heard(Link("question", "sure?", 1)),
        words.Controlled("close only", "ann", "", "trend", "A.X"), words.Approval("a", "ann", True), words.Ticked(),
    ):  # fmt: skip
        records = (
            words.Decided("trend", 1, {"A.X": "0.1"}, ("a",), "{}"), words.Overridden(words.Controlled("halt", "ann", "", epoch=3)),
            words.Linked("locked out", ""), words.Compare("c", 1), words.Alerted("info", "ü"), words.Waived("a", "b"),
            words.ReplaceAsked("a", None), words.Allotted("a", "USD", Decimal("0.10")), words.Adjusted("USD", Decimal(-1), "fee", "cash"),
        )  # fmt: skip
        entry = Entry(1, given, records)  # type: ignore[arg-type]  # a mixed tuple
        assert decode(encode(entry)) == entry
