"""Every scenario for some seconds, for real: what it promises to show is there."""

from __future__ import annotations

import signal

import pytest
from leftovers import assert_nothing_left, read

from loadtests.report.reading import problem

pytestmark = [pytest.mark.long, pytest.mark.timeout(200)]

FRONTS = pytest.mark.parametrize("front", ["http", "greenlets"])


@pytest.fixture
def run(loadtests, short_tmp, tmp_path):
    """Runs a scenario to its end; returns the data of its report."""

    def to_the_end(*arguments):
        process = loadtests(*map(str, arguments), "--reports", str(tmp_path))
        _, err = process.communicate(timeout=180)
        assert (process.returncode, err) == (0, "")
        assert_nothing_left(short_tmp)
        data = read(tmp_path)
        assert problem(data) is None
        return data

    return to_the_end


def last_second(data):
    """The last whole one in which requests were due."""
    rows = [row for row in data["series"]["seconds"] if row["second"] + 1 <= data["seconds"]]
    return rows[-1]


@FRONTS
def test_spike(run, front):
    data = run("spike", "--front", front, "--burst", 100, "--times", 2, "--scale", 0.2)
    spikes = [phase for name, phase in data["phases"].items() if name.startswith("spike")]
    assert [spike["completed"] for spike in spikes] == [100, 100]
    pool = data["pool"]
    assert pool["peak_size"] <= 8
    assert 0 < pool["peak_server"] <= 8
    assert pool["waits"] > 100, "they came at once"
    assert pool["openings"] >= 16, "both met a cold pool"
    assert pool["end_server"] == 0


def test_saturation_with_two_workers(run):
    data = run(
        *["saturation", "--workers", 2, "--maxsize", 3, "--maxwait", 2, "--seconds", 4],
    )
    above = data["phases"]["above"]
    assert above["errors"].keys() == {"PoolExhausted"}
    assert 2 <= above["wait"]["max"] < 8, "they failed fast, and not before"
    assert last_second(data)["errors"] == {}
    assert data["phases"]["recovery"]["completed"] > 0
    assert data["phases"]["below"]["errors"] == {}
    assert 3 < data["pool"]["peak_server"] <= 6, "each worker has a pool of its own"
    assert max(sample["needed"] for sample in data["series"]["samples"]) <= 6


@FRONTS
def test_slow(run, front):
    data = run("slow", "--front", front, "--hold", 0.3, "--share", 0.1, "--seconds", 2)
    kinds = data["kinds"]
    assert kinds["report"]["latency"]["p50"] > 0.3
    assert kinds["read"]["latency"]["p50"] < kinds["report"]["latency"]["p50"]
    assert kinds["read"]["use"]["p50"] < 0.3
    assert kinds["read"]["offered"] + kinds["report"]["offered"] == data["total"]["offered"]


@FRONTS
def test_outage(run, front):
    data = run("outage", "--front", front, "--before", 1, "--down", 1, "--after", 7)
    stopped, started = data["events"]
    assert (stopped["name"], started["name"]) == ("server stopped", "server started")
    assert stopped["at"] < started["at"]
    assert data["phases"]["down"]["errors"]
    for row in data["series"]["seconds"]:
        if row["second"] + 1 < stopped["at"]:
            assert row["errors"] == {}
    assert last_second(data)["errors"] == {}
    assert last_second(data)["completed"] > 0, "the service is back"
    assert None in [sample["server"] for sample in data["series"]["samples"]]


@FRONTS
def test_failover(run, front):
    data = run("failover", "--front", front, "--before", 1, "--down", 0.5, "--after", 7)
    assert [event["name"] for event in data["events"]] == ["primary killed", "standby promoted"]
    assert data["phases"]["before"]["errors"] == {}
    assert last_second(data)["errors"] == {}
    assert last_second(data)["completed"] > 0, "the standby serves"
    assert data["kinds"]["write"]["completed"] > 0


@FRONTS
def test_killer(run, front):
    data = run("killer", "--front", front, "--seconds", 3, "--scale", 0.5)
    kinds, pool = data["kinds"], data["pool"]
    assert kinds["kill"]["errors"].keys() == {"killed"}
    assert kinds["timeout"]["errors"].keys() == {"Timeout"}
    assert kinds["read"]["errors"] == kinds["report"]["errors"] == {}
    assert 0 < kinds["kill"]["completed"] < kinds["kill"]["offered"], "some come too late"
    assert (pool["end_size"], pool["end_server"]) == (0, 0), "no connection was lost"


@FRONTS
def test_leak(run, front):
    data = run("leak", "--front", front, "--seconds", 2, "--scale", 0.5)
    leaks, pool = data["kinds"]["leak"], data["pool"]
    assert data["total"]["errors"] == {}
    assert pool["reclaimed"] == leaks["offered"] > 0
    assert (pool["end_size"], pool["end_server"]) == (0, 0)


def test_soak(run):
    data = run("soak", "--front", "greenlets", "--minutes", 0.05)
    assert list(data["phases"]) == ["busy", "calm", "empty"]
    assert 3 <= data["seconds"] < 30, "for as long as it was told, and until the last answer"
    assert data["total"]["errors"] == {}


@pytest.mark.parametrize(
    ("scenario", "front", "gone"),
    [
        ("outage", "http", "server stopped"),
        ("outage", "greenlets", "server stopped"),
        ("failover", "http", "primary killed"),
    ],
)
def test_interrupted_while_the_server_is_down(
    loadtests, short_tmp, tmp_path, scenario, front, gone
):
    arguments = ["--front", front, "--before", "1", "--down", "30", "--reports", str(tmp_path)]
    process = loadtests(scenario, *arguments)
    for line in process.stdout:
        if gone in line:
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=90)
    assert (process.returncode, err) == (130, "")
    assert "interrupted" in out
    data = read(tmp_path)
    assert data["interrupted"]
    assert [event["name"] for event in data["events"]] == [gone]
    assert_nothing_left(short_tmp)
