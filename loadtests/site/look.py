"""What this process says about its pools and its needs. Never opens a connection."""

from __future__ import annotations

import os
import sys
from dataclasses import fields
from typing import Any

from .needs import needs


def look() -> dict[str, Any]:
    """A line of JSON, nearly: pid, snapshots, connections needed now and connection-seconds needed
    so far."""
    engine = sys.modules.get("django_pgpool")  # else there are no pools of ours
    snapshots = engine.stats() if engine else []
    return {
        "pid": os.getpid(),
        "pools": [
            {field.name: _plain(getattr(snapshot, field.name)) for field in fields(snapshot)}
            for snapshot in snapshots
        ],
        "needed": needs.now,
        "ideal": needs.seconds,
    }


def _plain(value: Any) -> Any:
    return dict(value) if hasattr(value, "items") else value
