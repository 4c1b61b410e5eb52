"""Python programs in processes of their own: another state of patching, other drivers, forks."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent

PATCHED = "from gevent import monkey; monkey.patch_all()\n"
DJANGO = "import django; django.setup()\nfrom django.db import connection, connections\n"
OTHERS_RUN = """
import gevent
from gevent.event import Event

def others_run():
    lock = "SELECT pg_advisory_lock(7) FROM set_config('lock_timeout', '20s', false)"
    held = Event()

    def release():
        with connection.cursor() as cursor:
            cursor.execute(lock)
            held.set()
            waiting = False
            while not waiting:
                gevent.sleep(0.01)
                cursor.execute(
                    "SELECT count(*) FROM pg_locks "
                    "WHERE locktype = 'advisory' AND objid = 7 AND NOT granted"
                )
                (waiting,) = cursor.fetchone()
            cursor.execute("SELECT pg_advisory_unlock(7)")
        connection.close()

    other = gevent.spawn(release)
    held.wait()
    with connection.cursor() as cursor:
        cursor.execute(lock)
    connection.close()
    other.get()

"""
"""``others_run()``: a statement waits for a lock that another greenlet releases once it sees that.
It fails after 20 s where the statement stops the whole process."""


@dataclass(frozen=True)
class Result:
    returncode: int
    stdout: str
    stderr: str

    def ok(self) -> str:
        """Its stdout. Fails if the program did, or if it complained about anything."""
        assert self.returncode == 0, self.stderr
        assert self.stderr == "", self.stderr
        return self.stdout

    @property
    def last_error(self) -> str:
        """The last line of the traceback: type and message."""
        lines = self.stderr.strip().splitlines()
        return lines[-1] if lines else ""


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    path = os.pathsep.join([str(TESTS), str(ROOT)])
    base = {key: value for key, value in os.environ.items() if not key.startswith("GEVENT")}
    return {
        **base,
        "PYTHONPATH": path,
        "PYTHONWARNINGS": "error",
        "DJANGO_SETTINGS_MODULE": "settings",
        **(extra or {}),
    }


def run_python(code: str, *, seconds: float = 30.0, cwd: Path = ROOT, **env: str) -> Result:
    """Run a program without monkey patching, unless it patches itself; all warnings are errors."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=cwd,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        stdout, stderr = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        stdout, stderr = process.communicate()
        stderr += f"\nnot ended within {seconds:g} s"
    return Result(process.returncode, stdout, stderr)
