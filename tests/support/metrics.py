"""Metrics switched on for the length of a test: the other tests' pools are not to be timed."""

from __future__ import annotations

import pytest

from django_pgpool import registry
from django_pgpool.observers import readings


@pytest.fixture
def metrics_off_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registering counts from here on, and is forgotten at the end."""
    monkeypatch.setattr(registry, "_watchers", [])
    monkeypatch.setattr(readings, "_begun", False)
    monkeypatch.setattr(readings, "_accounts", {})
