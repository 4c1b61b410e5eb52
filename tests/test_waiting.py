"""How openings wait: by way of the hub only for what the server has to say."""

from contextlib import closing

import gevent
import pytest
from support.driver import only_psycopg2


@only_psycopg2("psycopg asks libpq before it waits")
def test_an_opening_does_not_queue_in_the_hub_to_write(alias, monkeypatch):
    def wait_write(descriptor, timeout=None):
        raise AssertionError("there was room to write")

    for module in ("django_pgpool.drivers.waiting", "psycogreen.gevent"):
        monkeypatch.setattr(f"{module}.wait_write", wait_write)
    assert alias.ask("SELECT 1") == 1


class Scripted:
    """A connection whose ``poll()`` returns what it is told to."""

    status = 0

    def __init__(self, descriptor, *states):
        self._descriptor = descriptor
        self._states = iter(states)

    def fileno(self):
        return self._descriptor

    def poll(self):
        return next(self._states)


@only_psycopg2("psycopg has no wait callback")
def test_an_opening_waits_for_room_to_write():
    from psycopg2.extensions import POLL_OK, POLL_WRITE

    from django_pgpool.drivers.waiting import wait

    ours, theirs = gevent.socket.socketpair()
    with closing(ours), closing(theirs):
        ours.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                ours._sock.send(bytes(65536))
        opening = gevent.spawn(wait, Scripted(ours.fileno(), POLL_WRITE, POLL_OK))
        gevent.sleep(0)
        gevent.sleep(0)
        assert not opening.dead
        while len(theirs.recv(65536)) == 65536 and not opening.dead:
            gevent.sleep(0)
        opening.get(timeout=5)


@only_psycopg2("psycopg has no wait callback")
def test_an_answer_of_poll_that_nobody_knows_is_an_error():
    import psycopg2

    from django_pgpool.drivers.waiting import wait

    with pytest.raises(psycopg2.OperationalError, match=r"poll\(\) returned 3"):
        wait(Scripted(0, 3))
