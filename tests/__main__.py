"""``python -m tests``: the whole default suite, as two pytest processes at the same time.

Half of the time the suite waits: for servers, for time limits. With arguments it is one pytest as
always: they choose tests, or want to see or to stop one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

HERE = Path(__file__).parent
OTHERS = sorted({str(path.parent) for path in HERE.glob("*/test_*.py")})
"""One half: what has a directory of its own. The other is tried on the server they share."""
HALVES = [[str(HERE), *(f"--ignore={path}" for path in OTHERS)], OTHERS]


def run_halves() -> int:
    """The exit code of the first half that has failed, else 0. Both are shown, one after the other.

    Ctrl-C reaches them as it reaches this process, which waits for their last words.
    """
    with tempfile.TemporaryFile() as kept:
        processes = [
            _start(half, output) for half, output in zip(HALVES, (None, kept), strict=True)
        ]
        codes = [_end_of(process) for process in processes]
        kept.seek(0)
        sys.stdout.flush()
        sys.stdout.buffer.write(kept.read())
    return next((code for code in codes if code), 0)


def _start(half: list[str], output: IO[bytes] | None) -> subprocess.Popen[bytes]:
    colour = "yes" if sys.stdout.isatty() else "auto"
    # Where a report is asked for, each writes one of its own: report.xml and report.other.xml.
    options = os.environ.get("PYTEST_ADDOPTS", "")
    if output is not None:
        options = options.replace(".xml", ".other.xml")
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", f"--color={colour}", *half],
        env={**os.environ, "PYTEST_ADDOPTS": options},
        stdout=output,
        stderr=output and subprocess.STDOUT,
    )


def _end_of(process: subprocess.Popen[bytes]) -> int:
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue  # it got one, too


if __name__ == "__main__":
    if sys.argv[1:]:
        os.execv(sys.executable, [sys.executable, "-m", "pytest", *sys.argv[1:]])
    sys.exit(run_halves())
