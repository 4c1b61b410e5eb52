"""`manage.py test` of a small project: test databases come and go, the real one is not touched."""

import subprocess
import sys

import pytest
from support.processes import ROOT, environment
from support.small_project import TESTS, SmallProject

MANAGE = """
    import sys
    import patched
    if __name__ == "__main__":
        from django.core.management import execute_from_command_line
        execute_from_command_line(sys.argv)
    """


class ManageTest(SmallProject):
    def __call__(self, *arguments, patch=False):
        said = self.run("manage.py", "test", "--noinput", *arguments, patch=patch)
        assert f"Ran {TESTS} tests" in said
        return said

    @property
    def left(self):
        return set(self.test_databases())


@pytest.fixture
def project(tmp_path, server):
    """``project(*arguments)`` runs `manage.py test`; the test database is removed at the end."""
    project = ManageTest(tmp_path, server, {"manage.py": MANAGE})
    yield project
    project.drop_test_databases()


@pytest.mark.parametrize("patch", [False, True], ids=["threads", "gevent"])
def test_the_test_database_is_made_used_and_dropped(project, patch):
    project(patch=patch)
    assert project.left == set()
    assert ("notes_note", 0) not in project.real_tables()


def test_keepdb_keeps_the_test_database_and_uses_it_again(project):
    project("--keepdb")
    assert project.left == {""}
    assert "Using existing test database" in project("--keepdb")
    assert project.left == {""}


def test_parallel_runs_clone_the_test_database_and_drop_the_clones(project):
    project("--parallel", "2")
    assert project.left == set()


@pytest.mark.long
def test_parallel_and_keepdb_together(project):
    for _ in range(2):
        project("--parallel", "2", "--keepdb")
        assert project.left == {"", "_1", "_2"}


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
