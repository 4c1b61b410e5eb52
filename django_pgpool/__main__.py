"""``python -m django_pgpool --settings shop.settings``: ``manage.py pgpool`` where the package is
not in INSTALLED_APPS."""

from __future__ import annotations

import sys
from typing import Any

import django
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError

from .management.commands import pgpool


class Command(pgpool.Command):
    def execute(self, *args: Any, **options: Any) -> Any:
        try:
            django.setup()  # by now the arguments have said which settings
        except (ImproperlyConfigured, ImportError) as error:
            if not settings.configured:
                settings.configure()  # Django asks for them once more while it ends the command
            raise CommandError(
                f"The settings cannot be loaded: {error} (--settings names their module, as in "
                "--settings shop.settings; --traceback shows more.)",
                returncode=2,
            ) from error
        return super().execute(*args, **options)


if __name__ == "__main__":
    Command().run_from_argv(["python -m", "django_pgpool", *sys.argv[1:]])
