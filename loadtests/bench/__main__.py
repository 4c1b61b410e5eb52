"""``python -m loadtests.bench``."""

from ..start import start

if __name__ == "__main__":
    start("loadtests.bench.cli")
