"""What the terminal shows while a run goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from .report.numbers import milliseconds, number
from .watcher import Sample, Watcher

if TYPE_CHECKING:
    from .front import RunningLoad
    from .run import Run

REFRESH = 0.5
"""Seconds between two pictures."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a run."""

    elapsed: float
    total: float
    phase: str
    maxsize: int
    sample: Sample | None
    offered: float
    """Requests per second, of the last seconds."""
    throughput: float
    p99: float | None
    """In seconds; of the last seconds."""
    errors: int
    """Since the start."""
    acquires: int
    openings: int
    evictions: int

    @classmethod
    def of(cls, run: Run, load: RunningLoad, watcher: Watcher) -> Frame:
        """The picture of ``run`` at this moment."""
        elapsed, recent = load.elapsed, load.recent()
        pool = watcher.last.pool if watcher.last else {}
        return cls(
            elapsed=elapsed,
            total=run.scenario.seconds,
            phase=run.scenario.phase_at(elapsed).name,
            maxsize=run.scenario.common.limit,
            sample=watcher.newest,
            offered=recent["offered"],
            throughput=recent["throughput"],
            p99=recent["p99"],
            errors=recent["errors"],
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
            f"{frame.elapsed:3.0f}s {frame.phase:<8} size {number(pool.size):>2} "
            f"in use {number(pool.in_use):>2} idle {number(pool.idle):>2} "
            f"opening {number(pool.opening):>2} waiting {number(pool.waiting):>3} "
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
        bar = Text("█" * min(count or 0, 50), style=style)
        limit = f"of {frame.maxsize}" if name == "size" else ""
        table.add_row(f"{name:<10}", f"{number(count):>4}", f"{limit:<8}", bar)
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
