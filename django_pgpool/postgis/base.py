"""ENGINE 'django_pgpool.postgis'. Needs what GeoDjango needs: GEOS, GDAL and PROJ."""

from __future__ import annotations

from django.contrib.gis.db.backends.postgis.base import DatabaseWrapper as PostGISDatabaseWrapper
from django.db.backends.postgresql.psycopg_any import is_psycopg3

from ..wrapper import PooledMixin


class DatabaseWrapper(PooledMixin, PostGISDatabaseWrapper):
    """Django's PostGIS backend with connections from an elastic pool."""

    def prepare_database(self) -> None:
        super().prepare_database()
        if is_psycopg3 and (pool := self.pgpool) is not None:
            pool.drain()  # those that are older than the extension do not know its types
