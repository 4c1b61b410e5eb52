"""The process in which greenlets run the ORM: ``python -m loadtests.greenlets.worker``.

The first line of its standard input is a Specification as JSON; the answer is a line
``{"ready": versions}``. Further lines:

``go``      begins the load; when it has ended, a line ``{"loaded": true}`` says so
``look``    is answered with ``{"look": ...}``: see ``site.look``, with ``at`` and ``recent``
``stop``    ends what still runs, is answered with ``{"done": ...}``, see ``Recorder.as_dict``, and
            ends the process

The end of its input ends it at once.
"""

from __future__ import annotations

if __name__ == "__main__":  # before anything else is imported
    from gevent import monkey

    monkey.patch_all()

import json
import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import gevent
from gevent.fileobject import FileObject
from gevent.pool import Group

from ..arrivals import Arrival, Phase, arrivals, begun
from ..recorder import KILLED, Outcome, Recorder

PACKAGES = (
    "Django",
    "gevent",
    "psycogreen",
    "psycopg2",
    "psycopg2-binary",
    "psycopg",
    "django-db-geventpool",
    "django-db-connection-pool",
)
"""Those that are there are reported with their versions."""
PATIENCE = 30.0
"""Seconds after the last phase in which the last requests have to end."""


@dataclass(frozen=True, slots=True)
class Specification:
    """What the process has to do."""

    database: dict[str, Any]
    """The DATABASES entry."""
    end: str
    """The method of Django's connection that gives it back at the end of a request."""
    green: bool
    """psycogreen has to be called."""
    limit: int
    """Connections that the engine may have."""
    phases: Sequence[dict[str, Any]]
    mix: Mapping[str, float]
    pages: Mapping[str, Sequence[str]]
    seed: int


class Worker:
    """The load, in the process of the site."""

    def __init__(self, specification: Specification) -> None:
        self._phases = [Phase(**phase) for phase in specification.phases]
        self._seconds = sum(phase.seconds for phase in self._phases)
        self._arrivals = arrivals(
            self._phases, specification.mix, specification.pages, specification.seed
        )
        self._recorder = Recorder(self._seconds)
        self._end = specification.end
        self._requests = Group()
        self._begin = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since the start of the run."""
        return time.monotonic() - self._begin

    def begin(self) -> gevent.Greenlet[..., None]:
        """Begin the load, which runs in the greenlet that is returned."""
        self._begin = time.monotonic()
        return gevent.spawn(self._run)

    def look(self) -> dict[str, Any]:
        """This process now."""
        from ..site.look import look

        at = self.elapsed
        return {**look(), "at": at, "recent": self._recorder.recent(at)}

    def finish(self) -> dict[str, Any]:
        """End what still runs. What was recorded."""
        self._requests.kill(timeout=PATIENCE)
        seconds = self.elapsed
        return self._recorder.as_dict(seconds, begun(self._phases, seconds))

    def _run(self) -> None:
        """Open loop: nothing that the engine does delays an arrival, as long as it yields."""
        for arrival in self._arrivals:
            early = arrival.at - self.elapsed
            if early > 0:
                gevent.sleep(early)
            self._requests.spawn(self._request, arrival)
        gevent.sleep(max(0.0, self._seconds - self.elapsed))
        self._requests.join(timeout=PATIENCE)
        self._requests.kill(timeout=PATIENCE)

    def _request(self, arrival: Arrival) -> None:
        from django.db import connection

        from ..site.visit import Visit

        phase, kind, at = arrival.phase, arrival.kind, arrival.at
        self._recorder.sent(phase, kind, at, self.elapsed - at)
        visit = Visit()
        error: str | None = KILLED if kind == "kill" else "cut off"
        try:
            visit.make(*arrival.path.strip("/").split("/"), end=getattr(connection, self._end))
            error = visit.error
        except gevent.GreenletExit:
            pass
        finally:
            outcome = Outcome(error, visit.wait, visit.use)
            self._recorder.finished(phase, kind, at, self.elapsed, outcome)


def set_up(specification: Specification) -> None:
    """Make this process a site, with the engine of ``specification``."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "loadtests.site.settings"
    os.environ["LOADTEST_DATABASE"] = json.dumps(specification.database)
    if specification.green:
        from psycogreen.gevent import patch_psycopg

        patch_psycopg()
    import django

    django.setup()
    from ..site.needs import needs

    needs.limit = specification.limit


def versions() -> dict[str, str]:
    """Of what this environment has."""
    found = {"Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def main() -> None:
    """Speak with the parent."""
    output = os.dup(sys.stdout.fileno())
    sys.stdout = sys.stderr  # nobody else writes between the answers

    def say(**answer: Any) -> None:
        with open(output, "wb", closefd=False) as file:
            file.write(json.dumps(answer).encode() + b"\n")

    lines = FileObject(sys.stdin.fileno(), "rb", closefd=False)
    specification = Specification(**json.loads(lines.readline()))
    set_up(specification)
    worker = Worker(specification)
    say(ready=versions())
    for line in lines:
        match line.strip():
            case b"go":
                worker.begin().link(lambda _: say(loaded=True))
            case b"look":
                say(look=worker.look())
            case b"stop":
                say(done=worker.finish())
                return
    os._exit(1)  # the parent is gone


if __name__ == "__main__":
    main()
