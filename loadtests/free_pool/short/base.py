"""ENGINE ``loadtests.free_pool.short``."""

from __future__ import annotations

from typing import Any

from ..base import DatabaseWrapper as OnDjangosWay


class DatabaseWrapper(OnDjangosWay):
    """Django's connect() and close() without what was done when the connection was opened, and
    without checks: nothing may be cheaper."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.close_at = 0.0  # as CONN_MAX_AGE=0 is understood: to be closed after each request

    def connect(self) -> None:
        self.in_atomic_block = False
        self.savepoint_ids = []
        self.atomic_blocks = []
        self.needs_rollback = False
        self.closed_in_transaction = False
        self.errors_occurred = False
        self.connection = self.free_pool.acquire(self.open_connection)
        self.autocommit = True
        self.run_on_commit = []

    def close(self) -> None:
        self.run_on_commit = []
        if (connection := self.connection) is not None:
            self.connection = None
            self.free_pool.release(connection)

    def validate_thread_sharing(self) -> None:
        pass
