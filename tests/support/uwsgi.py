"""A site of a few lines under uWSGI, on a unix socket."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .served import Site, served


@contextmanager
def site_under_uwsgi(
    directory: Path, code: str, *options: str, conf: str, **env: str
) -> Iterator[Site]:
    """It runs for the length of the block. ``code`` makes ``application``."""
    (directory / "uwsgi.ini").write_text(conf)
    uwsgi = Path(sys.executable).with_name("uwsgi")
    command = [str(uwsgi), "--ini", "uwsgi.ini", "--http-socket", f"{directory}/socket", *options]
    with served(directory, code, command, env, "spawned uWSGI worker") as site:
        yield site
