"""Servers that are copies of one that was made at the beginning: initdb takes its time."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from loadtests.errors import LoadTestError
from loadtests.postgres import ThrowAwayPostgres

VARIABLE = "PGPOOL_CHAOS_TEMPLATE"
"""Tells the processes of the scenarios where the files to copy are."""


class Postgres(ThrowAwayPostgres):
    """A throw-away server, copied from the template where there is one."""

    def __exit__(self, *exception: object) -> None:
        with suppress(LoadTestError):  # it may be down already
            self.stop("immediate")
        super().__exit__(*exception)

    def initialise(self) -> None:
        template = os.environ.get(VARIABLE)
        if template is None:
            super().initialise()
            return
        source, programs, self.user = json.loads(template)
        self.programs = Path(programs)
        shutil.copytree(source, self.data, dirs_exist_ok=True)
        if self.user is not None:
            for path in (self.data, *self.data.rglob("*")):
                shutil.chown(path, self.user)


class _Template(ThrowAwayPostgres):
    def start(self) -> None:
        """It is only there to be copied."""


@contextmanager
def template() -> Iterator[None]:
    """As long as the block lasts, processes begun in it have something to copy."""
    with _Template() as made:
        os.environ[VARIABLE] = json.dumps([str(made.data), str(made.programs), made.user])
        try:
            yield
        finally:
            del os.environ[VARIABLE]
