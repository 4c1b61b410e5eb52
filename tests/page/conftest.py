"""The site of page_site.py under gunicorn, on a database of its own."""

from __future__ import annotations

import http.cookiejar
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
import settings
from support.processes import environment
from support.waiting import eventually

HERE = Path(__file__).parent
MAXSIZE = 4


class Site:
    def __init__(self, process: subprocess.Popen[bytes], log: Path, port: int) -> None:
        self._process = process
        self._log = log
        self.url = f"http://127.0.0.1:{port}"

    def log(self) -> str:
        return self._log.read_text()


class Visitor:
    """A browser without JavaScript, as far as these tests need one."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(self._cookies)
        )

    def get(self, path: str) -> tuple[int, str, str]:
        """Status, where it has led to, text."""
        return self._open(path, None)

    def post(self, path: str, **form: str) -> tuple[int, str, str]:
        return self._open(path, urllib.parse.urlencode(form).encode())

    def _open(self, path: str, data: bytes | None) -> tuple[int, str, str]:
        try:
            with self._opener.open(urllib.parse.urljoin(self._url, path), data, timeout=20) as got:
                self.headers = got.headers
                return got.status, got.url.removeprefix(self._url), got.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, path, refused.read().decode()

    def log_in(self, name: str) -> Visitor:
        _, _, form = self.get("/login/")
        given = {"username": name, "password": name, "next": "/query/"}
        self.post("/login/", csrfmiddlewaretoken=token(form), **given)
        return self


def token(page: str) -> str:
    return re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]


@pytest.fixture(scope="module")
def site(server):
    """With one worker, and a pool of MAXSIZE."""
    database = settings.database(server.dsn)
    database["NAME"] = server.make_database()
    database["OPTIONS"].update(maxsize=MAXSIZE)
    directory = Path(tempfile.mkdtemp(prefix="page-"))
    log = directory / "log"
    env = environment(
        {
            "PGPOOL_PAGE_DATABASE": json.dumps(database),
            "PYTHONWARNINGS": "default",
            "PYTHONPATH": os.pathsep.join([str(HERE), environment()["PYTHONPATH"]]),
        }
    )
    with log.open("wb") as output:
        streams = {"stdout": output, "stderr": output, "env": env, "cwd": HERE}
        subprocess.run([sys.executable, "page_site.py"], check=True, timeout=60, **streams)
        gunicorn = "-m gunicorn --no-control-socket -k gevent -b 127.0.0.1:0 page_site:application"
        process = subprocess.Popen([sys.executable, *gunicorn.split()], **streams)
        try:
            found = eventually(lambda: re.search(r"Listening at: \S+:(\d+)", log.read_text()))
            yield Site(process, log, int(found[1]))
        finally:
            process.terminate()
            process.wait(30)
            shutil.rmtree(directory)
            server.drop_database(database["NAME"])


@pytest.fixture
def visitor(site):
    """``visitor("root")`` has logged in; ``visitor()`` has not."""
    known: dict[str | None, Visitor] = {}

    def make(name: str | None = None) -> Visitor:
        if name not in known:
            known[name] = Visitor(site.url)
            if name:
                known[name].log_in(name)
        return known[name]

    return make
