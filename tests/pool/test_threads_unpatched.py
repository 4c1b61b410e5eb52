"""Runs the tests marked ``threads`` where gevent has patched nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from django_pgpool.pool.runtime import gevent_has_patched

HERE = Path(__file__).parent


@pytest.mark.skipif(not gevent_has_patched(), reason="they run in this very process")
@pytest.mark.parametrize(
    "selected", ["threads and not long", pytest.param("threads and long", marks=pytest.mark.long)]
)
def test_the_pool_works_in_plain_threads_without_gevent(selected: str) -> None:
    pytest_alone = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*pytest_alone, "-m", selected, "--confcutdir", str(HERE), str(HERE)],
        cwd=HERE.parent.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
