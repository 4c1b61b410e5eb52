"""The shop's table, with the articles that the views use."""

from __future__ import annotations

from django.db import migrations, models

ARTICLES = 1000


def stock(apps, schema_editor):  # type: ignore[no-untyped-def]
    article = apps.get_model("site", "Article")
    article.objects.bulk_create(
        article(pk=number, name=f"article {number}") for number in range(1, ARTICLES + 1)
    )


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel(
            name="Article",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=80)),
                ("sold", models.PositiveIntegerField(default=0)),
            ],
        ),
        migrations.RunPython(stock, migrations.RunPython.noop),
    ]
