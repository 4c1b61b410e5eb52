"""Which sections a run measures, and how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import LoadTestError
from .catalogue import SECTIONS
from .catalogue.subject import Effort, Section, Subject

NAMES = ", ".join(section.name for section in SECTIONS)


@dataclass(frozen=True, slots=True)
class Part:
    """What a run measures of ``section``."""

    section: Section
    subjects: tuple[Subject, ...]
    effort: Effort

    @property
    def steps(self) -> int:
        return self.effort.rounds * len(self.subjects)


def plan(
    only: Sequence[str] = (), *, quick: bool = False, rounds: int | None = None, peers: bool = True
) -> list[Part]:
    """The parts of a run, of the sections named in ``only``; of all, if none is.

    Raises LoadTestError if there is no such section, or nothing of it in this run.
    """
    for name in only:
        if name not in [section.name for section in SECTIONS]:
            raise LoadTestError(f"--only {name}: there is no such section, only {NAMES}")
    parts = []
    for section in SECTIONS:
        subjects = tuple(subject for subject in section.subjects if peers or not subject.peer)
        effort = section.effort(quick=quick, rounds=rounds)
        if effort and subjects and section.name in (only or (section.name,)):
            parts.append(Part(section, subjects, effort))
    if not parts:
        raise LoadTestError(f"--only {' '.join(only)}: not in a quick run; leave --quick out")
    return parts
