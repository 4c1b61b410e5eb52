"""``python -m django_pgpool --settings shop.settings``: ``manage.py pgpool`` where the package is
not in INSTALLED_APPS."""

from __future__ import annotations

import sys
from typing import Any

import django

from .management.commands import pgpool


class Command(pgpool.Command):
    def execute(self, *args: Any, **options: Any) -> Any:
        django.setup()  # by now the arguments have said which settings
        return super().execute(*args, **options)


if __name__ == "__main__":
    Command().run_from_argv(["python -m", "django_pgpool", *sys.argv[1:]])
