"""When a signal acts, and when it waits."""

from __future__ import annotations

import signal

import pytest

from loadtests.interrupts import Interrupts


def test_a_postponed_signal_is_remembered_and_acts_when_it_may():
    with Interrupts() as interrupts:
        interrupts.postpone()
        signal.raise_signal(signal.SIGTERM)
        assert interrupts.signum == signal.SIGTERM
        with pytest.raises(KeyboardInterrupt):
            interrupts.resume()


def test_after_resuming_a_signal_acts_at_once():
    with Interrupts() as interrupts:
        interrupts.postpone()
        interrupts.resume()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
