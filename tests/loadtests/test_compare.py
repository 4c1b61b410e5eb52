"""``compare`` from end to end: real engines, real PgBouncer, and nothing left of them."""

from __future__ import annotations

import json
import signal
from contextlib import nullcontext

import pytest
from example_comparison import run
from leftovers import assert_nothing_left

from loadtests.compare.series import Series
from loadtests.errors import LoadTestError, SiteFailed
from loadtests.pgbouncer import find_pgbouncer

SHORT = ("--scenario", "steady", "--scale", "0.04", "--rate", "60", "--maxsize", "4")


@pytest.fixture
def bouncer_or_skip(short_tmp):
    short_tmp.chmod(0o711)  # root's PgBouncer runs as another user
    try:
        find_pgbouncer()
    except LoadTestError as error:
        pytest.skip(str(error))


def read(directory):
    """The data of the only report there is."""
    (path,) = directory.glob("*.json")
    assert path.with_suffix(".html").exists()
    assert len(list(directory.iterdir())) == 2
    return json.loads(path.read_text())


def figures(data, name):
    (part,) = data["parts"]
    (engine,) = (engine for engine in part["engines"] if engine["name"] == name)
    assert engine["missing"] is None
    return {key: figure["rounds"] for key, figure in engine["figures"].items()}


@pytest.mark.long
@pytest.mark.timeout(300)
def test_two_rounds_of_three_engines(loadtests, bouncer_or_skip, short_tmp, tmp_path):
    engines = "django,pgbouncer,pgbouncer+django_pgpool"
    command = ("compare", *SHORT, "--rounds", "2", "--engines", engines)
    process = loadtests(*command, "--reports", str(tmp_path))
    out, err = process.communicate(timeout=280)
    assert (process.returncode, "error" in err) == (0, False)
    assert out.rstrip().endswith(str(next(tmp_path.glob("*.html"))))
    data = read(tmp_path)
    assert not data["interrupted"]
    assert data["versions"]["PgBouncer"]
    own, stock = (figures(data, name) for name in ("django_pgpool", "django"))
    shared, both = (figures(data, name) for name in ("pgbouncer", "pgbouncer+django_pgpool"))
    for found in (own, stock, shared, both):
        assert all(len(rounds) == 2 for rounds in found.values())
        assert found["errors"] == [0, 0]
        assert min(found["throughput"]) > 20
    for found in (own, shared, both):  # the server itself has counted
        assert 0 < max(found["peak"]) <= 4
        assert max(found["openings"]) < 20
    assert min(stock["openings"]) > 40  # one for each request
    (part,) = data["parts"]
    offered = {run["total"]["offered"] for engine in part["engines"] for run in engine["runs"]}
    assert len(offered) == 1  # the same load for all
    assert_nothing_left(short_tmp)


@pytest.mark.long
def test_interrupted_it_reports_what_ran(loadtests, short_tmp, tmp_path):
    command = ("compare", *SHORT, "--rounds", "50", "--engines", "django")
    process = loadtests(*command, "--reports", str(tmp_path))
    for line in process.stderr:
        if "round 2" in line:
            break
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=90)
    assert process.returncode == 130
    assert "The comparison was interrupted" in out
    data = read(tmp_path)
    assert data["interrupted"]
    assert len(figures(data, "django")["p50"]) == 1
    assert_nothing_left(short_tmp)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--engines", "nobody"], "--engines nobody: there is no such engine"),
        (["--nothing", "3"], "--nothing: neither compare nor steady,spike has it"),
        (["--scenario", "nothing"], "--scenario nothing: there is no such scenario"),
    ],
)
def test_what_is_missing_is_told_before_anything_runs(command_line, tmp_path, arguments, expected):
    code, out, err = command_line("compare", *arguments, "--reports", str(tmp_path))
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {expected}")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("complete", [True, False], ids=["later", "at once"])
def test_a_failure_costs_no_round_that_was_complete(command_line, monkeypatch, tmp_path, complete):
    def fail(series):
        (part,) = series.parts
        if complete:
            part.runs = {one.name: [run()] for one in part.contestants}
        raise SiteFailed("the greenlets have died", "the end of its log:")

    monkeypatch.setattr(Series, "run", fail)
    monkeypatch.setattr("loadtests.database.embedded", lambda *_, **settings: nullcontext())
    command = ("compare", *SHORT, "--rounds", "9", "--engines", "django")
    code, out, err = command_line(*command, "--reports", str(tmp_path))
    assert code == 1
    assert err.endswith("error: the greenlets have died\nthe end of its log:\n")
    assert ("The comparison failed after" in out) is complete
    if complete:
        assert read(tmp_path)["failure"] == "the greenlets have died"
        assert len(figures(read(tmp_path), "django")["p50"]) == 1
    else:
        assert list(tmp_path.iterdir()) == []
