"""The page, its two forms, and the files that it needs."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.transaction import non_atomic_requests
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.csrf import get_token
from django.shortcuts import redirect
from django.template import Context, Engine
from django.urls import reverse
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST, require_safe

from .. import __version__, registry
from ..greenlets import release_connections
from .access import may_operate, staff_only
from .content import panels

HERE = Path(__file__).parent
ASSETS = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
REFRESH = (2, 5, 10, 30)
"""Seconds from which those choose who have no JavaScript."""
DONE = {"drain": "Drained.", "resize": "Resized."}
POLICY = "; ".join(
    [
        "default-src 'none'",
        *(f"{kind}-src 'self'" for kind in ("script", "style", "img", "connect")),
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)
_engine = Engine(dirs=[str(HERE / "templates")])
"""Of its own: the site's templates may be of another kind."""


@never_cache
@require_safe
@staff_only
@non_atomic_requests
def page(request: HttpRequest) -> HttpResponseBase:
    """All pools of the process that answers. ``?process=``: only from this one, else 204."""
    wanted = request.GET.get("process")
    if wanted is not None and wanted != _process():
        return HttpResponse(status=204)
    stacks = "stacks" in request.GET
    refresh = request.GET.get("refresh", "")
    operates = may_operate(request)
    return _answer(
        request,
        "page.html",
        stacks=stacks,
        refresh=refresh if refresh in map(str, REFRESH) else None,
        intervals=REFRESH,
        done=DONE.get(request.GET.get("done", "")),
        operates=operates,
        panels=_looked_at(stacks),
    )


def _looked_at(stacks: bool) -> Any:
    # What asking for the user has taken: else this request would count among the holders.
    release_connections()
    return panels(stacks=stacks)


Act = Callable[[HttpRequest, registry.Entry], str | None]


def _action(act: Act) -> Callable[[HttpRequest, str], HttpResponseBase]:
    """A view for those who may; ``act`` returns what is wrong with the form, or None."""

    @never_cache
    @require_POST
    @csrf_protect
    @staff_only
    @non_atomic_requests
    @wraps(act)
    def view(request: HttpRequest, alias: str) -> HttpResponseBase:
        if not may_operate(request):
            raise PermissionDenied("It needs the permission django_pgpool.operate_pool.")
        if request.POST.get("process") != _process():
            return _answer(request, "other.html", status=409, form=_form(request))
        entry = next((e for e in registry.entries() if e.pool.name == alias), None)
        if entry is None:
            raise Http404(f"This process has no pool {alias!r}.")
        wrong = act(request, entry)
        if wrong is not None:
            return _answer(request, "wrong.html", status=400, wrong=wrong)
        return redirect(f"{reverse('django_pgpool:page')}?done={act.__name__}")

    return view


@_action
def drain(request: HttpRequest, entry: registry.Entry) -> str | None:
    """Replace every connection of a pool."""
    entry.pool.drain(user=_user(request))
    return None


@_action
def resize(request: HttpRequest, entry: registry.Entry) -> str | None:
    """Change the limit of a pool, until the process ends."""
    try:
        entry.pool.resize(int(request.POST.get("maxsize", "")), user=_user(request))
    except ValueError:
        least = max(entry.pool.minsize, 1)
        return f"maxsize must be a whole number, at least {least}."
    return None


@require_safe
@staff_only
@cache_control(private=True, max_age=86400)
def asset(request: HttpRequest, name: str) -> HttpResponseBase:
    """A file that the page needs."""
    if name not in ASSETS:
        raise Http404
    return FileResponse((HERE / "assets" / name).open("rb"), content_type=ASSETS[name])


def _answer(
    request: HttpRequest, template: str, *, status: int = 200, **names: Any
) -> HttpResponse:
    names |= {
        "csrf_token": get_token(request),
        "home": reverse("django_pgpool:page"),
        "process": _process(),
        "version": __version__,
    }
    html = _engine.get_template(template).render(Context(names))
    return HttpResponse(html, status=status, headers={"Content-Security-Policy": POLICY})


def _form(request: HttpRequest) -> dict[str, str]:
    return {
        name: str(value) for name, value in request.POST.items() if name in ("process", "maxsize")
    }


def _process() -> str:
    return str(os.getpid())


def _user(request: HttpRequest) -> str:
    user: Any = request.user
    return str(user.get_username())
