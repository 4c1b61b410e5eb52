"""A throw-away PgBouncer in front of a PostgreSQL server, as its documentation sets it up for
transaction pooling (https://www.pgbouncer.org/config.html).

    with PgBouncer(server.url, {"default_pool_size": 20}) as bouncer:
        connection = psycopg2.connect(bouncer.url)

It listens on a unix socket only. It and its files are gone at the end of the block, after an
exception, and also when this process is killed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import psycopg2

from .errors import LoadTestError
from .postgres import database_params
from .throwaway import ThrowAwayDirectory

Value = str | int | float

PLACES = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin")
"""Where packages put the program, beside PATH."""
PORT = 6432
SETTINGS: dict[str, Value] = {
    "listen_addr": "",
    "listen_port": PORT,
    "pool_mode": "transaction",
    "max_client_conn": 2000,  # a client for each request at once, however many there are
    "auth_type": "any",  # the socket is in a directory of our own
    "admin_users": "pgbouncer",
}
PATIENCE = 10.0
"""Seconds in which it has to be up."""
NOBODY = "nobody"
CONSOLE = "pgbouncer"
"""The database and the user with which PgBouncer tells about itself."""


class PgBouncer:
    """PgBouncer in front of the server of ``url``, for as long as the ``with`` block lasts.

    ``settings`` go into pgbouncer.ini on top of SETTINGS; ``session`` is what each connection to
    the server is set to before a client gets it: in transaction pooling, clients cannot do that for
    themselves. Where we are root, which PgBouncer refuses to be, it runs as the owner of the
    directory with the server's socket, or as NOBODY.

    Raises LoadTestError if the program is missing or does not start.
    """

    version: str
    """Of PgBouncer, inside the block."""

    def __init__(
        self,
        url: str,
        settings: Mapping[str, Value] | None = None,
        *,
        session: Mapping[str, str] | None = None,
    ) -> None:
        self._server = database_params(url)
        self._settings = {**SETTINGS, **(settings or {})}
        self._session = session or {}
        self._user = _unprivileged(self._server.get("host", "")) if os.geteuid() == 0 else None

    def __enter__(self) -> Self:
        program = find_pgbouncer()
        self._directory = ThrowAwayDirectory("pgbouncer")
        try:
            self._start(program)
            self._wait_until_up()
        except BaseException:
            self._directory.remove()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        # It has nothing to save, and what milder signals mean to it depends on its version.
        self._process.kill()
        self._process.wait()
        self._directory.remove()

    @property
    def pid(self) -> int:
        """Of its one process."""
        return self._process.pid

    @property
    def url(self) -> str:
        """DATABASE_URL of the server, by way of PgBouncer."""
        user, name = self._server.get("user", ""), self._server.get("dbname", "")
        return f"postgresql://{user}@/{name}?host={self._directory.path}&port={PORT}"

    def _start(self, program: str) -> None:
        directory = self._directory.path
        (directory / "pgbouncer.ini").write_text(self._ini())
        switch = []
        if self._user is not None:
            switch = ["-u", self._user]
            for path in (directory, directory / "pgbouncer.ini"):
                shutil.chown(path, user=self._user)
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [program, *switch, str(directory / "pgbouncer.ini")],
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us
            )

    @property
    def _log(self) -> Path:
        return self._directory.path / "pgbouncer.log"

    def _ini(self) -> str:
        names = ("host", "port", "user", "password")
        server = {name: self._server[name] for name in names if name in self._server}
        if self._session:
            server["connect_query"] = "; ".join(
                f"SET {name} TO {_literal(value)}" for name, value in self._session.items()
            )
        settings = {"unix_socket_dir": str(self._directory.path), **self._settings}
        if "sslmode" in self._server:
            settings["server_tls_sslmode"] = self._server["sslmode"]
        lines = [
            "[databases]",
            "* = " + " ".join(f"{name}={_quoted(value)}" for name, value in server.items()),
            "[pgbouncer]",
            *(f"{name} = {value}" for name, value in settings.items()),
        ]
        return "\n".join(lines) + "\n"

    def _wait_until_up(self) -> None:
        """Asks its console: that needs no connection to the server."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                console = psycopg2.connect(
                    host=str(self._directory.path), port=PORT, dbname=CONSOLE, user=CONSOLE
                )
                break
            except psycopg2.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise LoadTestError(f"PgBouncer did not start: {self._reason()}") from None
                time.sleep(0.02)
        console.autocommit = True  # the console knows no transactions
        with console.cursor() as cursor:
            cursor.execute("SHOW VERSION")
            ((said,),) = cursor.fetchall()
        console.close()
        self.version = said.removeprefix("PgBouncer ")

    def _reason(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        complaints = [
            line.partition(level)[2].strip()
            for line in lines
            for level in ("ERROR", "FATAL")
            if level in line
        ]
        return "; ".join(complaints[-2:]) or f"no reason given in {PATIENCE:.0f} s"


def find_pgbouncer() -> str:
    """The path of the program. Raises LoadTestError."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *PLACES])
    found = shutil.which("pgbouncer", path=path)
    if found is None:
        raise LoadTestError(
            "pgbouncer is missing: install it (Debian: apt install pgbouncer), or leave it out "
            "with --without pgbouncer"
        )
    return found


def _unprivileged(host: str) -> str:
    """Somebody who is not root and may use the server's socket, if ``host`` is its directory."""
    directory = Path(host)
    if directory.is_absolute() and directory.is_dir() and directory.stat().st_uid != 0:
        return directory.owner()
    return NOBODY


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _quoted(value: object) -> str:
    """As pgbouncer.ini wants it."""
    return "'" + str(value).replace("'", "''") + "'"
