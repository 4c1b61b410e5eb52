"""Whether an operation costs the same at any size."""

from __future__ import annotations

from ...engines import MAXSIZE, OWN
from .pools import TIMED, TIMED_ABOUT
from .subject import Metric, Section, Subject, Target

WAITING = (10, 100, 1_000, 10_000)
SIZES = (10, 100, 1_000)
PER_CONNECTION = 10
"""Greenlets, where the size varies."""
IDLE = (1, 100, 1_000)
FLAT = Target(1.5, ratio=True)
FLOOR, FLOOR_ABOUT = "floor", "two gevent.sleep(0), as many switches as an operation takes; no pool"

Crowds = dict[str, tuple[int, int]]


def _curve(name: str, pool: str | None, about: str, crowds: Crowds, what: str) -> Subject:
    first, *_, last = crowds
    own = pool == OWN
    metrics = tuple(
        Metric(
            key,
            f"{name}: {int(key):,} {what}",
            "us CPU",
            f"{name}.{first}",
            (FLAT,) if own and key == last else (),
        )
        for key in crowds
    )
    return Subject(name, "crowds", metrics, about, parameters={"pool": pool, "crowds": crowds})


def _curves(crowds: Crowds, what: str) -> tuple[Subject, ...]:
    return (
        _curve(OWN, OWN, "default options", crowds, what),
        _curve(TIMED, "timed", TIMED_ABOUT, crowds, what),
        _curve(FLOOR, None, FLOOR_ABOUT, crowds, what),
    )


WAITERS_SECTION = Section(
    "waiters",
    f"greenlets that wait for {MAXSIZE} fake connections, each held for one gevent.sleep(0)",
    "the fewest",
    _curves({str(count): (MAXSIZE, MAXSIZE + count) for count in WAITING}, "waiters"),
)
SIZES_SECTION = Section(
    "sizes",
    f"{PER_CONNECTION} greenlets for each of so many fake connections",
    "the smallest",
    _curves({str(size): (size, PER_CONNECTION * size) for size in SIZES}, "connections"),
)


def _by_idle(key: str, label: str) -> tuple[Metric, ...]:
    return tuple(
        Metric(f"{key} {count}", f"{label}, {count:,} idle", base=f"idle.{key} {IDLE[0]}")
        for count in IDLE
    )


IDLE_SECTION = Section(
    "idle",
    "what is done to a pool with idle slots, fake connections, one greenlet",
    "the fewest",
    (
        Subject(
            "idle",
            "idle",
            (
                *_by_idle("pair", "acquire + release"),
                *_by_idle("pass", "a pass of the reaper, nothing due"),
                *_by_idle("open", "an opening"),
            ),
            "default options",
            parameters={"counts": IDLE},
        ),
    ),
)
