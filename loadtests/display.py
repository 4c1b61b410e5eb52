"""What the terminal shows while a run goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from .recorder import Latencies
from .report.numbers import milliseconds, number
from .watcher import Sample

if TYPE_CHECKING:
    from .run import Run

REFRESH = 0.5
"""Seconds between two pictures."""
WINDOW = 3
"""Seconds over which throughput and p99 are taken."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a run."""

    elapsed: float
    total: float
    phase: str
    maxsize: int
    sample: Sample | None
    offered: float
    """Requests per second, over the last WINDOW seconds."""
    throughput: float
    p99: float | None
    """Seconds; of the last WINDOW seconds."""
    errors: int
    """Since the start."""
    acquires: int
    openings: int
    evictions: int

    @classmethod
    def of(cls, run: Run, elapsed: float, pool: dict[str, Any]) -> Frame:
        """The picture of ``run`` after ``elapsed`` seconds."""
        recent = run.recorder.seconds[max(0, int(elapsed) - WINDOW) : int(elapsed)]
        latencies = Latencies()
        for tally in recent:
            latencies.merge(tally.latencies)
        span = max(1, len(recent))
        return cls(
            elapsed=elapsed,
            total=run.scenario.seconds,
            phase=run.scenario.phase_at(elapsed).name,
            maxsize=run.scenario.pool.maxsize,
            sample=run.samples[-1] if run.samples else None,
            offered=sum(tally.offered for tally in recent) / span,
            throughput=sum(tally.completed for tally in recent) / span,
            p99=latencies.percentiles()["p99"],
            errors=sum(tally.errors.total() for tally in run.recorder.phases.values()),
            acquires=pool.get("acquires", 0),
            openings=pool.get("openings", 0),
            evictions=sum(pool.get("evictions", {}).values()),
        )


class Display(Protocol):
    """Shows a run while its ``with`` block lasts."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: object) -> None: ...

    def say(self, text: str) -> None:
        """One line about what happens now."""

    def show(self, frame: Frame) -> None:
        """The run, every REFRESH seconds."""


class PlainDisplay:
    """One line per second, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def say(self, text: str) -> None:
        """One line about what happens now."""
        self._line(text)

    def show(self, frame: Frame) -> None:
        """A line, if the last one is a second old."""
        pool = frame.sample
        if pool is None or frame.elapsed < self._next:
            return
        self._next = int(frame.elapsed) + 1
        self._line(
            f"{frame.elapsed:3.0f}s {frame.phase:<8} size {pool.size:2} in use {pool.in_use:2} "
            f"idle {pool.idle:2} opening {pool.opening:2} waiting {pool.waiting:3} "
            f"server {number(pool.server):>2}  {frame.throughput:4.0f}/s "
            f"p99 {milliseconds(frame.p99):>9} errors {frame.errors}"
        )

    def _line(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class LiveDisplay:
    """A table that is drawn again and again in place."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.stop()

    def say(self, text: str) -> None:
        """Shown until the next picture."""
        self._live.update(Text(text, style="dim"), refresh=True)

    def show(self, frame: Frame) -> None:
        """Draw the table."""
        self._live.update(_picture(frame), refresh=True)


def _picture(frame: Frame) -> Group:
    head = Table.grid(padding=(0, 2))
    head.add_row(
        Text(f"{frame.phase:<8}", style="bold"),
        ProgressBar(total=frame.total, completed=min(frame.elapsed, frame.total), width=40),
        f"{frame.elapsed:.0f} of {frame.total:.0f} s",
    )
    return Group(head, Text(), *([_pool(frame)] if frame.sample else []), _traffic(frame))


def _pool(frame: Frame) -> Table:
    sample = frame.sample
    assert sample is not None
    rows = {
        "in use": (sample.in_use, "blue"),
        "idle": (sample.idle, "green"),
        "opening": (sample.opening, "yellow"),
        "closing": (sample.closing, "magenta"),
        "size": (sample.size, "bold"),
        "waiting": (sample.waiting, "red"),
    }
    table = Table.grid(padding=(0, 2))
    for name, (count, style) in rows.items():
        bar = Text("█" * min(count, 50), style=style)
        limit = f"of {frame.maxsize}" if name == "size" else ""
        table.add_row(f"{name:<10}", f"{count:>4}", f"{limit:<8}", bar)
    table.add_row("server", f"{number(sample.server):>4}", "", "counted by PostgreSQL")
    return table


def _traffic(frame: Frame) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_row()
    table.add_row("offered", f"{frame.offered:8.0f}/s", "acquires", f"{frame.acquires:7}")
    table.add_row("throughput", f"{frame.throughput:8.0f}/s", "openings", f"{frame.openings:7}")
    table.add_row("p99", f"{milliseconds(frame.p99):>10}", "evictions", f"{frame.evictions:7}")
    errors = Text(f"{frame.errors:8}", style="bold red" if frame.errors else "")
    table.add_row("errors", errors)
    return table
