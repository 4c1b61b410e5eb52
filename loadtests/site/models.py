"""What the shop sells."""

from __future__ import annotations

from django.db import models


class Article(models.Model):
    """Something in stock."""

    name: models.CharField[str, str] = models.CharField(max_length=80)
    sold: models.PositiveIntegerField[int, int] = models.PositiveIntegerField(default=0)

    class Meta:
        app_label = "site"

    def __str__(self) -> str:
        return self.name
