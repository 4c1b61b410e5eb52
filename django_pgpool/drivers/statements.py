"""Whether a statement may leave something in its session, by its text alone.

Whatever is not recognized counts as leaving something. Functions cannot be looked into: one that
changes the session inside a SELECT goes unnoticed, which is what the option ``reset: "always"`` is
for.
"""

from __future__ import annotations

import re
from functools import lru_cache

# fmt: off
_HARMLESS = frozenset((
    "abort", "alter", "analyze", "begin", "checkpoint", "close", "cluster", "comment",
    "commit", "copy", "create", "delete", "drop", "end", "explain", "fetch", "grant",
    "insert", "lock", "merge", "move", "notify", "refresh", "reindex", "release", "revoke",
    "rollback", "savepoint", "security", "select", "show", "start", "table", "truncate",
    "update", "vacuum", "values", "with",
))
# fmt: on
"""First words of statements that leave nothing, but for what _REMAINS finds in them."""

_REMAINS = re.compile(
    r"""
    \b set_config \s* \( (?! [^()]* , \s* true \s* \) )  # for the session, not the transaction
    | advisory_lock                                      # not advisory_xact_lock
    | \b (create | into) \s+ ((global | local | or \s+ replace) \s+)* temp
    | \b pg_temp
    | \b setseed \b | \b dblink_connect
    | \b prepare \s+ transaction
    """,
    re.IGNORECASE | re.VERBOSE,
)
_BEFORE_A_STATEMENT = re.compile(
    # A comment must end, and have none inside: PostgreSQL's nest.
    r"[\s(]+ | --[^\r\n]*[\r\n] | /\* (?: (?! /\* | \*/ ) . )* \*/",
    re.DOTALL | re.VERBOSE,
)
_FIRST_WORDS = re.compile(r"(\w+)(?:\s+(\w+))?")
_ONE_TRANSACTION = frozenset({"local", "constraints", "transaction"})
"""What SET is followed by where its effect ends with the transaction."""
_LONGEST_CACHED = 4096


def leaves_state(statement: str) -> bool:
    """Whether a statement may leave something in the session that outlives its transaction."""
    if len(statement) > _LONGEST_CACHED:
        return _leaves_state(statement)
    return _leaves_state_cached(statement)


def _leaves_state(statements: str) -> bool:
    # A semicolon inside a literal makes a part that begins oddly: that counts as leaving something.
    return any(_one_leaves_state(part) for part in statements.split(";"))


def _one_leaves_state(statement: str) -> bool:
    start = _start_of(statement)
    if start == len(statement):
        return False
    match = _FIRST_WORDS.match(statement, start)
    if match is None:
        return True
    first, second = match[1].lower(), (match[2] or "").lower()
    if first == "set":
        return second not in _ONE_TRANSACTION
    if first == "declare":
        return "hold" in statement.lower()
    return first not in _HARMLESS or _REMAINS.search(statement) is not None


def _start_of(statement: str) -> int:
    """Where its first word is, behind blanks, comments and opening parentheses."""
    start = 0
    while skipped := _BEFORE_A_STATEMENT.match(statement, start):
        start = skipped.end()
    return start


_leaves_state_cached = lru_cache(maxsize=2048)(_leaves_state)
