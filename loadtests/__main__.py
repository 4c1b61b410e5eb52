"""``python -m loadtests``."""

from .start import start

if __name__ == "__main__":
    start("loadtests.cli")
