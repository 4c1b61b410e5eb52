"""A primary and its standby, in streaming replication."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

import psycopg2
from support.waiting import eventually

from .cluster import Postgres

PRIMARY: Mapping[str, Any] = {
    "wal_level": "replica",
    "max_wal_senders": 4,
    "hot_standby": True,
    "synchronous_commit": "remote_apply",
    "wal_retrieve_retry_interval": "200ms",
}
"""Settings of both. What was committed is on the standby, see ``commit_on_both``."""


class Standby(Postgres):
    """A copy of a running server that follows it, until it is promoted."""

    def __init__(self, primary: Postgres, settings: Mapping[str, Any]) -> None:
        super().__init__({**PRIMARY, **settings})
        self._primary = primary

    def initialise(self) -> None:
        primary = self._primary
        self.programs, self.user = primary.programs, primary.user
        if self.user is not None:
            shutil.chown(self.data, user=self.user)
        where = primary.params
        program = [self.programs / "pg_basebackup", "-h", where["host"], "-p", str(where["port"])]
        subprocess.run(
            [*program, "-U", "postgres", "-D", self.data, "-R", "-c", "fast"],
            user=self.user,
            cwd=self.data,
            check=True,
            capture_output=True,
        )
        for left in self.data.glob(".s.PGSQL.*"):  # the primary's socket is in its directory
            left.unlink()

    def promote(self) -> None:
        """From now on it takes writes."""
        self.control("promote")


def commit_on_both(primary: Postgres) -> None:
    """From now on every commit waits until it is seen on the standby, too."""
    connection = psycopg2.connect(**primary.params)
    connection.autocommit = True
    with connection.cursor() as cursor:

        def attached() -> bool:
            cursor.execute("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")
            return bool(cursor.fetchone()[0])

        eventually(attached, "the standby does not follow")
        cursor.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        cursor.execute("SELECT pg_reload_conf()")
    connection.close()
