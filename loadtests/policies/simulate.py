"""One trace, one policy, one cost of an opening: what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random

from ..virtual_time import Simulation
from .policies import Site, Subject
from .server import Connect, Server
from .traces import Request, Trace

GRACE = 1.0
"""Seconds after ``cleanup`` in which the last connections have to be closed."""
_STEP = 0.1
"""Seconds between looks whether all requests have ended."""
_STUCK = 600.0
"""Seconds after the last arrival in which all requests must have ended, if the policy is sound."""


class Virtual(Simulation):
    """An error, or Ctrl-C, ends the run: nothing here may fail."""

    fatal = (Exception, KeyboardInterrupt)


@dataclass(slots=True)
class Outcome:
    """Numbers of a run, or of several added up. Durations are seconds."""

    waits: dict[str, list[float]] = field(default_factory=dict)
    """How long each request waited for its connection, by phase."""
    held: float = 0.0
    """Connection-seconds."""
    needed: float = 0.0
    openings: int = 0
    left: int = 0
    """The most connections that were left ``cleanup`` and GRACE after the last request."""
    most: int = 0
    """The most connections at one moment."""

    def add(self, other: Outcome) -> None:
        for phase, waits in other.waits.items():
            self.waits.setdefault(phase, []).extend(waits)
        self.held += other.held
        self.needed += other.needed
        self.openings += other.openings
        self.left = max(self.left, other.left)
        self.most = max(self.most, other.most)


def needed(requests: Sequence[Request]) -> float:
    """The connection-seconds that no pool can do without.

    At each moment the requests that are there need one connection each, up to maxsize. With
    connections that cost nothing, just as many would be in use, so this adds up to the use times,
    whatever maxsize is.
    """
    return sum(request.use for request in requests)


def simulate(
    trace: Trace, build: Callable[[Site], Subject], connect: Connect, seed: int
) -> Outcome:
    """Run the requests of ``trace`` until the last has ended and idle connections are closed."""
    requests = trace.requests(seed)
    simulation = Virtual()
    server = Server(simulation, connect)
    site = Site(simulation, server, trace.maxsize, trace.cleanup, Random(seed))
    subject = build(site)
    outcome = Outcome(needed=needed(requests))
    unfinished = len(requests)
    ended = start = simulation.now

    def work(request: Request) -> None:
        nonlocal unfinished, ended
        began = simulation.now
        held = subject.acquire()
        outcome.waits.setdefault(request.phase, []).append(simulation.now - began)
        simulation.sleep(request.use)
        subject.release(held)
        unfinished -= 1
        ended = simulation.now

    def arrive(request: Request) -> None:
        simulation.go(work, request)

    for request in requests:
        simulation.at(start + request.at, partial(arrive, request))
    while unfinished:
        simulation.advance(_STEP)
        if simulation.now > start + requests[-1].at + _STUCK:
            raise AssertionError(f"{unfinished} requests of {trace.name!r} are never served")
    simulation.advance(ended + trace.cleanup + GRACE - simulation.now)
    outcome.held, outcome.openings = server.held(), server.openings
    outcome.left, outcome.most = server.now, server.most
    simulation.end()
    return outcome
