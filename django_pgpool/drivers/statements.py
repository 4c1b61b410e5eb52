"""Whether a statement may leave something in its session, by its text alone.

Whatever is not recognized counts as leaving something: that costs a reset, no more. Nothing here
understands SQL. Names are searched in all of the text, also in literals and comments, and the text
is split at each semicolon, also at those within quotes: each statement's beginning is the beginning
of a part, and the parts that begin elsewhere can only add to the doubt. Functions cannot be looked
into: one that changes the session goes unnoticed.
"""

from __future__ import annotations

import re
from functools import lru_cache

# fmt: off
_HARMLESS = frozenset((
    "abort", "alter", "analyze", "begin", "checkpoint", "close", "cluster", "comment",
    "commit", "copy", "create", "declare", "delete", "drop", "end", "explain", "fetch", "grant",
    "insert", "lock", "merge", "move", "notify", "refresh", "reindex", "release", "revoke",
    "rollback", "savepoint", "security", "select", "show", "start", "table", "truncate",
    "update", "vacuum", "values", "with",
))
"""First words of statements that leave nothing, but for what is found by name."""

_NAMES = (
    "advisory_lock",  # not advisory_xact_lock
    "pg_settings",    # an UPDATE of it is a SET
    "pg_temp",
    "dblink_connect", "replication_origin_session",
    "query_to_xml",   # it executes a statement that is put together
    'u&"',            # any of these names, disguised
)
# fmt: on
_NAMES_IN_CONTEXT = {
    # Not accounts_status, asset_limit: these are parts of ordinary names.
    "setseed": r"\b setseed \b",
    "set_limit": r"\b set_limit \b",
    "ts_stat": r"\b ts_stat \b",  # these two execute a statement that is put together
    "ts_rewrite": r"\b ts_rewrite \b",
    "declare": r"\b declare \b .* \b hold \b",
    # For the transaction only, and not search_path: that may be pg_temp, as a parameter.
    "set_config": r"""
        set_config (?! \s* \( \s* '(?!search_path')[\w.]+'
        \s* , \s* (?: '[^'\\%]*' | %s | %\(\w+\)s ) \s* , \s* true \s* \) )""",
    "local": r"""
        \b local \s+ (?: search_path | schema ) \b
        (?! \s* (?: = | to\b ) [\w\s,.]* (?: ; | \Z ) )""",
    # The keyword; a name that is so written is in quotes.
    "temp": r"""(?<!") \b temp (?:orary)? \b | \b temp (?:orary)? \b (?!")""",
}
_IN_CONTEXT = {
    name: re.compile(pattern, re.ASCII | re.DOTALL | re.VERBOSE)
    for name, pattern in _NAMES_IN_CONTEXT.items()
}

_BEFORE_A_STATEMENT = re.compile(
    # A comment must end, and have none inside: PostgreSQL's nest.
    r"[\s(]+ | --[^\r\n]*[\r\n] | /\* (?: (?! /\* | \*/ ) . )* \*/",
    re.ASCII | re.DOTALL | re.VERBOSE,
)
_WORD = re.compile(r"\w+", re.ASCII)
_SET_IN_TRANSACTION = re.compile(
    # A point instead would make it a setting of that name: SET local.x = 1.
    r"""set \s+ (?: local \s+ \w | (?: transaction | constraints ) \s+ ["\w] )""",
    re.ASCII | re.VERBOSE,
)
_LONGEST_CACHED = 4096


def leaves_state(statements: str) -> bool:
    """Whether they may leave something in the session that outlives their transaction."""
    if len(statements) > _LONGEST_CACHED:
        return _leaves_state(statements)
    return _leaves_state_cached(statements)


def _leaves_state(statements: str) -> bool:
    text = statements.lower()
    return (
        any(name in text for name in _NAMES)
        or any(name in text and pattern.search(text) for name, pattern in _IN_CONTEXT.items())
        or any(map(_begins_badly, text.split(";")))
    )


def _begins_badly(statement: str) -> bool:
    start = 0
    while skipped := _BEFORE_A_STATEMENT.match(statement, start):
        start = skipped.end()
    if start == len(statement):
        return False
    word = _WORD.match(statement, start)
    if word is None:
        return True
    if word[0] == "set":
        return _SET_IN_TRANSACTION.match(statement, start) is None
    return word[0] not in _HARMLESS


_leaves_state_cached = lru_cache(maxsize=2048)(_leaves_state)
