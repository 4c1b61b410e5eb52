"""Wheel and sdist, built as pip builds them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def built(kind: str, directory: Path) -> Path:
    """``kind``: "wheel" or "sdist". The build backend is called by itself: no network, a second."""
    build = f"import sys, hatchling.build as b; print(b.build_{kind}(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", build, directory],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return directory / done.stdout.split()[-1]
