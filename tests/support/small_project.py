"""A small Django project whose tests are run in a process of their own, against a test database."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .processes import environment
from .server import Server

FILES = {
    "patched.py": """
        import os
        if os.environ["PATCH"]:
            from gevent import monkey
            monkey.patch_all()
        """,
    "project.py": """
        import settings as base  # the tests' own
        SECRET_KEY = "x"
        USE_TZ = True
        STATIC_URL, MEDIA_URL = "static/", "media/"  # a live server needs them
        INSTALLED_APPS = ["notes.apps.NotesConfig"]
        DATABASES = {"default": base.DATABASES["default"]}
        DATABASES["default"]["OPTIONS"].update(maxsize=4)
        """,
    "notes/__init__.py": "",
    "notes/migrations/__init__.py": "",
    "notes/migrations/0001_initial.py": """
        from django.db import migrations, models
        class Migration(migrations.Migration):
            operations = [migrations.CreateModel("Note", [
                ("id", models.BigAutoField(primary_key=True)),
                ("text", models.TextField()),
            ])]
        """,
    "notes/models.py": """
        from django.db import models
        class Note(models.Model):
            id = models.BigAutoField(primary_key=True)
            text = models.TextField()
        """,
    "notes/apps.py": """
        import warnings
        from django.apps import AppConfig
        class NotesConfig(AppConfig):
            name = "notes"
            def ready(self):
                # A query before the test database is set up, on the real one. The connection
                # goes back to the pool.
                from django.db import connection
                with warnings.catch_warnings(action="ignore"), connection.cursor() as cursor:
                    cursor.execute("SELECT current_database()")
                    assert not cursor.fetchone()[0].startswith("test_")
                connection.close()
        """,
    "notes/tests.py": """
        import threading
        from django.db import connection
        from django.test import TestCase, TransactionTestCase
        from .models import Note

        class Common:
            def test_writes(self):
                Note.objects.create(text="x")
                self.assertEqual(Note.objects.count(), 1)

            def test_writes_again(self):
                self.test_writes()

            def test_is_on_a_test_database(self):
                with connection.cursor() as cursor:
                    cursor.execute("SELECT current_database()")
                    self.assertTrue(cursor.fetchone()[0].startswith("test_"))

        class OneTests(Common, TestCase):
            pass

        class TwoTests(Common, TestCase):
            pass

        class ThreadTests(Common, TransactionTestCase):
            def test_other_threads_use_the_test_database_too(self):
                Note.objects.create(text="x")
                seen = []
                def count():
                    seen.append(Note.objects.count())
                    connection.close()
                threads = [threading.Thread(target=count) for _ in range(8)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                self.assertEqual(seen, [1] * 8)
        """,
}
TESTS = 10
"""How many there are in notes/tests.py."""


class SmallProject:
    """The project in a directory, with further files in it."""

    def __init__(self, directory: Path, server: Server, further: Mapping[str, str]) -> None:
        self._directory = directory
        self._server = server
        for name, text in {**FILES, **further}.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        self._before = self.real_tables()

    def run(self, *arguments: str, patch: bool) -> str:
        """Run Python there, and return what it says. It must succeed without a complaint about the
        test database, and must leave the real one as it was."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self._directory,
            env=environment(
                {
                    "DJANGO_SETTINGS_MODULE": "project",
                    "PATCH": "1" if patch else "",
                    "PYTEST_ADDOPTS": "",  # they are for the pytest that runs this one
                    "PYTHONDONTWRITEBYTECODE": "1",
                }
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        assert "being accessed by other users" not in done.stdout
        assert "Got an error" not in done.stdout
        assert self.real_tables() == self._before
        return done.stdout

    def real_tables(self) -> list[tuple[Any, ...]]:
        """Of the real database, with the number of rows that were ever written there."""
        return self._server.execute(
            "SELECT relname, n_tup_ins FROM pg_stat_user_tables WHERE relname NOT LIKE 'shop%' "
            "ORDER BY relname"
        )

    def test_databases(self) -> dict[str, int]:
        """What follows the usual name of the test databases that there are, and their oids."""
        usual = f"test_{self._server.name}"
        rows = self._server.execute(
            "SELECT datname, oid FROM pg_database WHERE starts_with(datname, %s)", usual
        )
        return {name.removeprefix(usual): oid for name, oid in rows}

    def drop_test_databases(self) -> None:
        for suffix in self.test_databases():
            self._server.drop_database(f"test_{self._server.name}{suffix}")
