"""A primary and its standby, in streaming replication."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Mapping

import psycopg2

from .errors import LoadTestError
from .postgres import ThrowAwayPostgres, Value

PRIMARY: Mapping[str, Value] = {
    "wal_level": "replica",
    "max_wal_senders": 4,
    "hot_standby": True,
    "synchronous_commit": "remote_apply",
    "wal_retrieve_retry_interval": "200ms",
}
"""Settings of both. What was committed is on the standby, see ``commit_on_both``."""
PATIENCE = 15.0
"""Seconds until a standby has to follow."""


class Standby(ThrowAwayPostgres):
    """A copy of a running server that follows it, until it is promoted."""

    def __init__(self, primary: ThrowAwayPostgres, settings: Mapping[str, Value]) -> None:
        super().__init__({**PRIMARY, **settings})
        self._primary = primary

    def initialise(self) -> None:
        primary = self._primary
        self.programs, self.user = primary.programs, primary.user
        if self.user is not None:
            shutil.chown(self.data, user=self.user)
        where = primary.params
        program = [self.programs / "pg_basebackup", "-h", where["host"], "-p", str(where["port"])]
        try:
            subprocess.run(
                [*program, "-U", "postgres", "-D", self.data, "-R", "-c", "fast"],
                user=self.user,
                cwd=self.data,
                check=True,
                capture_output=True,
                text=True,
            )
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", None) or str(error)
            reason = " ".join(said.split())
            raise LoadTestError(f"a standby could not be made (pg_basebackup): {reason}") from error
        for left in self.data.glob(".s.PGSQL.*"):  # the primary's socket is in its directory
            left.unlink()

    def promote(self) -> None:
        """From now on it takes writes."""
        self.control("promote")


def commit_on_both(primary: ThrowAwayPostgres) -> None:
    """From now on every commit waits until it is seen on the standby, too. Raises LoadTestError."""
    connection = psycopg2.connect(**primary.params)
    connection.autocommit = True
    deadline = time.monotonic() + PATIENCE
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")
            ((following,),) = cursor.fetchall()
            if following:
                break
            if time.monotonic() > deadline:
                raise LoadTestError(f"the standby did not follow within {PATIENCE:.0f} s")
            time.sleep(0.02)
        cursor.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        cursor.execute("SELECT pg_reload_conf()")
    connection.close()
