"""A sweep: the grid, the knee, what is recommended, the page, and real runs."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from copy import deepcopy
from functools import cache
from pathlib import Path

import psutil
import pytest
from example_runs import results

from loadtests.arrivals import Phase
from loadtests.errors import LoadTestError
from loadtests.sweep import show, tables
from loadtests.sweep.advice import at_the_knee, recommend
from loadtests.sweep.grid import grid
from loadtests.sweep.knee import knee
from loadtests.sweep.outcome import middle, outcome

ONE = {"maxsize": "8", "maxwait": "10", "expires": "20", "cleanup": "3"}


# ---- the grid


def test_every_combination_is_a_point_and_maxsize_changes_fastest():
    made = grid({**ONE, "maxsize": "8, 2,4", "cleanup": "1,3"})
    assert made.swept == ["maxsize", "cleanup"]
    points = made.points()
    assert [(point["maxsize"], point["cleanup"]) for point in points] == [
        *((size, 1.0) for size in (2, 4, 8)),
        *((size, 3.0) for size in (2, 4, 8)),
    ]
    assert points[0] == {"maxsize": 2, "maxwait": 10.0, "expires": 20.0, "cleanup": 1.0}
    assert made.name(points[0]) == "maxsize 2, cleanup 1"


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("maxsize", "2,x"),
        ("maxsize", "2,,4"),
        ("maxsize", "2.5"),
        ("maxsize", "0,2"),
        ("maxwait", "0"),
        ("cleanup", "nan"),
    ],
)
def test_a_list_that_is_none_is_refused_by_name(option, text):
    with pytest.raises(LoadTestError, match=f"^--{option}: '{text}' is not a list of "):
        grid({**ONE, option: text})


def test_a_grid_without_end_is_refused():
    with pytest.raises(LoadTestError, match="a grid of 400 points"):
        grid({**ONE, "maxsize": ",".join(map(str, range(1, 401)))})


# ---- the knee


def point(maxsize, p99, *, throughput=100.0, wait=None, errors=0, rounds=()):
    """Of a run of 1000 requests, or several."""
    run = {
        "offered": 1000,
        "throughput": throughput,
        "errors": {"PoolExhausted": errors} if errors else {},
        "latency": {"p99": p99},
        "wait": {"p99": p99 if wait is None else wait},
    }
    others = [{**run, "latency": {"p99": value}} for value in rounds]
    return {"settings": {"maxsize": maxsize}, "runs": [run, *others]}


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([point(2, 0.9), point(4, 0.2), point(8, 0.1), point(16, 0.1)], 8),
        ([point(2, 0.9), point(4, 0.12), point(8, 0.1), point(16, 0.11)], 4),  # within a quarter
        ([point(2, 0.3, wait=0.02), point(4, 0.2), point(8, 0.1)], 2),  # nothing left to win
        ([point(2, 0.1, throughput=90), point(4, 0.1), point(8, 0.1)], 4),
        ([point(2, 0.1, errors=20), point(4, 0.1), point(8, 0.1)], 4),
        ([point(2, 0.1, errors=1), point(4, 0.1), point(8, 0.1)], 2),
        ([point(2, None, throughput=0), point(4, 0.1)], 4),
        ([point(8, 0.5)], 8),
        # The server is what is slow: more connections make it worse.
        ([point(2, 0.9), point(4, 0.2), point(8, 0.5), point(16, 0.9, throughput=80)], 4),
        # No choice is best in everything: then the fastest.
        ([point(2, 0.1, throughput=50), point(4, 0.9)], 2),
    ],
)
def test_the_knee(points, expected):
    assert knee(points)["settings"]["maxsize"] == expected


def test_what_differs_from_round_to_round_is_no_difference():
    noisy = point(8, 0.10, rounds=(0.16, 0.09))
    assert knee([point(4, 0.15), noisy])["settings"]["maxsize"] == 4
    assert knee([point(4, 0.15), point(8, 0.10)])["settings"]["maxsize"] == 8


def test_one_disturbed_round_does_not_count():
    assert middle(point(8, 0.1, rounds=(5.0, 0.11)))["latency"]["p99"] == 0.11
    assert middle(point(8, 0.1, rounds=(5.0,)))["latency"]["p99"] == 0.1


# ---- what is recommended


@cache
def simulated(maxsize):
    """A rush of some seconds."""
    return results(phases=(Phase("rush", 6, 150, 200),), maxsize=maxsize, maxwait=20.0)


def sweep(sizes=(2, 4, 8, 16), cleanups=(1.0, 3.0), rounds=1, workers=4):
    """The data of a sweep of simulated runs."""
    points = []
    for cleanup in cleanups:
        for size in sizes:
            data = simulated(size)
            found = deepcopy(outcome(data))
            # The simulation knows no cleanup: the shorter, the more is opened and the less held.
            found["pool"]["openings"] = int(9 / cleanup)
            found["pool"]["connection_seconds"] *= cleanup / cleanups[-1]
            settings = {**data["settings"], "cleanup": cleanup}
            points.append({"settings": settings, "runs": [found] * rounds})
    data = {
        **{key: simulated(8)[key] for key in ("began", "scenario", "versions", "machine")},
        "format": 1,
        "kind": "sweep",
        "seconds": 100.0,
        "interrupted": False,
        "failure": None,
        "command": "python -m loadtests sweep",
        "grid": {
            "maxsize": list(sizes),
            "maxwait": [20.0],
            "expires": [20.0],
            "cleanup": list(cleanups),
        },
        "rounds": rounds,
        "workers": workers,
        "max_connections": 100,
        "points": points,
    }
    return judged(data)


def judged(data):
    lines = [
        {"option": line.option, "value": line.value, "reason": line.reason}
        for line in recommend(data)
    ]
    return {**data, "knee": at_the_knee(data), "recommendation": lines}


def by_option(data):
    return {line["option"]: line for line in data["recommendation"]}


def test_settings_are_recommended_with_what_was_measured():
    data = sweep()
    assert data["knee"] == {"maxsize": 8, "maxwait": 20.0, "expires": 20.0, "cleanup": 3.0}
    lines = by_option(data)
    run = data["points"][6]["runs"][0]
    assert [*lines] == ["maxsize", "maxwait", "cleanup", "expires", "max_connections"]
    assert lines["maxsize"]["value"] == "8"
    assert f"With 8: {run['throughput']:.1f} requests/s, 0 % failed" in lines["maxsize"]["reason"]
    assert "With 4: " in lines["maxsize"]["reason"]
    assert "More helps little, if at all: with 16, " in lines["maxsize"]["reason"]
    assert "4 workers x maxsize 8 = 32" in lines["max_connections"]["reason"]


@pytest.mark.parametrize(
    ("sizes", "said"), [((2, 4, 8), "largest that was tried"), ((8, 16), "smallest that was tried")]
)
def test_a_knee_at_the_end_says_where_to_go_on(sizes, said):
    line = by_option(sweep(sizes=sizes))["maxsize"]
    assert line["value"] == "8"
    assert said in line["reason"]


def test_the_shortest_cleanup_that_nobody_feels_and_what_it_saves():
    line = by_option(sweep())["cleanup"]
    assert line["value"] == "1 s"  # 9 openings for 1071 requests
    assert "So 6 reconnects more save" in line["reason"]
    assert "(66.7 %)" in line["reason"]
    line = by_option(sweep(cleanups=(0.1, 3.0)))["cleanup"]
    assert line["value"] == "3 s"  # 90 openings would be felt
    assert "90 openings" in line["reason"]


def test_the_shortest_maxwait_with_which_nobody_fails():
    data = sweep(sizes=(16,), cleanups=(3.0,))
    points = []
    for maxwait, failures in ((1.0, 100), (5.0, 0), (20.0, 0)):
        tried = deepcopy(data["points"][0])
        tried["settings"]["maxwait"] = maxwait
        tried["runs"][0]["errors"] = {"PoolExhausted": failures} if failures else {}
        points.append(tried)
    grid = {**data["grid"], "maxwait": [1.0, 5.0, 20.0]}
    line = by_option(judged({**data, "points": points, "grid": grid}))["maxwait"]
    assert line["value"] == "5 s"
    assert "With 1 s 9.34 % of the requests failed" in line["reason"]


def test_what_was_not_run_is_not_judged():
    data = sweep()
    for tried in data["points"][5:]:
        tried["runs"] = []
    data = judged({**data, "interrupted": True})
    assert data["knee"]["maxsize"] == 2  # all that was run with the longest cleanup
    assert len(tables.points(data).rows) == 5
    assert show.notes(data) == ["The sweep was interrupted after 5 of 8 runs."]
    assert "<h1>Sweep: day</h1>" in show.html(data)


def test_a_machine_that_does_not_keep_up_is_told():
    data = deepcopy(sweep())
    assert show.notes(data) == []
    data["points"][0]["runs"][0]["delay"]["p99"] = 0.5
    (note,) = show.notes(data)
    assert note.startswith("In 1 of 8 runs the driver of load did not keep up")


# ---- the page


@pytest.mark.long
def test_the_page_in_a_browser(tmp_path):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("needs Chromium (apt install chromium)")
    path = tmp_path / "sweep.html"
    path.write_text(show.html(sweep(rounds=2)))
    program = Path(__file__).with_name("browser.py")
    command = [sys.executable, program, chromium, path]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=100)
    page = json.loads(ended.stdout)["sweep"]
    assert (page["complaints"], page["requests"]) == ([], [])
    for view in page["readers"].values():
        assert view["drawn"] == len(view["charts"]) == 4
        assert all(chart["marks"] and chart["fits"] for chart in view["charts"])
        assert not view["scrolls"]


# ---- real runs

SHORT = ("--scale", "0.04", "--rate", "60", "--hold", "0.05")


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_short_sweep(loadtests, short_tmp, tmp_path):
    process = loadtests(
        *("sweep", "--maxsize", "1,6", "--rounds", "2", "--workers", "3", *SHORT),
        *("--reports", str(tmp_path)),
    )
    out, err = process.communicate(timeout=280)
    assert (process.returncode, err) == (0, "")
    (path,) = tmp_path.glob("sweep-steady-*.json")
    data = json.loads(path.read_text())
    assert [len(point["runs"]) for point in data["points"]] == [2, 2]
    slow, fast = (middle(point) for point in data["points"])
    assert slow["wait"]["p99"] > fast["wait"]["p99"]
    assert data["knee"]["maxsize"] == 6
    assert by_option(data)["max_connections"]["value"] == "at least 21"
    assert data["scenario"]["parameters"]["rate"] == 60
    assert "--rate 60" in data["command"]
    assert "run 4 of 4: maxsize " in out
    assert "6 (knee)" in out
    assert out.rstrip().endswith(str(path.with_suffix(".html")))
    assert list(short_tmp.iterdir()) == []


@pytest.mark.long
def test_interrupted_it_reports_what_ran(loadtests, short_tmp, tmp_path):
    process = loadtests("sweep", "--maxsize", "2,4,6", *SHORT, "--reports", str(tmp_path))
    for line in process.stdout:
        if line.startswith("run 2"):
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    assert "The sweep was interrupted after 1 of 3 runs." in out
    (path,) = tmp_path.glob("*.json")
    assert [len(point["runs"]) for point in json.loads(path.read_text())["points"]] == [1, 0, 0]
    assert list(short_tmp.iterdir()) == []
    for process in psutil.process_iter(["cmdline"]):
        assert not any(str(short_tmp) in part for part in process.info["cmdline"] or [])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--maxsize", "two"], "--maxsize: 'two' is not a list of whole numbers between 1 and 500"),
        (["--scenario", "outage"], "--scenario: 'outage' is no ordinary load; one of day"),
        (["--scenario", "steadi"], "--scenario: 'steadi' is unknown; one of day"),
        (["--max-size", "2,4"], "--max-size"),
        (["--rate", "fast"], "--rate"),
        (["--rounds", "0"], "--rounds"),
        (["--reports", "/dev/null/reports"], "--reports"),
    ],
)
def test_bad_input(monkeypatch, capsys, arguments, expected):
    from loadtests.cli import main

    monkeypatch.setattr("sys.argv", ["loadtests", "sweep", *arguments])
    assert main() == 2
    _, err = capsys.readouterr()
    assert err.startswith("error: ")
    assert expected in err
    assert err.count("\n") == 1
