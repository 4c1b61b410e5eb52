"""What is recorded, added up by phase, kind and second."""

from __future__ import annotations

import pytest

from loadtests.recorder import ROWS, WINDOW, Outcome, Recorder


def record(recorder, phase, kind, at, took, error=None):
    recorder.sent(phase, kind, at, 0.0)
    recorder.finished(phase, kind, at, at + took, Outcome(error, took / 4, took / 2))


def test_phases_kinds_and_total():
    recorder = Recorder(20)
    record(recorder, "day", "read", 0.1, 0.01)
    record(recorder, "day", "write", 0.2, 0.04, "PoolExhausted")
    record(recorder, "night", "read", 12.0, 0.02)
    data = recorder.as_dict(20, {"day": 10, "night": 10, "empty": 0})
    assert (data["phases"]["day"]["offered"], data["phases"]["day"]["completed"]) == (2, 1)
    assert data["phases"]["day"]["errors"] == {"PoolExhausted": 1}
    assert data["phases"]["night"]["throughput"] == 0.1
    assert data["phases"]["night"]["latency"]["p99"] == pytest.approx(0.02, rel=0.01)
    assert data["phases"]["empty"]["offered"] == 0
    assert data["kinds"]["read"]["completed"] == 2
    assert data["total"]["wait"]["max"] == pytest.approx(0.01, rel=0.01), "of failed ones, too"
    assert data["total"]["use"]["p50"] == pytest.approx(0.01, rel=0.01)
    assert data["distribution"][-1] == (pytest.approx(0.02, rel=0.01), 1.0)


def test_every_second_has_its_row_also_without_requests():
    recorder = Recorder(30)
    record(recorder, "day", "read", 0.9, 0.2)
    record(recorder, "day", "read", 20.5, 0.1)
    rows = recorder.as_dict(22.5, {})["seconds"]
    assert [row["second"] for row in rows] == list(range(23))
    assert (rows[0]["offered"], rows[0]["completed"]) == (1, 0)
    assert (rows[1]["offered"], rows[1]["completed"]) == (0, 1), "counted when it ended"
    assert rows[20]["latency"]["p50"] == pytest.approx(0.1)
    assert rows[10]["latency"]["p50"] is None


def test_a_long_run_has_wider_rows():
    recorder = Recorder(10 * ROWS)
    record(recorder, "day", "read", 5.0, 1.0)
    record(recorder, "day", "read", 9.5, 1.0)
    rows = recorder.as_dict(100, {})["seconds"]
    assert [row["second"] for row in rows] == list(range(0, 101, 10))
    assert (rows[0]["offered"], rows[0]["completed"], rows[1]["completed"]) == (2, 1, 1)
    assert rows[0]["throughput"] == 0.1


def test_those_who_watch_see_the_last_whole_rows():
    recorder = Recorder(60)
    for second in range(10):
        record(recorder, "day", "read", second, 0.01 * (second + 1))
    record(recorder, "day", "read", 9.5, 0.2, "OperationalError")
    recent = recorder.recent(10.2)
    assert recent["offered"] == pytest.approx((WINDOW + 1) / WINDOW)
    assert recent["throughput"] == 1
    assert recent["p99"] == pytest.approx(0.1)
    assert recent["errors"] == {"OperationalError": 1}


def test_a_run_without_requests():
    data = Recorder(5).as_dict(5, {"night": 5})
    assert data["phases"]["night"]["offered"] == data["total"]["offered"] == 0
    assert data["distribution"] == []
