"""What becomes of a pool in the child of a fork. With real forks: tests/forks."""

from __future__ import annotations

from fakes import HELD

from pool.conftest import Rig


def test_an_opening_that_ends_in_the_child_of_a_fork_leaves_no_session(rig: Rig) -> None:
    """Where the parent had no socket yet, it opens a connection of the child's own."""
    pool = rig.build(maxsize=1)
    rig.driver.script("open", HELD)
    caller = rig.go(pool.acquire)
    rig.settle()
    pool.forget()
    rig.driver.finish("open")
    rig.settle()
    assert (rig.driver.opened, rig.driver.server) == (1, set())
    rig.kill(caller)
