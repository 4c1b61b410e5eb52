"""``python -m django_pgpool.migrating``, called in this process."""

import textwrap

import pytest

from django_pgpool.migrating.__main__ import main

SECRET = "hunter2"
GEVENTPOOL = """
    DATABASES = {"default": {
        "ENGINE": "django_db_geventpool.backends.postgresql_psycopg2", "NAME": "shop", "HOST": "db",
        %s
    }}
    """


@pytest.fixture
def migrate(tmp_path, monkeypatch, capsys):
    """``migrate(settings, *arguments, **files)`` is (exit code, what it says, its errors)."""
    monkeypatch.chdir(tmp_path)

    def call(settings, *arguments, **files):
        for name, text in {"settings": settings, **files}.items():
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
        code = main(["settings.py", *(f"{name}.py" for name in files), *arguments])
        said = capsys.readouterr()
        assert SECRET not in said.out + said.err
        return code, said.out, said.err

    return call


def beside(engine, settings):
    return f"""
    DATABASES = {{"default": {{"ENGINE": "{engine}", "NAME": "shop", "HOST": "db"}}}}
    {settings}
    """
