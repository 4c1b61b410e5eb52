"""A throw-away cluster of the PostgreSQL that is installed on this machine.

It has the contrib extensions, ICU and TLS, which the embedded one lacks, and may have PostGIS. On
Debian: the packages postgresql, postgresql-contrib and postgresql-postgis.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from loadtests.errors import LoadTestError
from loadtests.postgres import ThrowAwayPostgres, Value


class InstalledPostgres(ThrowAwayPostgres):
    """``programs`` is the directory of initdb and its like.

    Raises LoadTestError if the cluster cannot be set up or started.
    """

    def __init__(self, programs: Path, settings: Mapping[str, Value] | None = None) -> None:
        super().__init__(settings)
        self.programs = programs
        self.user = _server_user()

    def initialise(self) -> None:
        if self.user is not None:
            shutil.chown(self.data, self.user)
        command = [self.programs / "initdb", "-D", self.data, "-U", "postgres"]
        done = subprocess.run(
            [*command, "--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust", "--no-sync"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            user=self.user,
            cwd=self.data,
            check=False,
        )
        if done.returncode != 0:
            raise LoadTestError(f"PostgreSQL could not be set up (initdb): {done.stderr.strip()}")


def installed_programs() -> Path | None:
    """Where the newest PostgreSQL of this machine has its programs, if there is any."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda path: float(path.parent.name))
    initdb = shutil.which("initdb")
    return Path(initdb).resolve().parent if initdb else None


def _server_user() -> str | None:
    """PostgreSQL refuses to run as root; its package brings a user."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        raise LoadTestError(
            "PostgreSQL does not run as root, and there is no user postgres"
        ) from None
