"""One scenario in a process of its own: ``python -m tests.chaos.child NAME SEED QUICK RESULT``."""
# ruff: noqa: E402  the patching and the path come first

from gevent import monkey

monkey.patch_all()

import os
import sys
import traceback
from importlib import import_module
from pathlib import Path
from random import Random

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent)]
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
os.environ.pop("PGPOOL_TEST_DSN", None)

import django

django.setup()

import gevent
import structlog

from .catalog import CATALOG
from .outcome import Outcome, Run


def _silence(logger: object, method: str, event: dict[str, object]) -> dict[str, object]:
    raise structlog.DropEvent


def main(name: str, seed: str, quick: str, result: str) -> None:
    """Run it, and write what came of it to the file ``result``."""
    gevent.get_hub().NOT_ERROR = (*gevent.get_hub().NOT_ERROR, Exception)  # greenlets may die here
    structlog.configure(processors=[_silence])
    module, function = CATALOG[name].function.split(".")
    outcome = Outcome()
    run = Run(quick == "quick", int(seed), Random(int(seed)), outcome)
    try:
        getattr(import_module(f"tests.chaos.{module}"), function)(run)
    except Exception as error:
        traceback.print_exc()
        outcome.broken.append(f"{type(error).__name__}: {error}")
    outcome.write(Path(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
