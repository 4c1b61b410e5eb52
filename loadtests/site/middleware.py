"""Tells the load test which error a visitor met."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse

from . import ERROR_HEADER

logger = logging.getLogger(__name__)


class NameTheError:
    """Answers with the name of the exception in a header; 503 for the database's, else 500."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse:
        """Called by Django with whatever a view raised."""
        logger.error("%s: %s", type(exception).__name__, exception)
        status = 503 if isinstance(exception, DatabaseError) else 500
        return HttpResponse(status=status, headers={ERROR_HEADER: type(exception).__name__})
