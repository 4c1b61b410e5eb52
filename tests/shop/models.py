from django.db import models


class Item(models.Model):
    name = models.CharField(max_length=50, unique=True)
    made_at = models.DateTimeField(auto_now_add=True)
    details = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.name
