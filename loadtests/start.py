"""How the command lines are started: with a clear word where a package is missing."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import NoReturn


def start(command_line: str) -> NoReturn:
    """Run ``main()`` of that module and exit with its code; 2 if a package is missing."""
    try:
        sys.exit(import_module(command_line).main())
    except ModuleNotFoundError as error:
        print(
            f"error: the Python package {error.name} is missing: "
            "pip install 'django_pgpool[loadtests]'",
            file=sys.stderr,
        )
        sys.exit(2)
    except KeyboardInterrupt:  # while the modules were still being loaded
        sys.exit(130)
