"""When session plans run, with dates that anybody can look up."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from airflow.serialization.decoders import decode_timetable
from airflow.serialization.encoders import encode_timetable
from airflow.timetables.base import TimeRestriction
from pendulum import instance

from tradewinds.airflow.timetables import SessionTimetable, TradewindsPlugin, last_due_session, next_session
from tradewinds.calendars.sessions import stand
from tradewinds.core.errors import Rejected


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _due(calendar: str, delay: int, first: str, last: str) -> list[str]:
    window = SessionTimetable(calendar, delay).iter_partition_dagrun_infos(earliest=_at(first), latest=_at(last))
    return [f"{info.partition_key} {info.run_after.strftime('%m-%dT%H:%M')}" for info in window]


def test_new_york_runs_an_hour_after_the_close_and_earlier_on_the_half_day_after_thanksgiving() -> None:
    found = _due("XNYS", 60, "2024-11-27", "2024-12-02")

    assert found == ["2024-11-27 11-27T22:00", "2024-11-29 11-29T19:00", "2024-12-02 12-02T22:00"]


def test_the_run_moves_with_daylight_saving_in_new_york() -> None:
    found = _due("XNYS", 60, "2024-03-08", "2024-03-11")

    assert found == ["2024-03-08 03-08T22:00", "2024-03-11 03-11T21:00"]


def test_shanghai_has_no_run_in_the_spring_festival_and_closes_at_seven_utc() -> None:
    found = _due("XSHG", 30, "2024-02-07", "2024-02-20")

    assert found == ["2024-02-07 02-07T07:30", "2024-02-08 02-08T07:30", "2024-02-19 02-19T07:30", "2024-02-20 02-20T07:30"]


def test_a_currency_week_ends_on_friday_at_five_in_new_york() -> None:
    found = _due("FX", 0, "2024-07-11", "2024-07-15")

    assert found == ["2024-07-11 07-11T21:00", "2024-07-12 07-12T21:00", "2024-07-15 07-15T21:00"]


def _next(**given: object) -> date:
    known = {"last": None, "earliest": None, "now": _at("2024-11-29T19:30"), "catchup": False}
    return next_session("XNYS", 60, **{**known, **given})  # type: ignore[arg-type]  # the cases mix kinds on purpose


def test_a_new_dag_begins_with_the_next_session_that_falls_due() -> None:
    assert _next() == date(2024, 12, 2)
    assert _next(now=_at("2024-11-29T18:59")) == date(2024, 11, 29)


def test_missed_sessions_are_passed_over_but_for_the_newest() -> None:
    assert _next(last=_at("2024-11-25T22:00")) == date(2024, 11, 29)


def test_catching_up_takes_the_session_after_the_last_run() -> None:
    assert _next(last=_at("2024-11-25T22:00"), catchup=True) == date(2024, 11, 26)


def test_catching_up_begins_at_the_start_of_the_dag() -> None:
    assert _next(earliest=_at("2024-11-04T00:00"), catchup=True) == date(2024, 11, 4)


def test_after_todays_run_comes_the_next_session() -> None:
    assert _next(last=_at("2024-11-29T19:00")) == date(2024, 12, 2)


def test_a_run_by_hand_is_about_the_last_session_that_was_due() -> None:
    assert last_due_session("XNYS", 60, _at("2024-11-29T18:59")) == date(2024, 11, 27)
    assert last_due_session("XNYS", 60, _at("2024-11-29T19:00")) == date(2024, 11, 29)

    interval = SessionTimetable("XNYS", 60).infer_manual_data_interval(run_after=instance(_at("2024-11-29T20:00")))

    assert (interval.start, interval.end) == (_at("2024-11-29T14:30"), _at("2024-11-29T18:00"))


def test_beyond_the_last_known_day_there_is_no_run_and_the_log_says_why(caplog: pytest.LogCaptureFixture) -> None:
    restriction = TimeRestriction(earliest=instance(_at("2026-12-31T08:00")), latest=None, catchup=True)

    found = SessionTimetable("XSHG", 30).next_dagrun_info_v2(last_dagrun_info=None, restriction=restriction)

    assert found is None
    assert "known from 1990-12-03 to 2026-12-31" in caplog.text


def test_an_override_that_extends_the_calendar_takes_the_schedule_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tradewinds.yaml").write_text("calendars: [xshg.yaml]")
    (tmp_path / "xshg.yaml").write_text(
        "calendar: XSHG\nas_known: 2026-12-22\ntruth_until: 2027-12-31\nremoved: [2027-01-01]\nreason: notice for 2027\n"
    )
    monkeypatch.setenv("TRADEWINDS_CONFIG", str(tmp_path / "tradewinds.yaml"))
    restriction = TimeRestriction(earliest=instance(_at("2026-12-31T08:00")), latest=None, catchup=True)

    TradewindsPlugin.on_load()
    try:
        found = SessionTimetable("XSHG", 30).next_dagrun_info_v2(last_dagrun_info=None, restriction=restriction)
    finally:
        stand(())

    assert found is not None
    assert (found.partition_key, found.run_after) == ("2027-01-04", _at("2027-01-04T07:30"))


def test_every_component_reads_the_timetable_that_another_wrote() -> None:
    kept = encode_timetable(SessionTimetable("XSHG", 45))

    again = decode_timetable(kept)

    assert isinstance(again, SessionTimetable)
    assert (again.calendar_name, again.delay_minutes, again.summary) == ("XSHG", 45, "XSHG close + 45 min")


def test_a_partition_key_is_a_date() -> None:
    timetable = SessionTimetable("XNYS", 60)

    assert timetable.resolve_partition_date("2024-11-29") == _at("2024-11-29T00:00")
    with pytest.raises(Exception, match="expected a session's date"):
        timetable.resolve_partition_date("yesterday")


def test_an_unknown_calendar_and_a_negative_delay_are_refused() -> None:
    with pytest.raises(Rejected, match="XMAR"):
        SessionTimetable("XMAR", 60).validate()
    with pytest.raises(Rejected, match="delay -1 minutes"):
        SessionTimetable("XNYS", -1).validate()
