"""System checks: what is wrong, or about to go wrong, before it costs an outage.

``settings`` looks at the settings alone, with each ``manage.py check``; ``server`` asks the server,
with ``manage.py check --database default``, and before ``migrate``. Both are there as soon as the
engine is imported: nothing has to be in INSTALLED_APPS. What each id means is in docs/checks.md.
"""
