"""Nothing from outside becomes an element, and values read as people write them."""

from __future__ import annotations

from decimal import Decimal
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewinds.app.console.chart import candles
from tradewinds.app.console.markup import Markup, address, moment, pill, shown, table, tag
from tradewinds.app.console.sign_in import sign_in_page
from tradewinds.core.instant import parse

EVIL = "<script>alert('x')</script>\"&"
SAFE = "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;&quot;&amp;"


def test_text_and_attributes_are_escaped() -> None:
    made = tag("td", EVIL, title=EVIL, class_="number")

    assert made == f'<td title="{SAFE}" class="number">{SAFE}</td>'


class Elements(HTMLParser):
    """The elements of a text with the names of their attributes, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attributes)))


def drawn(name: str) -> str:
    link = tag("a", "words", href=address("/logs", order=name))
    return table(("strategy", "link"), [(tag("b", name), link)]) + pill("x" + name) + sign_in_page("x" + name, "x" + name, name)


@given(st.one_of(st.text(), st.text(alphabet="<>/'\"&;= scriptonload-!")))
def test_whatever_a_strategy_is_called_no_element_and_no_attribute_comes_of_it(name: str) -> None:
    assert Elements(drawn(name)).found == Elements(drawn("x")).found


def test_what_is_markup_already_stays_as_it_is() -> None:
    assert tag("p", Markup("<b>bold</b>"), " & more") == "<p><b>bold</b> &amp; more</p>"


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "-"), (True, "yes"), (Decimal("100000"), "100000"), (Decimal("0.00000812"), "0.00000812"), (float("nan"), "-"),
     (0.1 + 0.2, "0.3"), (12_345_678.9, "12,345,679")],
)  # fmt: skip
def test_values_read_as_a_person_writes_them(value: object, words: str) -> None:
    assert shown(value) == words


def test_a_moment_carries_its_instant_for_local_time() -> None:
    assert moment(parse("2026-01-01T00:03:00Z")) == '<time datetime="2026-01-01T00:03:00Z">2026-01-01 00:03:00Z</time>'


def test_an_address_leaves_out_what_is_none_and_quotes_the_rest() -> None:
    assert address("/logs", process=None, order="a&b=c") == "/logs?order=a%26b%3Dc"


def test_the_words_of_a_fill_in_a_chart_are_escaped_because_its_tooltip_is_html() -> None:
    options = candles([(0, 1.0, 2.0, 0.5, 1.5)], [{"at_ns": 0, "price": 1, "side": "buy", "text": EVIL}])

    (fill,) = options["series"][1]["data"]
    assert fill["name"] == SAFE
