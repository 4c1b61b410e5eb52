"""No table: only the permission to act on the operator's page, which ``migrate`` makes where
``django_pgpool`` is in INSTALLED_APPS."""

from __future__ import annotations

from django.db import models


class Pool(models.Model):
    class Meta:
        managed = False
        default_permissions = ()
        permissions = (("operate_pool", "Can drain and resize connection pools"),)
