"""Handling the errors of drivers."""

from __future__ import annotations

import copy


def forget_frames(error: BaseException | None) -> None:
    """A traceback would keep a half-made connection, and its socket, alive."""
    while error is not None:
        error.__traceback__ = error.__context__ = None
        error = error.__cause__


def fresh(error: BaseException | None) -> BaseException:
    """A copy to raise: one exception raised by several callers would mix up their tracebacks."""
    if error is None:
        raise AssertionError("waiters fail for a reason")
    try:
        return copy.copy(error)
    except Exception:  # noqa: BLE001  whatever its class does when it is copied
        return error


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
