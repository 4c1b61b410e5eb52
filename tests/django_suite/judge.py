"""Runs each label with both engines, and says how far it is."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from .run import Run, run_tests
from .servers import Server, Servers, app_of

ENGINES = ("django.db.backends.postgresql", "django_pgpool")
"""Django's own, and ours."""
GEO_ENGINES = ("django.contrib.gis.db.backends.postgis", "django_pgpool.postgis")
GEO_LABEL = "gis_tests"


class Judge:
    def __init__(self, tests: Path, servers: Servers, logs: Path, console: Console) -> None:
        self._tests, self._servers, self._logs, self._console = tests, servers, logs, console
        self.stock: dict[str, Run] = {}
        self.pooled: dict[str, Run] = {}
        """By label."""
        self.not_run: dict[str, set[str]] = {}
        """Labels, and the extensions that they would have needed."""
        self.broken: list[str] = []
        """Runs that did not come to their end."""
        logs.mkdir(parents=True, exist_ok=True)

    def run(self, label: str) -> None:
        server = self._servers.for_label(label)
        if missing := server.lacks(label):
            self.not_run[label] = missing
            return
        self._console.print(f"{label} on {server.name}")
        engines = GEO_ENGINES if app_of(label) == GEO_LABEL else ENGINES
        for engine, runs in zip(engines, (self.stock, self.pooled), strict=True):
            runs[label] = self._run(label, engine, server)

    def _run(self, label: str, engine: str, server: Server) -> Run:
        log = self._logs / f"{label}-{engine}.log"
        with self._console.status(f"{engine} ...") as status:
            run = run_tests(
                self._tests,
                label,
                server.databases(engine),
                log,
                lambda run: status.update(f"{engine}: {len(run.outcomes)} of {run.total}"),
            )
        self._console.print(
            f"    {engine:<40}{len(run.outcomes):>6} tests{len(run.failures):>6} failed"
            f"{run.seconds:>6.0f} s",
        )
        reason = _what_broke(run)
        if reason:
            self.broken.append(f"{label} with {engine} {reason}; see {log}")
        server.sweep()
        return run


def _what_broke(run: Run) -> str | None:
    """Why these outcomes are no ground for a verdict, if they are not."""
    if not run.finished:
        return f"did not come to its end; last test: {run.last or 'none'}"
    if run.exit_code not in (0, 1):  # 1: tests have failed
        return f"ended its tests, but not well: exit code {run.exit_code}"
    if any(test.startswith("unittest.loader.") for test in run.failures):
        return "has tests that cannot be imported"
    return None if run.outcomes else "has no tests"
