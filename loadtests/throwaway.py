"""A temporary directory that never outlives the process that uses it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .errors import LoadTestError

KEEPER = Path(__file__).with_name("keeper.py")


class ThrowAwayDirectory:
    """A directory with a short path, and the processes that live in it.

    A child process (the keeper) removes the directory and ends the processes of ``programs``
    that carry its path in their command line: at ``remove()``, or when this process is gone,
    whatever killed it.

    Raises LoadTestError if the directory cannot be made.
    """

    def __init__(self, *programs: str) -> None:
        self._keeper = subprocess.Popen(
            [sys.executable, "-P", KEEPER, *programs],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in the terminal is for the parent alone
        )
        assert self._keeper.stdout and self._keeper.stderr
        line = self._keeper.stdout.readline().decode().rstrip("\n")
        if not line:
            reason = self._keeper.stderr.read().decode().strip().splitlines() or ["no reason given"]
            self.remove()
            raise LoadTestError(reason[-1])
        self.path = Path(line)

    def remove(self) -> None:
        """End the processes, remove the directory, and wait until both are done. Idempotent."""
        # A byte and not only the end of the file: a forked child may still hold the pipe open.
        self._keeper.communicate(b"." if self._keeper.returncode is None else None)
