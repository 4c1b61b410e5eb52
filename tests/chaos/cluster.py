"""Servers that are copies of one that was made at the beginning: initdb takes its time."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from loadtests.errors import LoadTestError
from loadtests.postgres import ThrowAwayPostgres, _quoted

VARIABLE = "PGPOOL_CHAOS_TEMPLATE"
"""Tells the processes of the scenarios where the files to copy are."""


class Postgres(ThrowAwayPostgres):
    """A throw-away server, copied from the template where there is one."""

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        self._own = dict(settings or {})

    def __exit__(self, *exception: object) -> None:
        with suppress(LoadTestError):  # it may be down already
            self.stop("immediate")
        super().__exit__(*exception)

    @property
    def log(self) -> Path:
        return self._data / "server.log"

    def _initialise(self) -> None:
        template = os.environ.get(VARIABLE)
        if template is None:
            super()._initialise()
            return
        source, programs, self._user = json.loads(template)
        self._programs = Path(programs)
        self._copy(Path(source))
        self._configure(self._own)

    def _copy(self, source: Path) -> None:
        shutil.copytree(source, self._data, dirs_exist_ok=True)
        if self._user is not None:
            for path in (self._data, *self._data.rglob("*")):
                shutil.chown(path, self._user)

    def _configure(self, settings: Mapping[str, Any]) -> None:
        settings = {"unix_socket_directories": str(self._data), **settings}
        with (self._data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {_quoted(value)}\n" for name, value in settings.items())


class _Template(ThrowAwayPostgres):
    def start(self) -> None:
        """It is only there to be copied."""


@contextmanager
def template() -> Iterator[None]:
    """As long as the block lasts, processes begun in it have something to copy."""
    with _Template() as made:
        user = made._user
        os.environ[VARIABLE] = json.dumps([str(made._data), str(made._programs), user])
        try:
            yield
        finally:
            del os.environ[VARIABLE]
