"""A site of a few lines under gunicorn with gevent workers, on a unix socket."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .served import Site, served


@contextmanager
def site_under_gunicorn(
    directory: Path, code: str, *options: str, conf: str = "", **env: str
) -> Iterator[Site]:
    """It runs for the length of the block. ``code`` makes ``application``."""
    (directory / "conf.py").write_text(textwrap.dedent(conf))
    command = [sys.executable, "-m", "gunicorn", "-k", "gevent", "--config", "conf.py"]
    command += ["--bind", f"unix:{directory}/socket", "--worker-tmp-dir", str(directory)]
    # A worker that is told to end while it boots does not hear it.
    command += ["--graceful-timeout", "1", *options, "a_site"]
    with served(directory, code, command, env, "Booting worker") as site:
        yield site
