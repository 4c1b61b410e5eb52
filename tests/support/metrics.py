"""What Prometheus is told, by name; and metrics switched on for the length of a test: the other
tests' pools are not to be timed."""

from __future__ import annotations

import pytest

from django_pgpool import registry
from django_pgpool.metrics import readings

STATES = ("opening", "idle", "in_use", "closing")
LABELS = {
    "django_pgpool_connections": {"alias", "state"},
    "django_pgpool_max_connections": {"alias"},
    "django_pgpool_pending_requests": {"alias"},
    "django_pgpool_timeouts_total": {"alias"},
    "django_pgpool_evictions_total": {"alias", "reason"},
    "django_pgpool_rejections_total": {"alias"},
    "django_pgpool_abandoned_waits_total": {"alias"},
    "django_pgpool_reclaimed_total": {"alias"},
    "django_pgpool_open_failures_total": {"alias"},
    **{
        f"django_pgpool_{name}_seconds_{part}": {"alias", "le"} if part == "bucket" else {"alias"}
        for name in ("wait", "use", "create")
        for part in ("bucket", "count", "sum")
    },
}


@pytest.fixture
def metrics_off_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registering counts from here on, and is forgotten at the end."""
    monkeypatch.setattr(registry, "_watchers", [])
    monkeypatch.setattr(readings, "_begun", False)
    monkeypatch.setattr(readings, "_accounts", {})
