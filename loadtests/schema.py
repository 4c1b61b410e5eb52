"""A schema of our own, which never outlives the process that uses it.

    with OwnSchema(url) as schema:
        ...  # schema.name

A child process (the keeper) removes it: at the end of the block, or when its parent is gone,
whatever killed it. It is this module, run as a program: the first line of its standard input is the
URL and the name as JSON; then it waits for a byte or the end of the input.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

from psycopg2 import sql

from .connecting import connect, errors
from .errors import LoadTestError

ROOT = Path(__file__).parent.parent
LOCK_TIMEOUT = "10s"
"""How long what still runs in the schema may hinder its removal."""


def create(url: str) -> tuple[str, str]:
    """A new schema: its name, and the version of the server. Raises LoadTestError."""
    name = _new_name()
    return name, _create(url, name)


class OwnSchema:
    """A new one on the server of ``url``, for the length of a ``with`` block. ``server`` is then
    that server's version.

    Entering raises LoadTestError if the server cannot be reached or does not let us, leaving if the
    schema cannot be removed.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self.name = _new_name()

    def __enter__(self) -> Self:
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        self._keeper = subprocess.Popen(
            [sys.executable, "-m", "loadtests.schema"],
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,  # who reads ours does not wait for the keeper
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C in the terminal is for the parent alone
        )
        assert self._keeper.stdin
        try:
            # Before there is a schema. Not as an argument: the URL has a password.
            self._keeper.stdin.write(json.dumps([self._url, self.name]) + "\n")
            self._keeper.stdin.flush()
            self.server = _create(self._url, self.name)
        except LoadTestError:  # there is no schema
            self._keeper.kill()
            self._keeper.communicate()
            raise
        except BaseException:
            self._keeper.communicate(".")
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        # A byte and not only the end of the file: a forked child may still hold the pipe open.
        _, said = self._keeper.communicate(".")
        if self._keeper.returncode:
            reason = said.strip() or "what was to remove it was killed"
            raise LoadTestError(f"the schema {self.name} is still there, remove it: {reason}")


def _new_name() -> str:
    return f"pgpool_loadtest_{secrets.token_hex(4)}"


def _create(url: str, name: str) -> str:
    with errors("creating a schema in"), connect(url) as monitor, monitor.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        version = monitor.info.parameter_status("server_version") or "unknown"
    monitor.close()
    return version


def _remove(url: str, name: str) -> None:
    drop = sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(name))
    with (
        errors("removing it from"),
        connect(url) as monitor,
        monitor.cursor() as cursor,
    ):
        cursor.execute("SET lock_timeout = %s", [LOCK_TIMEOUT])
        cursor.execute(drop)
    monitor.close()


def _keep() -> None:
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    line = sys.stdin.readline()
    if not line:
        return  # the parent died before it could say what to keep
    url, name = json.loads(line)
    sys.stdin.read(1)
    try:
        _remove(url, name)
    except LoadTestError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    _keep()
