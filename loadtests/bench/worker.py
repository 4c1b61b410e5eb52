"""The process in which one subject is measured: ``python -m loadtests.bench.worker``.

A line of JSON on its standard input says what to set up, each further one asks for a round. Each is
answered with a line of JSON. It ends with its input.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

ERROR = "error"
"""Key of the answer that tells of a failure."""


def answer(act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What ``act`` returns, or what it failed with."""
    try:
        return act()
    except Exception as error:  # noqa: BLE001  to be reported by the parent
        return {ERROR: type(error).__name__, "message": " ".join(str(error).split())}


def main() -> None:
    from gevent import monkey

    monkey.patch_all()
    output, sys.stdout = sys.stdout, sys.stderr  # nobody else writes between the answers
    measure: Callable[..., dict[str, Any]] | None = None

    def set_up(**specification: Any) -> dict[str, Any]:
        nonlocal measure
        from .measures import prepare

        measure = prepare(**specification)
        return {}

    for line in iter(sys.stdin.readline, ""):
        act = measure or set_up
        order = json.loads(line)
        print(json.dumps(answer(lambda: act(**order))), file=output, flush=True)  # noqa: B023


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(1)
