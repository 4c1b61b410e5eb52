"""pop and append: what the free pool does."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from gevent import get_hub, getcurrent

Open = Callable[[], Any]


class FreePool:
    """A caller who finds nothing idle opens a connection; at ``maxsize`` it queues, and gets one
    straight from a holder who releases it, first come, first served."""

    def __init__(self, maxsize: int) -> None:
        self._maxsize = maxsize
        self._size = 0
        self._idle: list[Any] = []
        self._waiting: deque[Any] = deque()

    def acquire(self, opens: Open) -> Any:
        """A connection; ``opens`` makes a new one."""
        if self._idle:
            return self._idle.pop()
        if self._size < self._maxsize:
            return self._opened(opens)
        self._waiting.append(getcurrent())
        return get_hub().switch()

    def release(self, connection: Any) -> None:
        """Give ``connection`` back; never switches."""
        if self._waiting:
            get_hub().loop.run_callback(self._waiting.popleft().switch, connection)
        else:
            self._idle.append(connection)

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._end(self._idle.pop())

    def _opened(self, opens: Open) -> Any:
        self._size += 1
        try:
            return opens()
        except BaseException:
            self._size -= 1
            raise

    def _end(self, connection: Any) -> None:
        self._size -= 1
        connection.close()


class ExactLifo(FreePool):
    """A connection that has been idle for ``idle`` seconds is closed at that very moment."""

    def __init__(self, maxsize: int, idle: float) -> None:
        super().__init__(maxsize)
        self._seconds = idle
        self._timers: dict[Any, Any] = {}

    def acquire(self, opens: Open) -> Any:
        connection = super().acquire(opens)
        if timer := self._timers.pop(connection, None):
            timer.close()
        return connection

    def release(self, connection: Any) -> None:
        if not self._waiting:
            timer = self._timers[connection] = get_hub().loop.timer(self._seconds)
            timer.start(self._expire, connection)
        super().release(connection)

    def close(self) -> None:
        while self._timers:
            self._timers.popitem()[1].close()
        super().close()

    def _expire(self, connection: Any) -> None:
        self._timers.pop(connection).close()
        self._idle.remove(connection)
        self._end(connection)
