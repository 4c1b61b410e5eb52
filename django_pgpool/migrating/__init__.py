"""From another pool's settings to this one's: ``python -m django_pgpool.migrating settings.py``.

Works on source text: neither Django nor the other pool has to be installed, or to work.
"""
