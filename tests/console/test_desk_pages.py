"""What pages read, asked without a browser."""

from __future__ import annotations

import io
import zipfile
from decimal import Decimal
from typing import Any

import pytest

from tradewinds.core.errors import Missing, Rejected
from tradewinds.core.instant import NS_PER_MINUTE, parse
from tradewinds.wiring.desk import data_pages, explain, overview, research_pages, trade_pages
from tradewinds.wiring.desk.standing import Standing
from tradewinds.wiring.house import House

START = parse("2026-01-01T00:00:00Z")
INSTRUMENT = "BTCUSDT.LOCAL"


def test_coverage_counts_rows_by_the_fullest_instrument(house: House) -> None:
    found = data_pages.coverage(house, "bars-1m")

    assert found.partitions == ("2026-01",)
    assert found.rows[INSTRUMENT] == {"2026-01": 12}
    assert found.share(INSTRUMENT, "2026-01") == 1.0


def test_versions_say_what_each_of_them_changed(house: House) -> None:
    first, second = data_pages.versions_of(house, "bars-1m", INSTRUMENT, START + 4 * NS_PER_MINUTE)

    assert (first.values["close"], second.values["close"]) == (107.0, 102.0)
    assert (first.changed, second.changed) == (frozenset(), frozenset({"open", "high", "low", "close"}))
    assert data_pages.restated(house, "bars-1m").rows() == [(INSTRUMENT, START + 4 * NS_PER_MINUTE, 2, START + 65 * NS_PER_MINUTE)]


def test_a_fact_that_was_never_published_is_missing(house: House) -> None:
    with pytest.raises(Missing, match=r"bars-1m of BTCUSDT.LOCAL at 2026-02-01T00:00:00Z: nothing published, expected a row"):
        data_pages.versions_of(house, "bars-1m", INSTRUMENT, parse("2026-02-01"))


def test_the_vendor_that_was_off_and_found_out_is_the_liar_and_its_bytes_are_shown(house: House) -> None:
    trail = explain.lineage(house, "bars-1m", INSTRUMENT, START + NS_PER_MINUTE, house.clock.now_ns())

    honest, liar = trail.said
    assert (honest.vendor, honest.is_used, honest.is_liar, honest.differs) == ("honest", True, False, frozenset())
    assert (liar.vendor, liar.is_used, liar.is_liar) == ("liar", False, True)
    assert liar.differs == frozenset({"open", "high", "low", "close"})
    assert liar.findings == (("spike", "close 121.2, expected near 101"),)
    assert liar.excerpt.splitlines()[0] == "time,symbol,close"
    assert "2026-01-01T00:01:00Z,BTCUSDT,121.2" in liar.excerpt
    assert trail.liars == ("liar",)


def test_a_vendor_that_said_the_same_and_was_not_used_is_no_liar(house: House) -> None:
    trail = explain.lineage(house, "bars-1m", INSTRUMENT, START, house.clock.now_ns())

    assert trail.liars == ()
    assert [one.is_used for one in trail.said] == [True, False]


def test_packed_bytes_are_unpacked_and_lines_of_other_symbols_left_out() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("all.csv", "date,symbol,close\n2026-01-01,ETHUSDT,5\n2026-01-01,BTCUSDT,7\n2026-01-02,BTCUSDT,8\n")

    assert explain.excerpt(packed.getvalue(), INSTRUMENT, START) == "date,symbol,close\n2026-01-01,BTCUSDT,7"


def test_a_file_of_one_line_is_shown_around_the_time() -> None:
    body = ('[[0,"1"],' * 200 + f'[{START // 1_000_000},"42.5"]]').encode()

    found = explain.excerpt(body, INSTRUMENT, START)

    assert "42.5" in found
    assert len(found) < 700


@pytest.mark.parametrize("name", ["../tradewinds.yaml", "ledger.sqlite", "/etc/passwd", "reports/../ledger.sqlite", "reports/x.html\0", ""])
def test_no_file_but_a_page_of_ours_is_read(house: House, name: str) -> None:
    with pytest.raises(Missing, match="none of ours, expected a sheet or a report below the home"):
        research_pages.html_file(house, name)


def test_a_link_out_of_the_home_is_not_followed(house: House, tmp_path: Any) -> None:
    (tmp_path / "secret.html").write_text("secret")
    (house.home / "reports").mkdir()
    (house.home / "reports" / "x.html").symlink_to(tmp_path / "secret.html")

    with pytest.raises(Missing):
        research_pages.html_file(house, "reports/x.html")


def test_a_number_in_an_address_is_a_number() -> None:
    assert research_pages.whole("17", "run") == 17
    with pytest.raises(Rejected, match="run '1 or 1=1', expected a whole number"):
        research_pages.whole("1 or 1=1", "run")


def test_where_nothing_runs_every_process_says_the_command_that_starts_it(house: House) -> None:
    found = overview.processes(house)

    assert [(one.name, one.state, one.command) for one in found] == [
        ("trade", "stopped", "tradewinds trade"), ("guard", "stopped", "tradewinds guard"),
    ]  # fmt: skip
    assert overview.held_count(house) == 2


def test_gains_add_up_over_time_by_strategy_and_currency_and_never_across_currencies() -> None:
    def gain(strategy: str | None, currency: str, closed: str, amount: str) -> dict[str, object]:
        return {"strategy": strategy, "currency": currency, "closed_ns": closed, "amount": amount}

    found = trade_pages.gain_curves([
        gain("trend", "USDT", "2026-01-01T00:02:00Z", "-1"), gain("trend", "USDT", "2026-01-01T00:01:00Z", "3"),
        gain("trend", "USD", "2026-01-01T00:03:00Z", "5"), gain(None, "USDT", "2026-01-01T00:04:00Z", "7"),
    ])  # fmt: skip

    assert found == {
        "trend (USDT)": [(START + NS_PER_MINUTE, 3.0), (START + 2 * NS_PER_MINUTE, 2.0)],
        "trend (USD)": [(START + 3 * NS_PER_MINUTE, 5.0)],
        "by hand (USDT)": [(START + 4 * NS_PER_MINUTE, 7.0)],
    }


class Seen:
    """Every account was told the same price of one coin."""

    def prices(self, account: str) -> dict[str, float]:
        return {INSTRUMENT: 110.0}


def test_what_was_there_before_the_first_start_has_no_known_cost_and_so_no_gain(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"account": "main", "strategy": strategy, "instrument": INSTRUMENT, "quantity": Decimal(2), "average_price": Decimal(average)}
        for strategy, average in (("", "0"), ("trend", "100"))
    ]
    monkeypatch.setattr("tradewinds.wiring.desk.trade.positions", lambda house, account=None: rows)

    found = trade_pages.held(house, Seen())  # type: ignore[arg-type]  # it asks for prices alone

    assert [(one.average_price, one.value, one.gain) for one in found] == [(None, 220.0, None), (Decimal(100), 220.0, 20.0)]


def test_what_closed_lots_gained_adds_up_by_currency() -> None:
    gains = [{"currency": "USDT", "amount": "3"}, {"currency": "USD", "amount": "5"}, {"currency": "USDT", "amount": "-1.5"}]

    assert trade_pages.realised_by_currency(gains) == {"USDT": 1.5, "USD": 5.0}


def test_without_a_service_and_without_a_journal_the_answers_are_empty_and_say_so(house: House) -> None:
    standing = Standing(house)

    assert standing.status() == {"running": False, "since": None, "accounts": [], "set_aside": {}}
    assert (standing.approvals(), standing.gains()) == ([], [])
