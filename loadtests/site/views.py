"""The visits over HTTP, and a sign of life."""

from __future__ import annotations

import os

from django.http import HttpRequest, HttpResponse, JsonResponse

from . import ERROR_HEADER, USE_HEADER, WAIT_HEADER
from .visit import Visit


def visit(request: HttpRequest, path: str) -> HttpResponse:
    """What ``path`` says. The headers tell how it went; 503 for the database's errors, else 500.

    The use counts until the answer is made: what Django does after it is sent, nobody waits for.
    """
    made = Visit()
    made.make(*path.split("/"))
    status = 200 if made.error is None else 503 if made.database else 500
    times = {WAIT_HEADER: made.wait, USE_HEADER: made.use}
    headers = {name: f"{seconds:.6f}" for name, seconds in times.items() if seconds is not None}
    if made.error:
        headers[ERROR_HEADER] = made.error
    return HttpResponse(status=status, headers=headers)


def health(request: HttpRequest) -> JsonResponse:
    """The worker is up."""
    return JsonResponse({"pid": os.getpid()})
