"""How far the run is: a bar on a terminal, lines elsewhere. On standard error."""

from __future__ import annotations

from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


class Bar:
    """For the length of a ``with`` block; ``steps`` rounds of subjects in all."""

    def __init__(self, rounds: int, subjects: int) -> None:
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
        self._rounds, self._subjects = rounds, subjects
        self._round = -1
        self._task = self._progress.add_task("starting", total=rounds * subjects)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def tell(self, what: str) -> None:
        """What is being done before the rounds."""
        self._progress.update(self._task, description=what)
        self._line(what)

    def round(self, number: int, name: str) -> None:
        """Round ``number`` of the subject ``name`` begins."""
        if number != self._round:
            self._round = number
            self._line(f"round {number + 1} of {self._rounds}")
        self._progress.update(self._task, description=name, advance=1)

    def _line(self, text: str) -> None:
        if self._progress.disable:
            self._console.print(text, markup=False, highlight=False)
