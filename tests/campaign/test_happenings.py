"""Journals in the real store, midnights at Interactive Brokers, and what a gateway that is cut off does not forget to say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tradewinds.campaign import at_tws, disk_sqlite, run
from tradewinds.campaign.at_tws import TwsStage
from tradewinds.campaign.chaos import KINDS, Chaos
from tradewinds.campaign.disk_sqlite import SqliteDisk
from tradewinds.campaign.loop import Killed, Process, VirtualLoop
from tradewinds.campaign.record import Record
from tradewinds.campaign.run import simulate
from tradewinds.core.errors import Transient
from tradewinds.trading.entry import Entry, Ticked
from tradewinds.trading.journal import GENESIS, Chained, chained


def _chaos(loop: VirtualLoop, **chances: float) -> Chaos:
    chaos = Chaos(1, Record(loop.now_ns))
    chaos.chances = {**dict.fromkeys(KINDS, 0.0), **chances}
    return chaos


def _first() -> list[Chained]:
    return list(chained([Entry(1, Ticked(), ())], 0, GENESIS))


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    made = VirtualLoop()
    yield made
    made.close()


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteDisk]:
    monkeypatch.setattr(disk_sqlite, "MEMORY", tmp_path)
    made = SqliteDisk()
    yield made
    made.close()
    assert list(tmp_path.iterdir()) == []


def test_what_a_process_had_not_committed_when_it_died_is_gone_and_the_next_one_may_write(disk: SqliteDisk, loop: VirtualLoop) -> None:
    dying = disk.journal(Process("first"), _chaos(loop, crash=10.0), loop)

    with pytest.raises(Killed):
        dying.append(_first())

    after = disk.journal(Process("second"), _chaos(loop), loop)
    assert after.last() == (0, GENESIS)
    after.append(_first())
    assert [one.sequence for one in disk.read()] == [1]
    after.close()


def test_a_full_disk_is_trouble_that_passes_and_no_entry_is_written_twice(disk: SqliteDisk, loop: VirtualLoop) -> None:
    chaos = _chaos(loop, journal_full=1.0)
    journal = disk.journal(Process("only"), chaos, loop)

    with pytest.raises(Transient):
        journal.append(_first())
    tries = 0
    while list(disk.read()) == [] and tries < 50:  # sooner or later a commit is made, and fails all the same
        tries += 1
        with suppress(Transient):
            journal.append(_first())
    journal.append(_first())

    assert tries < 50
    assert [one.sequence for one in disk.read()] == [1]
    journal.close()


@pytest.mark.parametrize("broker", ["direct", "oanda"])
def test_seeds_whose_journal_is_in_the_real_store_lose_nothing(broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "SQLITES", 1.0)

    results = [simulate(seed, broker, keeps_lines=True) for seed in range(4)]

    assert [one.seed for one in results if not one.is_clean] == []
    assert all(any("\x1fcommit\x1f" in line for line in one.lines) for one in results)


def test_interactive_brokers_through_midnight_loses_nothing_though_the_gateway_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(at_tws, "NIGHTS", 1.0)

    results = [simulate(seed, "ibkr", keeps_lines=True) for seed in range(6)]

    assert [one.seed for one in results if not one.is_clean] == []
    assert all(any("\x1fmidnight\x1f" in line for line in one.lines) for one in results)
    assert any("\x1fids fall\x1f" in line for one in results for line in one.lines)


def test_a_log_in_does_not_end_a_cut_without_the_gateway_saying_so(loop: VirtualLoop) -> None:
    stage = TwsStage(loop, _chaos(loop))
    stage.gateway.cut_off()

    stage.refuse_key(is_refused=False)

    assert stage.gateway.mode == "cut off"
