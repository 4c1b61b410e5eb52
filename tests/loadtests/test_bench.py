"""The micro-benchmark: its arithmetic, its processes, and a short run from start to end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from urllib.parse import quote, urlencode

import gevent
import psutil
import pytest

from django_pgpool.drivers.lent import RESET
from django_pgpool.drivers.statements import leaves_state
from loadtests import peers
from loadtests.bench import bench
from loadtests.bench.catalogue import SECTIONS
from loadtests.bench.catalogue.subject import Effort, Metric, Section, Subject, Target
from loadtests.bench.cli import main
from loadtests.bench.measures.contended import crowd, variation
from loadtests.bench.measures.django_statement import STATEMENTS
from loadtests.bench.measures.loops import Loop
from loadtests.bench.plan import Part, plan
from loadtests.bench.process import Worker, WorkerFailed
from loadtests.bench.rows import ratio_of, rows
from loadtests.bench.tables import digits
from loadtests.engines import OWN

ROOT = Path(__file__).parents[2]
HOURGLASS = Subject(
    name="hourglass",
    measure="alone",
    metrics=(
        Metric("floor", "floor"),
        Metric("pair", "pair", base="hourglass.floor", targets=(Target(5), Target(2, ratio=True))),
    ),
    about="as it comes",
    parameters={"pool": OWN},
)
PEER = Subject(
    "peer",
    "alone",
    HOURGLASS.metrics[:1],
    "its own",
    requirements=("peer",),
    parameters={"pool": OWN},
)


def section(*subjects):
    return Section("time", "Time", "the floor", subjects)


def part(*subjects, rounds=1):
    return Part(section(*subjects), subjects, Effort(rounds, 0.01))


# ---- arithmetic


def test_a_ratio_is_taken_within_each_round():
    assert ratio_of([2, 40, 6], [1, 10, 2]) == 3  # rounds of 2, 4 and 3


def test_a_row_has_median_spread_ratio_and_targets():
    series = {"hourglass.floor": [1.0, 4.0, 2.0], "hourglass.pair": [3.0, 9.0, 5.0]}
    floor, pair = rows(section(), [HOURGLASS], series, {})
    assert (floor.median, floor.ratio, floor.targets) == (2, None, ())
    assert (pair.median, pair.least, pair.most, pair.rounds) == (5, 3, 9, (3, 9, 5))
    assert pair.ratio == 2.5
    assert [(target.text, target.met) for target in pair.targets] == [
        ("<= 5 us", True),
        ("<= 2x the floor", False),
    ]


def test_what_was_not_measured_has_a_row_that_says_why():
    (row,) = rows(section(), [PEER], {}, {"peer": "no network"})
    assert (row.median, row.missing) == (None, "no network")


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.19404, "0.194"), (9.386, "9.39"), (159.2, "159"), (2477.4, "2477"), (1.0, "1.00")],
)
def test_digits(number, text):
    assert digits(number) == text


def test_every_ratio_is_to_a_series_that_is_there_without_peers():
    for found in SECTIONS:
        own = [subject for subject in found.subjects if not subject.peer]
        there = {subject.series(metric) for subject in own for metric in subject.metrics}
        bases = {metric.base for subject in found.subjects for metric in subject.metrics}
        assert bases - {None} <= there


# ---- measuring


def test_variation_is_that_of_the_whole_crowd():
    assert variation([5, 5, 5]) == 0
    assert variation([2, 4, 4, 4, 5, 5, 7, 9]) == pytest.approx(2 / 5)


def test_a_crowd_counts_every_operation():
    done = Counter()

    def operation():
        done[gevent.getcurrent()] += 1
        gevent.sleep(0)

    cpu, _ = crowd(operation, 0.05, greenlets=7)
    assert 0 < cpu * done.total() / 1e6 <= 10  # microseconds each: in all not much more than 0.05 s
    assert len(done) == 7
    assert max(done.values()) - min(done.values()) <= 1  # they took turns


def test_a_crowd_that_got_to_nothing_in_its_time_is_given_more():
    cpu, _ = crowd(lambda: gevent.sleep(0.1), 0.0, greenlets=2)
    assert cpu >= 0


def test_a_crowd_passes_an_error_on(hub_errors):
    def operation():
        gevent.sleep(0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        crowd(operation, 0.01, greenlets=2)
    hub_errors.clear()


def test_a_loop_tells_microseconds():
    loop = Loop("sleep(0.002)", {"sleep": sleep})
    loop.warm_up()
    assert 2000 <= loop.microseconds(0.02) < 2_000_000


def test_one_statement_makes_a_reset_necessary_and_the_other_does_not():
    assert not leaves_state(STATEMENTS["clean"])
    assert leaves_state(STATEMENTS["dirty"])


# ---- processes


def test_a_worker_measures_and_its_death_is_noticed():
    with Worker("alone", {"pool": OWN}) as worker:
        process = psutil.Process(worker._process.pid)
        numbers = worker.measure(0.02)
        assert min(numbers["floor"], numbers["pair"]) > 0
        process.kill()
        with pytest.raises(WorkerFailed, match="ended with code -9"):
            worker.measure(0.02)
    assert not process.is_running()


@pytest.mark.parametrize(
    ("mode", "last"),
    [("never", STATEMENTS["dirty"]), ("auto", RESET), ("always", RESET)],
)
def test_a_session_is_reset_as_the_row_says(mode, last, server):
    (subject,) = (s for found in SECTIONS for s in found.subjects if s.name == f"reset={mode}")
    params = {**server.params, "application_name": subject.name}
    arguments = subject.arguments(f"postgresql:///?{urlencode(params, quote_via=quote)}")
    assert arguments["database"]["OPTIONS"]["reset"] == mode
    with Worker(subject.measure, arguments) as worker:
        numbers = worker.measure(0.02)
        ((query,),) = server.execute(
            "SELECT query FROM pg_stat_activity WHERE application_name = %s", subject.name
        )
    assert query.startswith(last)
    assert set(numbers) == {metric.key for metric in subject.metrics}


def test_a_worker_that_cannot_measure_says_why():
    database = {"ENGINE": "no.such.engine", "NAME": "n"}
    arguments = {"database": database, "end": "close", "green": False}
    with (
        pytest.raises(WorkerFailed, match=r"no\.such\.engine") as caught,
        Worker("django_pair", arguments),
    ):
        pass
    assert caught.value.kind == "ImproperlyConfigured"


# ---- peers


def test_a_peer_gets_django_and_the_driver_in_the_versions_used_here():
    wanted = peers.pinned(("some-pool", "psycopg2-binary"))
    assert wanted[0] == "some-pool"
    assert [name.partition("==")[0] for name in wanted[1:3]] == ["psycopg2-binary", "Django"]
    assert all("==" in name for name in wanted[1:])


def test_why_pip_failed_without_paths_and_hosts():
    text = "WARNING: x\nERROR: No such thing\nERROR: see https://host/x\n"
    assert peers.reason(text) == "pip: No such thing"
    assert peers.reason("ERROR: /home/x") == "pip could not install it"


class Silence:
    def tell(self, what):
        pass

    def step(self, stage, name):
        pass


@pytest.fixture
def without_server(monkeypatch):
    monkeypatch.setattr(bench, "_version", lambda url: "18")
    return "postgresql://nowhere/n"


def test_a_peer_that_cannot_be_installed_is_left_out(monkeypatch, without_server):
    @contextmanager
    def environment(requirements):
        raise peers.NotInstalled("pip: no network")
        yield

    monkeypatch.setattr(peers, "environment", environment)
    (found,) = bench.run([part(HOURGLASS, PEER, rounds=2)], without_server, Silence()).measured
    assert found.missing == {"peer": "pip: no network"}
    assert {name: len(numbers) for name, numbers in found.series.items()} == {
        "hourglass.floor": 2,
        "hourglass.pair": 2,
    }


def test_a_peer_that_fails_is_left_out(monkeypatch, without_server):
    @contextmanager
    def environment(requirements):
        yield Path(sys.executable)

    broken = Subject("peer", "none", PEER.metrics, "its own", requirements=("peer",))
    monkeypatch.setattr(peers, "environment", environment)
    (found,) = bench.run([part(broken)], without_server, Silence()).measured
    assert (found.missing, found.series) == ({"peer": "failed: ValueError"}, {})


def test_nothing_else_may_fail(without_server):
    broken = Subject("own", "none", (), "")
    with pytest.raises(bench.BenchFailed, match="own could not be measured"):
        bench.run([part(broken)], without_server, Silence())


# ---- the command line

BAD = {
    "no rounds": (["--rounds", "0"], None, "--rounds"),
    "not a number": (["--rounds", "many"], None, "--rounds"),
    "no such section": (["--only", "alone", "--only", "sand"], None, "only alone, contended"),
    "no such option": (["--quik"], None, "--quik"),
    "no such place": (["--json", "/dev/null/x.json"], None, "/dev/null/x.json"),
    "a directory": (["--markdown", "/"], None, "not a file"),
    "one file for both": (["--json", "x", "--markdown", "x"], None, "same file"),
    "not PostgreSQL": ([], "mysql://u:secret@h/n", "DATABASE_URL"),
    "unreachable": ([], "postgresql://u:secret@127.0.0.1:1/n", "DATABASE_URL"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case, monkeypatch, capsys):
    arguments, url, expected = BAD[case]
    monkeypatch.setattr("sys.argv", ["bench", *arguments])
    monkeypatch.setenv("DATABASE_URL", url or "")
    assert main() == 2
    out, err = capsys.readouterr()
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert expected in err
    assert "secret" not in out + err


@pytest.fixture
def start(short_tmp):
    """Starts the program; whatever it leaves behind in ``short_tmp`` is seen."""
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}

    def start(*arguments):
        return subprocess.Popen(
            [sys.executable, "-m", "loadtests.bench", *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.mark.long
@pytest.mark.timeout(240)
def test_a_short_run(start, tmp_path, short_tmp):
    as_json, as_markdown = tmp_path / "bench.json", tmp_path / "bench.md"
    program = start(
        "--quick", "--rounds=1", "--no-peers", "--json", as_json, "--markdown", as_markdown
    )
    out, err = program.communicate(timeout=220)
    assert program.returncode == 0, err
    data = json.loads(as_json.read_text())
    found = {row["label"]: row for row in data["rows"]}
    parts = plan(quick=True, peers=False)
    wanted = [(p.section.name, m.label) for p in parts for s in p.subjects for m in s.metrics]
    assert sorted((row["section"], row["label"]) for row in data["rows"]) == sorted(wanted)
    assert all(row["missing"] or len(row["rounds"]) == 1 for row in data["rows"])
    assert found[OWN]["ratio"] == 1
    assert found["Django, CONN_MAX_AGE=0"]["ratio"] > 1
    assert all(found[f"reset=never: {what}"]["ratio"] == 1 for what in STATEMENTS.values())
    assert {"Python", "Django", "PostgreSQL"} <= set(data["versions"])
    for text in (out, as_markdown.read_text()):
        assert all(label in text for _, label in wanted)
        assert "<= 4 us: " in text
        assert str(short_tmp) not in text
    assert list(short_tmp.iterdir()) == []


@pytest.mark.long
@pytest.mark.parametrize(
    ("section", "moment"),
    [("pair", "CONN_MAX_AGE=None"), ("spike", "round 2")],
    ids=["warming up", "measuring"],
)
def test_ctrl_c_ends_every_process(section, moment, start, short_tmp):
    program = start("--no-peers", "--only", section)
    for line in program.stderr:
        if moment in line:  # the server and some workers are up
            break
    processes = psutil.Process(program.pid).children(recursive=True)
    program.send_signal(signal.SIGINT)
    _, err = program.communicate(timeout=60)
    assert (program.returncode, err) == (130, "interrupted: there is no result\n")
    deadline = monotonic() + 20
    while any(process.is_running() for process in processes):
        assert monotonic() < deadline
        sleep(0.02)
    assert list(short_tmp.iterdir()) == []


@pytest.mark.long
def test_ctrl_c_keeps_the_sections_that_were_measured(start, tmp_path, short_tmp):
    kept = tmp_path / "bench.json"
    program = start("--quick", "--no-peers", "--only=alone", "--only=pair", "--json", kept)
    for line in program.stderr:
        if "warming up: Django, CONN_MAX_AGE" in line:
            break
    program.send_signal(signal.SIGINT)
    _, err = program.communicate(timeout=60)
    assert (program.returncode, err) == (130, "interrupted: 1 of 2 sections were measured\n")
    data = json.loads(kept.read_text())
    assert {row["section"] for row in data["rows"]} == {"alone"}
    assert list(short_tmp.iterdir()) == []
