"""Starts and stops gunicorn with the site under load."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from .errors import LoadTestError, SiteFailed
from .site import LIMIT, LOOKS
from .throwaway import ThrowAwayDirectory

ROOT = Path(__file__).parent.parent
PATIENCE = 20.0
"""Seconds in which gunicorn has to be up."""
LOG_LINES = 15


def environment(database: dict[str, Any]) -> dict[str, str]:
    """That of a process with the site, where ``database`` is the DATABASES entry."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "loadtests.site.settings",
        "LOADTEST_DATABASE": json.dumps(database),
        "PYTHONPATH": path,
    }


def migrate(environment: dict[str, str]) -> None:
    """Make the tables of the site. Raises LoadTestError."""
    done = subprocess.run(
        [sys.executable, "-m", "django", "migrate", "--verbosity", "0"],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise LoadTestError(f"the tables of the site could not be made: {reason}")


class SiteProcess:
    """gunicorn with gevent workers on a unix socket, for the length of a ``with`` block.

    ``database`` is the DATABASES entry; ``limit`` is how many connections one worker may have, for
    its count of those that it needs. Raises LoadTestError if the tables cannot be made or gunicorn
    is missing, SiteFailed with the last lines of its log if it does not come up.
    """

    workers: dict[int, str]
    """The socket on which each worker tells of itself, by pid."""

    def __init__(self, database: dict[str, Any], *, workers: int = 1, limit: int = 0) -> None:
        self._environment = {**environment(database), LIMIT: str(limit)}
        self._count = workers

    def __enter__(self) -> Self:
        if find_spec("gunicorn") is None:
            raise LoadTestError("gunicorn is missing: pip install 'django_pgpool[loadtests]'")
        self._directory = ThrowAwayDirectory("gunicorn")
        try:
            self._start()
            migrate(self._environment)  # while gunicorn loads the site
            self._wait_until_up()
        except BaseException:
            self._directory.remove()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._directory.remove()

    @property
    def pid(self) -> int:
        """That of gunicorn."""
        return self._process.pid

    @property
    def socket(self) -> str:
        """Path of the unix socket."""
        return str(self._directory.path / "site.sock")

    def check(self) -> None:
        """Raises SiteFailed if gunicorn is gone."""
        if self._process.poll() is not None:
            raise SiteFailed(f"gunicorn ended with code {self._process.returncode}", self.log())

    def log(self) -> str:
        """The last lines that gunicorn or the site wrote."""
        lines = (self._directory.path / "site.log").read_text(errors="replace").splitlines()
        return "\n".join(["the end of its log:", *lines[-LOG_LINES:]])

    def _start(self) -> None:
        directory = self._directory.path
        options = {
            "--bind": f"unix:{self.socket}",
            "--worker-class": "loadtests.site.worker.Worker",
            "--workers": str(self._count),
            "--keep-alive": "75",  # longer than the client's: never closed under a request
            "--worker-tmp-dir": str(directory),
        }
        arguments = [part for option in options.items() for part in option]
        with (directory / "site.log").open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", *arguments, "loadtests.site.wsgi"],
                # HOME: gunicorn keeps a control socket there, which would be left behind.
                env={**self._environment, "HOME": str(directory), LOOKS: str(directory)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us: the site stays until the load has ended
            )

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while len(self._sockets()) < self._count or not self._healthy():
            self.check()
            if time.monotonic() > deadline:
                raise SiteFailed(f"gunicorn was not up after {PATIENCE:.0f} s", self.log())
            time.sleep(0.05)
        self.workers = self._sockets()

    def _sockets(self) -> dict[int, str]:
        return {int(path.stem): str(path) for path in self._directory.path.glob("*.look")}

    def _healthy(self) -> bool:
        """A worker answers. By hand: the client library for the load needs an event loop."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE)
            try:
                connection.connect(self.socket)
                connection.sendall(b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n")
                return b" 200 " in connection.recv(64)
            except (FileNotFoundError, ConnectionError, TimeoutError):
                return False
