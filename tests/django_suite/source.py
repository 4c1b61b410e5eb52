"""Django's source distribution, which unlike the wheel has its tests."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from loadtests.errors import LoadTestError

CACHE = Path(__file__).parents[2] / "build" / "django-suite"
"""Ignored by git."""


def tests_of(version: str) -> Path:
    """The directory of Django's tests of this version; from the package index the first time.

    Raises LoadTestError if it cannot be had.
    """
    kept = CACHE / f"django-{version}"
    if not kept.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as directory:
            _download(version, Path(directory))
            _unpack(Path(directory)).rename(kept)
    return kept / "tests"


def _download(version: str, directory: Path) -> None:
    # Only for Django itself: what builds it may come as a wheel.
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--no-binary", "Django", "--dest", str(directory), f"Django=={version}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["pip gave no reason"]
        raise LoadTestError(f"the source of Django {version} could not be downloaded: {said[-1]}")


def _unpack(directory: Path) -> Path:
    (archive,) = directory.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(directory, filter="data")
    (unpacked,) = (path for path in directory.iterdir() if path.is_dir())
    return unpacked
