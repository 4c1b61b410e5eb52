"""What visitors of the shop ask for, and what the load test asks about it."""

from __future__ import annotations

import os
from dataclasses import fields

from django.db import connection, transaction
from django.db.models import F, Sum
from django.http import HttpRequest, JsonResponse

import django_pgpool

from .models import Article


def read(request: HttpRequest, number: int) -> JsonResponse:
    """One short query."""
    article = Article.objects.get(pk=number)
    return JsonResponse({"name": article.name, "sold": article.sold})


@transaction.atomic
def write(request: HttpRequest, number: int) -> JsonResponse:
    """One short transaction."""
    article = Article.objects.select_for_update().get(pk=number)
    Article.objects.filter(pk=number).update(sold=F("sold") + 1)
    return JsonResponse({"sold": article.sold + 1})


def report(request: HttpRequest, milliseconds: int) -> JsonResponse:
    """A query that keeps its connection busy for some milliseconds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [milliseconds / 1000])
    return JsonResponse(Article.objects.aggregate(sold=Sum("sold")))


def pool(request: HttpRequest) -> JsonResponse:
    """Snapshots of the pools in this worker. Never opens a connection."""
    snapshots = [
        {field.name: getattr(snapshot, field.name) for field in fields(snapshot)}
        for snapshot in django_pgpool.stats()
    ]
    return JsonResponse(
        {"pid": os.getpid(), "pools": snapshots}, json_dumps_params={"default": dict}
    )


def health(request: HttpRequest) -> JsonResponse:
    """The worker is up."""
    return JsonResponse({"pid": os.getpid()})
