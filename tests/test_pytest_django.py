"""pytest-django in a small project: it makes, blocks and drops databases in ways of its own."""

import pytest
from support.small_project import TESTS, SmallProject

FILES = {
    "pytest.ini": """
        [pytest]
        addopts = -p patched -p no:cacheprovider
        python_files = tests.py test_*.py
        filterwarnings = error
        """,
    "notes/test_marked.py": """
        import http.client
        import threading

        import pytest
        from django.db import connection
        from django.http import HttpResponse
        from django.urls import path

        from .models import Note

        def database():
            with connection.cursor() as cursor:
                cursor.execute("SELECT current_database() FROM pg_sleep(0.02)")
                return cursor.fetchone()[0]

        def in_threads(function):
            found = []
            threads = [
                threading.Thread(target=lambda: found.append(function())) for _ in range(8)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return found

        @pytest.mark.django_db
        @pytest.mark.parametrize("time", [1, 2])
        def test_what_a_test_writes_is_rolled_back(time):
            Note.objects.create(text="x")
            assert Note.objects.count() == 1
            assert database().startswith("test_")

        def test_without_the_mark_there_is_no_database():
            for function in (Note.objects.count, database, connection.ensure_connection):
                with pytest.raises(RuntimeError, match="Database access not allowed"):
                    function()

        @pytest.mark.django_db(transaction=True, reset_sequences=True)
        @pytest.mark.parametrize("close", [True, False])
        def test_what_is_committed_is_seen_in_threads_and_removed(close):
            def look():
                try:
                    return database(), Note.objects.count()
                finally:
                    if close:
                        connection.close()

            assert Note.objects.create(text="x").pk == 1
            assert in_threads(look) == [(database(), 1)] * 8
            assert database().startswith("test_")

        def view(request):
            return HttpResponse(f"{database()} {Note.objects.count()}")

        urlpatterns = [path("", view)]

        def test_the_live_server_is_on_the_test_database(live_server, settings):
            def ask():
                where = live_server.thread
                client = http.client.HTTPConnection(where.host, where.port)
                try:
                    client.request("GET", "/")
                    return client.getresponse().read().decode()
                finally:
                    client.close()

            settings.ROOT_URLCONF = __name__
            Note.objects.create(text="x")
            assert in_threads(ask) == [f"{database()} 1"] * 8
            assert database().startswith("test_")
        """,
}
MARKED = 6


class Pytest(SmallProject):
    def __call__(self, *arguments, patch=True, passed=TESTS + MARKED):
        said = self.run("-m", "pytest", *arguments, patch=patch)
        assert f"{passed} passed" in said, said
        assert "warning" not in said, said  # what goes wrong at the end is only that
        return said


@pytest.fixture
def project(tmp_path, server):
    """``project(*arguments)`` runs pytest there; the test database is removed at the end."""
    project = Pytest(tmp_path, server, FILES)
    yield project
    project.drop_test_databases()


WORLDS = pytest.mark.parametrize(
    "patch",
    [pytest.param(False, marks=pytest.mark.long, id="threads"), pytest.param(True, id="gevent")],
)


@WORLDS
def test_the_test_database_is_made_used_and_dropped(project, patch):
    project(patch=patch)
    assert project.test_databases() == {}


@pytest.mark.long
@WORLDS
def test_the_test_database_is_dropped_under_a_live_server(project, patch):
    """Where only this test runs, the server is started before the database is made, and so stopped
    after it was dropped."""
    project("-k", "live_server", patch=patch, passed=1)
    assert project.test_databases() == {}


@pytest.mark.long
def test_reuse_db_keeps_the_test_database_and_uses_it_again(project):
    project("--reuse-db")
    kept = project.test_databases()
    assert kept.keys() == {""}
    project("--reuse-db")
    assert project.test_databases() == kept
    project("--reuse-db", "--create-db")
    assert project.test_databases().keys() == {""} != kept
