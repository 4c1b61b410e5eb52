"""A site under gunicorn, asked by wrk: what a pool is worth where all the rest takes its time."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Self

from gevent import sleep

from . import Round, Unavailable

CLIENTS = 100
ROOM = 250
"""Connections that the server must have room for: without a pool those of clients that have gone
stay for a while."""
WARM_UP = 1
"""Seconds."""
WARM_UP_CLIENTS = 20
"""As many as there are connections in a pool."""
PATIENCE = 20.0
"""Seconds in which gunicorn has to answer."""
STOP = 1.0
SCRIPT = Path(__file__).with_name("wrk.lua")
SITE = "loadtests.bench.site"
SETTINGS = "PGPOOL_BENCH_SITE"


def prepare(database: dict[str, Any], end: str, green: bool) -> Round:
    """Metrics: ``rate``, good answers per second; ``p99``, milliseconds; ``failed``, requests
    without a good answer; ``connections`` that the server has meanwhile. Raises Unavailable where
    there is no wrk, or the server is too small."""
    if shutil.which("wrk") is None:
        raise Unavailable("wrk is not installed (apt install wrk)")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # ends the site, too
    with Site(database, green) as site:
        if (room := site.get("/count")["room"]) < ROOM:
            raise Unavailable(f"max_connections is {room}, not {ROOM} or more")

    def measure(seconds: float) -> dict[str, float]:
        with Site(database, green) as site:
            _wrk(site.url, WARM_UP, WARM_UP_CLIENTS).communicate()
            load = _wrk(site.url, max(round(seconds), 1), CLIENTS)
            sleep(seconds / 2)
            connections = site.get("/count")["connections"]
            output, _ = load.communicate()
        return {**numbers(output), "connections": connections}

    return measure


def numbers(output: str) -> dict[str, float]:
    """From what wrk has printed. Raises RuntimeError where no request was answered well."""
    counted = json.loads(output.splitlines()[-1])
    good = counted["answers"] - counted["refused"]
    if good <= 0:
        raise RuntimeError(f"none of {counted['answers']} answers was good")
    return {
        "rate": good / counted["duration"] * 1e6,
        "p99": counted["p99"] / 1000,
        "failed": counted["refused"] + counted["unanswered"],
    }


def _wrk(url: str, seconds: int, clients: int) -> subprocess.Popen[str]:
    options = ["-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "1s", "-s", str(SCRIPT)]
    return subprocess.Popen(
        ["wrk", *options, f"{url}/read"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


class Site:
    """gunicorn with one gevent worker, for the length of a ``with`` block. It is up when that
    begins; raises RuntimeError where it does not come up."""

    def __init__(self, database: dict[str, Any], green: bool) -> None:
        self._settings = json.dumps({"database": database, "green": green})

    def __enter__(self) -> Self:
        self._log = tempfile.TemporaryFile("w+", errors="replace")
        with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
            self._port = listener.getsockname()[1]
            self._start(listener.fileno())
        try:
            self.get("/read")
        except (OSError, HTTPException, ValueError):
            raise RuntimeError(f"gunicorn did not come up: {self._end()}") from None
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._end()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def get(self, path: str) -> dict[str, Any]:
        """What the site answers. Raises OSError, HTTPException or ValueError where it does not."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return answer

    def _start(self, listener: int) -> None:
        options = ["--bind", f"fd://{listener}", "--worker-class", "gevent", "--workers", "1"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *options, "--no-control-socket", SITE],
            env={**os.environ, SETTINGS: self._settings},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            pass_fds=[listener],
        )

    def _end(self) -> str:
        """Returns the last line of the log so far."""
        self._log.seek(0)
        last_words = (self._log.read().strip().splitlines() or ["no reason given"])[-1]
        self._process.send_signal(signal.SIGQUIT)  # at once, and its worker, too
        try:
            self._process.wait(STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
        return last_words
