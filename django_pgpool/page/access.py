"""Who may look, and who may act."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, reverse

View = Callable[..., HttpResponseBase]

PERMISSION = "django_pgpool.operate_pool"
"""To drain and resize. A superuser has it; others get it from the site's authentication backend, or
as any permission where ``django_pgpool`` is in INSTALLED_APPS."""


def staff_only(view: View) -> View:
    """Others are sent to log in, or refused where they are logged in: 403."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user: Any = getattr(request, "user", None)
        if user is None:
            raise PermissionDenied("It needs django.contrib.auth's AuthenticationMiddleware.")
        if user.is_active and getattr(user, "is_staff", False):
            return view(request, *args, **kwargs)
        if user.is_authenticated:
            raise PermissionDenied("Only for staff.")
        return redirect_to_login(request.get_full_path(), _login_url())

    return guarded


def may_operate(request: HttpRequest) -> bool:
    """Whether this user may drain and resize."""
    user: Any = request.user
    return bool(user.has_perm(PERMISSION))


def _login_url() -> str:
    if apps.is_installed("django.contrib.admin"):
        try:
            return reverse("admin:login")
        except NoReverseMatch:
            pass  # it is installed, but not in the URLs
    return resolve_url(settings.LOGIN_URL)
