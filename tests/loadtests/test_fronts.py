"""What every front must be able to tell, and the parent's side of the greenlets."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from leftovers import assert_nothing_left, read

from loadtests import site_process
from loadtests.errors import LoadTestError, SiteFailed
from loadtests.front import Look, summed
from loadtests.greenlets.front import GreenletsFront
from loadtests.http_front import Worker
from loadtests.report.reading import problem
from loadtests.scenarios import SCENARIOS, Common, PoolSettings
from loadtests.site import needs
from loadtests.subject import Subject

ROOT = Path(__file__).parents[2]


def snapshot(**numbers):
    return {"pool": "default", "closed": False, "last_error": "no", **numbers}


def test_the_workers_are_added_up():
    one = snapshot(size=3, in_use=3, waiting=2, wait_seconds_max=0.5)
    two = snapshot(size=4, in_use=1, waiting=0, wait_seconds_max=0.2)
    one["evictions"], two["evictions"] = {"idle": 2, "broken": 1}, {"idle": 1}
    assert summed([one, two]) == {
        "size": 7,
        "in_use": 4,
        "waiting": 2,
        "wait_seconds_max": 0.5,
        "evictions": {"idle": 3, "broken": 1},
    }
    answers = [
        {"pools": [one], "needed": 2, "ideal": 1.5},
        {"pools": [], "needed": 1, "ideal": 0.5},
    ]
    look = Look.of(1.0, answers)
    assert (look.pool["size"], look.needed, look.ideal) == (3, 3, 2.0)
    answers[1]["pools"] = [two]
    look = Look.of(1.0, answers)
    assert (look.pool["in_use"], look.most_in_use, look.most_wanted) == (4, 3, 5)


@pytest.mark.long
def test_greenlets(loadtests, short_tmp, tmp_path):
    arguments = ["steady", "--front", "greenlets", "--seconds", "1", "--hold", "0.02"]
    process = loadtests(*arguments, "--reports", str(tmp_path))
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    data = read(tmp_path)
    assert problem(data) is None
    total, pool = data["total"], data["pool"]
    assert total["offered"] == total["completed"] == pool["acquires"] > 50
    assert total["latency"]["p50"] >= total["use"]["p50"] > 0
    assert 0 < pool["peak_size"] <= 8
    assert pool["end_server"] == pool["end_size"], "settled"
    assert data["cpu"]["load"] is None
    assert data["cpu"]["site"] > 0
    assert 0 < data["memory"]["begin"] <= data["memory"]["peak"]
    assert {"Django", "gevent", "PostgreSQL"} <= data["versions"].keys()
    assert_nothing_left(short_tmp)


@pytest.mark.long
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_greenlets_interrupted(loadtests, short_tmp, tmp_path, signum):
    process = loadtests("steady", "--front", "greenlets", "--reports", str(tmp_path))
    for line in process.stdout:
        if "size" in line:
            break
    process.send_signal(signum)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (128 + signum, "")
    assert "interrupted" in out
    data = read(tmp_path)
    assert data["interrupted"]
    assert data["total"]["completed"] > 0
    assert_nothing_left(short_tmp)


@pytest.mark.long
def test_greenlets_that_die(loadtests, short_tmp, tmp_path):
    process = loadtests("steady", "--front", "greenlets", "--reports", str(tmp_path))
    for line in process.stdout:
        if "size" in line:
            break
    for child in psutil.Process(process.pid).children():
        if "loadtests.greenlets.worker" in child.cmdline():
            child.kill()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "the process with the greenlets has died" in err
    assert read(tmp_path)["failure"] == "the process with the greenlets has died"
    assert_nothing_left(short_tmp)


@pytest.mark.long
def test_an_engine_that_is_not_there_says_so():
    """As in an environment where something is missing."""
    scenario = SCENARIOS["steady"].build(Common(PoolSettings(2, 1, 10, 1), "greenlets"))
    front = GreenletsFront(scenario, Subject(), {"ENGINE": "nowhere", "NAME": "", "OPTIONS": {}})
    with pytest.raises(SiteFailed) as failed, front:
        pass
    assert "died at its start" in str(failed.value)
    assert "nowhere" in failed.value.log


def test_what_is_needed_is_counted_up_to_the_limit(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(needs, "time", SimpleNamespace(monotonic=lambda: now[0]))
    counted = needs.Needs()
    counted.limit = 2
    for _ in range(5):
        counted.change(1)
    now[0] = 3.0
    assert (counted.now, counted.seconds) == (2, 6.0)
    for _ in range(4):
        counted.change(-1)
    now[0] = 5.0
    assert (counted.now, counted.seconds) == (1, 8.0)


def test_the_worker_needs_hardly_anything_installed():
    """What other engines' environments have: Django, gevent, hdrhistogram, a driver."""
    program = (
        "import sys, json, django; from django.conf import settings;"
        "settings.configure(); django.setup();"
        "import loadtests.greenlets.worker, loadtests.site.visit, loadtests.site.look;"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(done.stdout))
    assert {"django", "gevent", "hdrh"} <= loaded
    ours = {"aiohttp", "altair", "django_pgpool", "jinja2", "psutil", "rich", "structlog", "typer"}
    assert not loaded & ours


@pytest.mark.long
def test_greenlets_end_with_a_killed_parent(loadtests, short_tmp, tmp_path):
    process = loadtests("steady", "--front", "greenlets", "--reports", str(tmp_path))
    for line in process.stdout:
        if "size" in line:
            break
    children = psutil.Process(process.pid).children()
    process.kill()
    process.communicate()
    psutil.wait_procs(children, timeout=60)
    assert not any(child.is_running() for child in children)
    assert_nothing_left(short_tmp)


def test_gunicorn_is_missing(monkeypatch):
    monkeypatch.setattr(site_process, "find_spec", lambda name: None)
    with pytest.raises(LoadTestError, match="gunicorn is missing: pip install"):
        site_process.SiteProcess({}).__enter__()


def test_an_answer_for_one_who_was_cancelled_is_not_taken_for_a_later_one(short_tmp):
    path = str(short_tmp / "look")

    async def main():
        questions = asyncio.Queue()

        async def answer(reader, writer):
            number = 0
            while await reader.readline():
                number += 1
                questions.put_nowait(number)
                await go.wait()
                writer.write(f'{{"number": {number}}}\n'.encode())
            writer.close()
            await writer.wait_closed()
            ended.set()

        go, ended = asyncio.Event(), asyncio.Event()
        async with await asyncio.start_unix_server(answer, path):
            reader, writer = await asyncio.open_unix_connection(path)
            worker = Worker(reader, writer)
            first = asyncio.ensure_future(worker.ask())
            await questions.get()
            first.cancel()
            second = asyncio.ensure_future(worker.ask())
            go.set()
            answered = await second
            writer.close()
            await ended.wait()  # Python 3.11's server does not wait for its handlers
            return answered

    assert asyncio.run(main()) == {"number": 2}
