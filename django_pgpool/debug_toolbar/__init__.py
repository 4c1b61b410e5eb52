"""A panel for django-debug-toolbar: ``DEBUG_TOOLBAR_PANELS = [...,
"django_pgpool.debug_toolbar.PoolPanel"]``. See docs/integrations.md."""

from .panel import PoolPanel

__all__ = ["PoolPanel"]
