"""ENGINE ``loadtests.free_pool``. OPTIONS: ``maxsize``; ``idle``: seconds after which an idle
connection is closed, never if it is missing."""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql.base import DatabaseWrapper as DjangosWrapper

from .pool import ExactLifo, FreePool

_pools: dict[str, FreePool] = {}
"""By alias."""


class DatabaseWrapper(DjangosWrapper):
    """On Django's own way through connect() and close()."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.alias not in _pools:
            _pools[self.alias] = _pool(self.settings_dict["OPTIONS"])
        self.free_pool = _pools[self.alias]

    def get_connection_params(self) -> dict[str, Any]:
        params: dict[str, Any] = super().get_connection_params()
        for name in ("maxsize", "idle"):
            params.pop(name, None)
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        return self.free_pool.acquire(self.open_connection)

    def open_connection(self) -> Any:
        """A connection that is ready for use."""
        connection = super().get_new_connection(self.get_connection_params())
        connection.autocommit = True
        self._configure_connection(connection)  # type: ignore[attr-defined]  # stubs lack it
        return connection

    def _close(self) -> None:
        connection, self.connection = self.connection, None
        self.free_pool.release(connection)

    def close_pool(self) -> None:
        """Close what is idle."""
        self.free_pool.close()


def _pool(options: dict[str, Any]) -> FreePool:
    idle = options.get("idle")
    return FreePool(options["maxsize"]) if idle is None else ExactLifo(options["maxsize"], idle)
