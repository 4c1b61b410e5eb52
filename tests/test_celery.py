"""Celery's prefork pool, real: its workers are forked after a query of the parent's."""

import json
import signal
import subprocess
import sys

import pytest
from support.processes import ROOT, environment
from support.waiting import eventually

TASKS = 8
WORKER = """
import json, os, pathlib
import django
django.setup()
from celery import Celery, signals
from django.db import connection

directory = pathlib.Path({directory!r})

def tell(name):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        told = [os.getpid(), cursor.fetchone()[0]]
    unfinished = directory / f"unfinished-{{os.getpid()}}"
    unfinished.write_text(json.dumps(told))
    unfinished.rename(directory / name)  # complete: somebody waits for it

app = Celery("tasks", broker="memory://")
app.conf.broker_connection_retry_on_startup = True

@app.task
def task(number):
    tell(f"task-{{number}}")

@signals.worker_init.connect
def before_the_fork(**kwargs):
    tell("before")

@signals.worker_ready.connect
def after_the_fork(**kwargs):
    tell("after")
    for number in range({tasks}):
        task.delay(number)

@signals.worker_shutdown.connect
def at_the_end(**kwargs):
    tell("end")

app.worker_main(["worker", "--pool=prefork", "--concurrency=2", "--loglevel=WARNING"])
"""


@pytest.mark.long
@pytest.mark.usefixtures("server")
def test_prefork(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER.format(directory=str(tmp_path), tasks=TASKS)],
        cwd=ROOT,
        env=environment({"PYTHONWARNINGS": "ignore", "C_FORCE_ROOT": "1"}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wanted = {f"task-{number}" for number in range(TASKS)}
    try:
        eventually(
            lambda: (
                wanted <= {path.name for path in tmp_path.iterdir()} or process.poll() is not None
            ),
            seconds=60,
        )
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=30)
    told = {path.name: json.loads(path.read_text()) for path in tmp_path.iterdir()}
    assert "Traceback" not in output, output
    assert wanted <= told.keys(), output
    parent = [told[name] for name in ("before", "after", "end")]
    assert parent == [[process.pid, parent[0][1]]] * 3, "its session lived to its end"
    children = [told[name] for name in wanted]
    assert process.pid not in {process_id for process_id, _ in children}
    assert parent[0][1] not in {backend for _, backend in children}
