"""The pool itself. It knows gevent and the standard library: no ORM, no settings, no driver."""

from .driver import Driver
from .events import Event, Level, Observer, Reason
from .pool import Pool
from .slot import Slot, State
from .stats import Snapshot

__all__ = ["Driver", "Event", "Level", "Observer", "Pool", "Reason", "Slot", "Snapshot", "State"]
