"""How many connections the visitors of this process need."""

from __future__ import annotations

import time


class Needs:
    """How many visitors want or use a connection: the ideal is to have exactly as many."""

    def __init__(self) -> None:
        self.limit = 0
        """As many as the engine may have."""
        self._wanted = 0
        self._seconds = 0.0
        self._changed = time.monotonic()

    def change(self, by: int) -> None:
        """So many more, or fewer."""
        now = time.monotonic()
        self._seconds += self.now * (now - self._changed)
        self._changed = now
        self._wanted += by

    @property
    def now(self) -> int:
        """Connections needed at this moment."""
        return min(self.limit, self._wanted)

    @property
    def seconds(self) -> float:
        """Connection-seconds needed so far."""
        self.change(0)
        return self._seconds


needs = Needs()
"""Of this process."""
