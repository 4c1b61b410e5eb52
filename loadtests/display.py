"""What the terminal shows while a run goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from math import ceil
from typing import TYPE_CHECKING, Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from .report.numbers import counts, milliseconds, number
from .terminal import say
from .watcher import Sample, Watcher

if TYPE_CHECKING:
    from .front import RunningLoad
    from .run import Run

REFRESH = 0.5
"""Seconds between two pictures."""
WIDE = 40
"""Characters of the bars."""
NAMED = 8
"""More phases than these are not all named."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a run."""

    elapsed: float
    total: float
    phases: tuple[str, ...]
    phase: int
    """Position of the present one."""
    maxsize: int
    """Of all workers together."""
    sample: Sample | None
    offered: float
    """Requests per second, of the last seconds."""
    throughput: float
    p99: float | None
    """In seconds; of the last seconds."""
    errors: Mapping[str, int]
    """By kind, since the start."""
    events: tuple[str, ...]
    """What the scenario has done, each with its time."""

    @classmethod
    def of(cls, run: Run, load: RunningLoad, watcher: Watcher) -> Frame:
        """The picture of ``run`` at this moment."""
        elapsed, recent, scenario = load.elapsed, load.recent(), run.scenario
        ends = accumulate(phase.seconds for phase in scenario.plan.phases)
        passed = sum(end <= elapsed for end in ends)
        return cls(
            elapsed=elapsed,
            total=scenario.seconds,
            phases=tuple(phase.name for phase in scenario.plan.phases),
            phase=min(passed, len(scenario.plan.phases) - 1),
            maxsize=scenario.common.limit,
            sample=watcher.newest,
            offered=recent["offered"],
            throughput=recent["throughput"],
            p99=recent["p99"],
            errors=recent["errors"],
            events=tuple(f"{event['at']:.1f} s {event['name']}" for event in run.events),
        )


class Display(Protocol):
    """Shows a run while its ``with`` block lasts."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: object) -> None: ...

    def say(self, text: str) -> None:
        """One line about what happens now."""

    def show(self, frame: Frame) -> None:
        """The run, every REFRESH seconds."""


class Silent:
    """Shows nothing: a series of runs says by itself how far it is."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def say(self, text: str) -> None:
        """Nothing."""

    def show(self, frame: Frame) -> None:
        """Nothing."""


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
            f"{int(frame.elapsed):3}s {frame.phases[frame.phase]:<8} size {number(pool.size):>2} "
            f"in use {number(pool.in_use):>2} idle {number(pool.idle):>2} "
            f"opening {number(pool.opening):>2} waiting {number(pool.waiting):>3} "
            f"server {number(pool.server):>2}  {frame.throughput:4.0f}/s "
            f"p99 {milliseconds(frame.p99):>9} errors {counts(frame.errors)}"
        )

    def _line(self, text: str) -> None:
        say(self._console, text)


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
    progress = Table.grid(padding=(0, 2))
    progress.add_row(
        ProgressBar(total=frame.total, completed=min(frame.elapsed, frame.total), width=WIDE),
        f"{frame.elapsed:.0f} of {frame.total:.0f} s",
    )
    return Group(_phases(frame), progress, Text(), _connections(frame), Text(), _traffic(frame))


def _phases(frame: Frame) -> Text:
    """All of them, the present one in bold; in a long run only that one."""
    if len(frame.phases) > NAMED:
        name = frame.phases[frame.phase]
        return Text(f"{name}, phase {frame.phase + 1} of {len(frame.phases)}", style="bold")
    names = (
        Text(name, style="bold" if place == frame.phase else "dim")
        for place, name in enumerate(frame.phases)
    )
    return Text("  ").join(names)


def _connections(frame: Frame) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(min_width=10)
    table.add_column(justify="right", min_width=6)
    sample = frame.sample
    if sample is None:
        return table
    if sample.size is not None:
        rows = {
            "in use": (sample.in_use, "blue"),
            "idle": (sample.idle, "green"),
            "opening": (sample.opening, "yellow"),
            "closing": (sample.closing, "magenta"),
            "waiting": (sample.waiting, "red"),
        }
        one = ceil(max(frame.maxsize, sample.waiting or 0) / WIDE)
        for name, (count, style) in rows.items():
            table.add_row(name, number(count), Text("█" * ceil((count or 0) / one), style=style))
        table.add_row("size", number(sample.size), f"of {frame.maxsize}")
    table.add_row("server", number(sample.server), "connections, counted by PostgreSQL")
    table.add_row("needed", number(sample.needed), "by the requests of this moment")
    return table


def _traffic(frame: Frame) -> Table:
    failed = Text(counts(frame.errors), style="bold red" if frame.errors else "")
    table = Table.grid(padding=(0, 2))
    table.add_column(min_width=10)
    table.add_row("offered", f"{frame.offered:.0f}/s")
    table.add_row("completed", f"{frame.throughput:.0f}/s, p99 {milliseconds(frame.p99)}")
    table.add_row("errors", failed)
    if frame.events:
        table.add_row("events", ", ".join(frame.events[-3:]))
    return table
