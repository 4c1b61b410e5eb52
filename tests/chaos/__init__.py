"""``python -m tests.chaos``: the long versions of the faults, on real PostgreSQL.

Each scenario runs in a process of its own and says what was lost: nothing, if all is well.
"""
