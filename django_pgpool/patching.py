"""Whether gevent has patched this process, and whether it has done so in time."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from gevent.monkey import is_module_patched
from greenlet import greenlet

from .pool.runtime import gevent_has_patched

_FIX = (
    "Call gevent.monkey.patch_all() before anything else is imported: first thing in the program, "
    "or in gunicorn's configuration file (with `gunicorn -k gevent` and without --preload gunicorn "
    "does it by itself, as long as the configuration file does not import Django)."
)

_checked = False


def check_patching() -> None:
    """Raises ImproperlyConfigured where greenlets would share one connection."""
    global _checked  # noqa: PLW0603  one answer per process: patching is never undone
    if _checked:
        return
    if gevent_has_patched():
        if _is_shared_between_greenlets():
            raise ImproperlyConfigured(
                "gevent has patched this process after django.db was imported: all greenlets would "
                f"share one database connection. {_FIX}"
            )
        _checked = True
    elif is_module_patched("socket"):
        raise ImproperlyConfigured(
            "gevent has patched sockets but not threads: all greenlets would share one database "
            f"connection. {_FIX}"
        )


def _is_shared_between_greenlets() -> bool:
    """Ask django.db.connections itself: does another greenlet see what this one has set?"""
    local = connections._connections  # type: ignore[attr-defined]
    local.django_pgpool_probe = True
    try:
        seen: list[bool] = []
        greenlet(lambda: seen.append(hasattr(local, "django_pgpool_probe"))).switch()
        return seen[0]
    finally:
        del local.django_pgpool_probe
