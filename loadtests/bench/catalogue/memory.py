"""What a waiter and a slot take."""

from __future__ import annotations

from .subject import Effort, Metric, Section, Subject

SECTION = Section(
    "memory",
    "memory of one waiter and of one slot",
    "the greenlet that sleeps",
    (
        Subject(
            "memory",
            "memory",
            (
                Metric("slot", "a slot, its connection excluded: objects of the pool", "bytes"),
                Metric("waiter", "a greenlet that waits, beyond one that sleeps: objects", "bytes"),
                Metric("parked", "a greenlet that waits, in all", "bytes", "memory.floor"),
                Metric("floor", "a greenlet that sleeps, in all", "bytes"),
            ),
            "objects: by tracemalloc; in all: by what the process grows (RSS); means of 2,000",
        ),
    ),
    Effort(3, 0),
    Effort(1, 0),
)
