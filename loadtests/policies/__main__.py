"""``python -m loadtests.policies``."""

from ..start import start

if __name__ == "__main__":
    start("loadtests.policies.cli")
