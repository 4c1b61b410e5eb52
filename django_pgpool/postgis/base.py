"""ENGINE 'django_pgpool.postgis'. Needs what GeoDjango needs: GEOS, GDAL and PROJ."""

from __future__ import annotations

from django.contrib.gis.db.backends.postgis.base import DatabaseWrapper as PostGISDatabaseWrapper

from .. import base as _base  # noqa: F401  refuses drivers that no engine of ours works with
from ..wrapper import PooledMixin


class DatabaseWrapper(PooledMixin, PostGISDatabaseWrapper):
    """Django's PostGIS backend with connections from an elastic pool."""
