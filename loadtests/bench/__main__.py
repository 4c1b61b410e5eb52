"""``python -m loadtests.bench``."""

from __future__ import annotations

import sys


def main() -> int:
    """Exit code of the command line; 2 if a package that it needs is missing."""
    try:
        from .cli import main as command_line
    except ModuleNotFoundError as error:
        print(
            f"error: the Python package {error.name} is missing: "
            "pip install 'django_pgpool[loadtests]'",
            file=sys.stderr,
        )
        return 2
    return command_line()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # while the modules were still being loaded
        sys.exit(130)
