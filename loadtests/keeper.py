"""Child process that owns a temporary directory and removes it when its parent is gone.

Run as ``python -P keeper.py PROGRAM...``. It prints the directory, waits for a byte or the end of
its standard input, ends every process of these programs that has the directory in its command line,
and removes the directory. A parent that is killed closes the pipe too: nothing survives it.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil

PREFIX = "pgpool-"
LONGEST = 80
"""A unix socket's path has room for 103 bytes; this leaves some for the name of the socket."""
PATIENCE = 5.0
"""Seconds that a process gets to end by itself."""


def make_directory() -> str:
    base = os.path.realpath(tempfile.gettempdir())
    if len(os.fsencode(base)) + len(PREFIX) + 9 > LONGEST:
        base = "/tmp"
    return tempfile.mkdtemp(prefix=PREFIX, dir=base)


def processes(directory: str, programs: set[str]) -> list[psutil.Process]:
    """The running processes of ``programs`` that were given ``directory``."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            command = process.cmdline()
            if programs.isdisjoint(Path(part).name for part in command[:3]):
                continue
            if any(directory in part for part in command):
                found.append(process)
    return found


def end_processes(directory: str, programs: set[str]) -> None:
    """SIGQUIT is the immediate, orderly end for PostgreSQL and gunicorn alike.

    It is sent again and again: a worker that has just been forked may lose the first one.
    """
    for signum in (signal.SIGQUIT, signal.SIGKILL):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and (running := processes(directory, programs)):
            for process in running:
                with suppress(psutil.Error):
                    process.send_signal(signum)
            time.sleep(0.05)


def remove(directory: str) -> None:
    """Again and again for a second: a process that is just ending may still write."""
    for _ in range(20):
        shutil.rmtree(directory, ignore_errors=True)
        if not Path(directory).exists():
            return
        time.sleep(0.05)


def main() -> None:
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    try:
        directory = make_directory()
    except OSError as error:
        sys.exit(
            f"cannot make a temporary directory: {error.strerror}; set TMPDIR to a writable one"
        )
    with suppress(BrokenPipeError):
        print(directory, flush=True)
    sys.stdin.buffer.read(1)
    end_processes(directory, set(sys.argv[1:]))
    remove(directory)


if __name__ == "__main__":
    main()
