"""Virtual time for the tests of the pool: the schedule is theirs, and they look into it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from greenlet import GreenletExit

from loadtests import virtual_time
from loadtests.virtual_time import SimulatedParker, Task

__all__ = ["Simulation", "Task"]


class Simulation(virtual_time.Simulation):
    """What is ready runs in the order in which it became so or, given ``random``, in an order that
    the seed decides."""

    fatal = (pytest.fail.Exception,)  # the time limit of the test

    def __init__(self, random: Random | None = None) -> None:
        super().__init__()
        self.spawns = 0
        self.switches = 0
        self.checks: list[Callable[[], None]] = []
        """Called after every single switch."""
        self._daemons: list[SimulatedParker] = []
        self._random = random

    def daemon_parker(self) -> SimulatedParker:
        parker = self.parker()
        self._daemons.append(parker)
        return parker

    def spawn(self, work: Callable[[], None], ended: Callable[[], None]) -> None:
        self.spawns += 1
        super().spawn(work, ended)

    def kill(self, task: Task, error: BaseException | None = None) -> None:
        """Throw it into the task when its turn comes, wherever the task is by then."""
        self.ready.append(lambda: self.switch_into(task, error or GreenletExit()))

    def step(self, index: int = 0) -> bool:
        if not self.ready:
            return False
        if self._random is not None:
            index = self._random.randrange(len(self.ready))
        super().step(index % len(self.ready))
        self.switches += 1
        for check in self.checks:
            check()
        return True

    def alive(self) -> list[Task]:
        """What the pool has spawned and what still lives."""
        return [task for task in self.tasks if task.spawned]

    def sleeper(self) -> SimulatedParker | None:
        """Where the reaper sleeps."""
        return next((parker for parker in self._daemons if parker.task is not None), None)

    def end(self) -> None:
        self.checks.clear()
        super().end()
