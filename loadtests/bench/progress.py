"""How far the run is: a bar on a terminal, lines elsewhere. On standard error."""

from __future__ import annotations

from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


class Bar:
    """For the length of a ``with`` block; ``steps`` in all."""

    def __init__(self, steps: int) -> None:
        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._stage = ""
        self._task = self._progress.add_task("starting", total=steps)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def tell(self, what: str) -> None:
        """What is being done before the rounds."""
        self._progress.update(self._task, description=what)
        self._line(what)

    def step(self, stage: str, name: str) -> None:
        """``name``, a step of ``stage``, begins."""
        if stage != self._stage:
            self._stage = stage
            self._line(stage)
        self._progress.update(self._task, description=f"{stage}, {name}", advance=1)

    def _line(self, text: str) -> None:
        if self._progress.disable:
            self._console.print(text, markup=False, highlight=False)
