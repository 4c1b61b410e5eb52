"""What a run of the load tests leaves: its report, and nothing else."""

from __future__ import annotations

import json

import psutil

from loadtests.report.reading import problem


def assert_nothing_left(directory):
    """No file, and no process that names the directory for temporary files."""
    assert list(directory.iterdir()) == []
    for process in psutil.process_iter(["cmdline"]):
        assert not any(str(directory) in part for part in process.info["cmdline"] or [])


def read(directory):
    """The data of the only report there is."""
    (path,) = directory.glob("*.json")
    assert path.with_suffix(".html").exists()
    assert len(list(directory.iterdir())) == 2
    data = json.loads(path.read_text())
    assert problem(data) is None
    return data
