"""docs/recipes.md: uWSGI's recipe, run as it stands there."""

import sys
from functools import partial

import pytest
from support import recipes
from support.processes import run_python
from support.recipes_workers import AFTER_A_QUERY, of_both_workers, recipe_site
from support.uwsgi import site_under_uwsgi
from support.waiting import eventually, running

linux = pytest.mark.skipif(sys.platform != "linux", reason="uWSGI's wheels are for Linux")
INI = recipes.block("uWSGI with gevent", "uwsgi.ini").replace("shop.wsgi", "a_site")

HOOKS = """
import sys
from types import ModuleType

def say(what):
    return lambda: said.append(what)

said = []
uwsgi = sys.modules["uwsgi"] = ModuleType("uwsgi")
uwsgi.masterpid = lambda: {master}
uwsgi.post_fork_hook, uwsgi.atexit = say("site's fork"), say("site's end")
uwsgi.spooler = spooler = say("spooled")
from django_pgpool import process
process.after_fork_in_child(say("fork"))
process.at_exit(say("end"))
try:
    from uwsgidecorators import postfork
except Exception:
    pass
else:
    postfork(say("decorated"))
uwsgi.post_fork_hook()
uwsgi.atexit()
assert uwsgi.spooler is spooler
print(*said, sep=", ")
"""


@pytest.fixture
def site(tmp_path, server):
    """``site()`` is a site under uWSGI that has made a query before the fork."""

    return partial(
        recipe_site,
        server,
        tmp_path,
        partial(site_under_uwsgi, tmp_path, AFTER_A_QUERY, conf=INI),
    )


@linux
@pytest.mark.parametrize("decorators", [True, pytest.param(False, marks=pytest.mark.long)])
def test_each_worker_has_its_own_connections(site, server, tmp_path, decorators):
    if not decorators:  # as in an environment beside a uWSGI of the system's
        (tmp_path / "uwsgidecorators.py").write_text("raise ImportError")
    with site() as started:
        one, other = of_both_workers(started).values()
        masters = {int((tmp_path / "master").read_text())}
        assert not one & other
        assert not masters & (one | other)
        assert masters <= server.pids(started.name)
        assert max(len(one), len(other)) <= 2


@linux
@pytest.mark.long
def test_at_the_end_what_runs_is_cancelled(site, server, hub_errors):
    with site() as started, running(lambda: started.get("/pids?seconds=60")):
        eventually(lambda: "active" in server.states(started.name))
        started._process.terminate()
        eventually(lambda: not server.backends(started.name), lambda: started.log)
    hub_errors.clear()  # the client's, who was hung up on


@linux
@pytest.mark.parametrize(
    ("master", "said"),
    [
        (0, "fork, site's fork, end, site's end"),
        (1, "fork, site's fork, decorated, end, site's end"),
    ],
)
def test_hooks_of_the_sites_own_are_called_after_ours(master, said):
    assert run_python(HOOKS.replace("{master}", f"{master}")).ok() == f"{said}\n"
