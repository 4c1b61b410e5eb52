"""How many connections a load needs so that hardly anybody waits: Erlang's formula C.

A. K. Erlang, Solution of some problems in the theory of probabilities of significance in automatic
telephone exchanges, 1917. Callers come at random and wait for as long as it takes.
"""

from __future__ import annotations

from itertools import count


def waiting(connections: int, load: float) -> float:
    """The share of callers who have to wait; ``load``: connections in use on average."""
    if load >= connections:
        return 1.0
    blocked = 1.0
    for number in range(1, connections + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked / (1 - load / connections * (1 - blocked))


def enough(load: float, share: float) -> int:
    """As many connections that at most this share of callers waits."""
    return next(number for number in count(1) if waiting(number, load) <= share)
