"""A row to read. To be imported when Django has been set up."""

from __future__ import annotations

from typing import Any

from django.db import models

BTREE = 403
"""Key of a row that every server has."""


class AccessMethod(models.Model):
    """From a catalog that every server has: nothing has to be written anywhere."""

    oid: Any = models.IntegerField(primary_key=True)
    amname: Any = models.TextField()

    class Meta:
        app_label = "bench"
        managed = False
        db_table = "pg_am"
