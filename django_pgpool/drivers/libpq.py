"""Functions of libpq that a driver does not pass on, or only in a way that blocks."""

from __future__ import annotations

import ctypes
from importlib import import_module
from typing import Any

from .dbapi import is_psycopg3

POINTER, INT, TEXT = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p


def libpq(functions: dict[str, tuple[Any, list[Any]]]) -> ctypes.CDLL | None:
    """The libpq that the driver itself uses, with these functions: name, result and arguments. None
    where it lacks one of them."""
    library = ctypes.CDLL(_path())
    try:
        for name, (result, arguments) in functions.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except AttributeError:
        return None
    return library


def _path() -> str:
    """Of a library that is linked with it."""
    if not is_psycopg3:
        import psycopg2

        return psycopg2._psycopg.__file__
    from psycopg import pq

    if pq.__impl__ == "python":
        library: Any = import_module("psycopg.pq._pq_ctypes")
        return str(library.pq._name)
    return str(import_module(pq.PGconn.__module__).__file__)
