"""What a reader has to know of the machine: nothing that names it."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import Any

import django_pgpool

PACKAGES = ("Django", "gevent", "psycopg2-binary", "psycogreen")


def machine() -> dict[str, Any]:
    """Processors, and how busy they are before the run."""
    return {
        "cpus": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 1),
        "system": platform.system(),
        "architecture": platform.machine(),
    }


def versions(server: str) -> dict[str, str]:
    """Of all that takes part; ``server``: that of PostgreSQL."""
    return {
        "django_pgpool": django_pgpool.__version__,
        "Python": platform.python_version(),
        "PostgreSQL": server,
        **{package: version(package) for package in PACKAGES},
    }
