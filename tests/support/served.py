"""A site of a few lines under a real server, on a unix socket."""

from __future__ import annotations

import os
import signal
import subprocess
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from socket import AF_UNIX, socket

from .processes import environment
from .waiting import eventually


class Site:
    """``directory`` holds ``a_site.py``, with ``application``, and the server's configuration."""

    def __init__(self, directory: Path, process: subprocess.Popen[bytes], sign: str) -> None:
        self._directory = directory
        self._process = process
        self._sign = sign

    @property
    def log(self) -> str:
        return (self._directory / "site.log").read_text()

    def get(self, address: str) -> str:
        """The body of the answer, which must be one of status 200."""
        connection = HTTPConnection("localhost", timeout=20)
        connection.sock = socket(AF_UNIX)
        try:
            connection.sock.settimeout(20)
            connection.sock.connect(str(self._directory / "socket"))
            connection.request("GET", address, headers={"Connection": "close"})
            answer = connection.getresponse()
            body = answer.read().decode()
        finally:
            connection.close()
        assert answer.status == 200, body + self.log
        return body

    def _is_up(self) -> bool:
        assert self._process.poll() is None, self.log
        return (self._directory / "socket").exists() and self._sign in self.log


@contextmanager
def served(
    directory: Path, code: str, command: list[str], env: dict[str, str], sign: str
) -> Iterator[Site]:
    """It runs for the length of the block. ``code`` makes ``application``; ``command`` listens at
    ``socket`` in the directory. ``sign``: what the log says once a worker is on its way."""
    (directory / "a_site.py").write_text(textwrap.dedent(code))
    variables = {**environment(env), "HOME": str(directory), "PYTHONWARNINGS": "default"}
    variables["PYTHONPATH"] = os.pathsep.join([str(directory), variables["PYTHONPATH"]])
    with (directory / "site.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=directory,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        site = Site(directory, process, sign)
        eventually(site._is_up, lambda: site.log)
        yield site
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
