"""`manage.py test` of a small project: test databases come and go, the real one is not touched."""

import os
import subprocess
import sys
import textwrap

import pytest
from support.processes import ROOT, environment

FILES = {
    "manage.py": """
        import os, sys
        if os.environ["PATCH"]:
            from gevent import monkey
            monkey.patch_all()
        os.environ["DJANGO_SETTINGS_MODULE"] = "project"
        if __name__ == "__main__":
            from django.core.management import execute_from_command_line
            execute_from_command_line(sys.argv)
        """,
    "project.py": """
        import os
        from support import server  # the tests' own
        import settings as base
        SECRET_KEY = "x"
        USE_TZ = True
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


@pytest.fixture
def project(tmp_path, server):
    """``project(*arguments)`` runs `manage.py test`; the test database is removed at the end."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    before = tables(server)

    def run(*arguments, patch=False):
        done = subprocess.run(
            [sys.executable, tmp_path / "manage.py", "test", "--noinput", *arguments],
            cwd=tmp_path,
            env=environment({"PATCH": "1" if patch else "", "PYTHONDONTWRITEBYTECODE": "1"})
            | {"PYTHONPATH": os.pathsep.join([*environment()["PYTHONPATH"].split(os.pathsep)])},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        assert f"Ran {TESTS} tests" in done.stdout
        assert "being accessed by other users" not in done.stdout
        assert "Got an error" not in done.stdout
        assert tables(server) == before
        return done.stdout

    yield run
    for suffix in ("", "_1", "_2"):
        server.drop_database(f"test_{server.name}{suffix}")


def tables(server):
    """Of the real database, with the number of rows that were ever written there."""
    return server.execute(
        "SELECT relname, n_tup_ins FROM pg_stat_user_tables WHERE relname NOT LIKE 'shop%' "
        "ORDER BY relname"
    )


def left(server):
    rows = server.execute(
        "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", f"test_{server.name}"
    )
    return {name.removeprefix(f"test_{server.name}") for (name,) in rows}


@pytest.mark.parametrize("patch", [False, True], ids=["threads", "gevent"])
def test_the_test_database_is_made_used_and_dropped(project, server, patch):
    project(patch=patch)
    assert left(server) == set()
    assert ("notes_note", 0) not in tables(server)


def test_keepdb_keeps_the_test_database_and_uses_it_again(project, server):
    project("--keepdb")
    assert left(server) == {""}
    assert "Using existing test database" in project("--keepdb")
    assert left(server) == {""}


def test_parallel_runs_clone_the_test_database_and_drop_the_clones(project, server):
    project("--parallel", "2")
    assert left(server) == set()


def test_parallel_and_keepdb_together(project, server):
    for _ in range(2):
        project("--parallel", "2", "--keepdb")
        assert left(server) == {"", "_1", "_2"}


def test_the_package_is_found_by_the_project(tmp_path):
    """Else the tests above would prove nothing."""
    code = "import django_pgpool; print(django_pgpool.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(str(ROOT))
