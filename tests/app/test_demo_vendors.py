"""What the demo's two further vendors tell of a coin's minutes, and that the one who lies is named by the usual means."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tradewinds.app import demo_vendors
from tradewinds.app.demo_vendors import PLANTED, TAPE, Told
from tradewinds.core.instant import NS_PER_MINUTE, parse
from tradewinds.stores.ledger_findings import FindingFilter
from tradewinds.wiring import sandbox
from tradewinds.wiring.desk import explain
from tradewinds.wiring.house import House, run_job
from tradewinds.wiring.settings import load_config

BEGAN = parse("2025-01-09T06:30:00Z")
NOW = "2025-01-09T06:45:00Z"
ETHER = "ETHUSDT.BINANCE"
CRYPTO = {"binance": {"market": "spot", "bars": [{"interval": "1m", "instruments": ["BTCUSDT"], "since": "2025-01-09"}]}}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house a quarter of an hour into the demo, with the local Binance."""
    venues = sandbox.start({"seed": 7, "now_ns": parse(NOW)})
    try:
        words = {"crypto": CRYPTO, "schedules": {}, "vendors": demo_vendors.vendors(tmp_path / "drops")}
        (tmp_path / "tradewinds.yaml").write_text(yaml.safe_dump(words))
        environment = {**venues.environment, "TRADEWINDS_HOME": str(tmp_path / "home"), "TRADEWINDS_CLOCK": NOW}
        made = House(load_config(tmp_path / "tradewinds.yaml", environment))
        run_job("universe", "2025-01-09", house=made)
        yield made
        made.close()
    finally:
        venues.stop()


def test_every_third_minute_is_a_lie_and_its_vendor_is_named_for_it(house: House) -> None:
    told = demo_vendors.bring(house, BEGAN)

    # 14 minutes of three coins, of each every third one; the 90 minutes before the beginning are told truly.
    assert (told.lies, told.minutes) == (14, 3 * (90 + 14))
    named: dict[str, list[int]] = {}
    for one in house.ledger.findings(FindingFilter(vendor=PLANTED)):
        named.setdefault(one.instrument, []).append((one.start_ns - BEGAN) // NS_PER_MINUTE)
    # The newest minute, 13, is a lie of BNB and waits for the one after it.
    assert named == {"BTCUSDT.BINANCE": [0, 3, 6, 9, 12], ETHER: [2, 5, 8, 11], "BNBUSDT.BINANCE": [1, 4, 7, 10]}
    assert house.ledger.findings(FindingFilter(vendor=TAPE)) == []


def test_a_lie_leads_back_to_the_bytes_and_the_venues_value_stays(house: House) -> None:
    demo_vendors.bring(house, BEGAN)
    lie = house.ledger.findings(FindingFilter(vendor=PLANTED, instruments=[ETHER]))[0]

    trail = explain.lineage(house, "bars-1m", ETHER, lie.start_ns, house.clock.now_ns())

    assert trail.liars == (PLANTED,)
    rest, liar, tape = sorted(trail.said, key=lambda one: one.vendor)
    assert (rest.vendor, rest.is_used, tape.vendor, tape.differs) == ("binance_rest", True, TAPE, frozenset())
    assert float(liar.values["close"]) / float(trail.published["close"]) == pytest.approx(1.03, abs=1e-6)
    minute = f"2025-01-09T06:{(lie.start_ns - BEGAN) // NS_PER_MINUTE + 30}:00Z,ETHUSDT,"
    assert [line.startswith(minute) for line in liar.excerpt.splitlines()] == [False, True]


def test_what_was_told_before_is_not_told_again(house: House) -> None:
    demo_vendors.bring(house, BEGAN)

    assert demo_vendors.bring(house, BEGAN) == Told(0, 0, 0)
