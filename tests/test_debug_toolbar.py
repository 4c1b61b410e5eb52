"""The panel for django-debug-toolbar, with the real toolbar, as a browser asks for it."""

import json
import re

import pytest
from support.processes import DJANGO, PATCHED, run_python

SITE = """
import json, logging, re
logging.getLogger("django_pgpool").addHandler(logging.NullHandler())
import settings
settings.DEBUG = True
settings.INSTALLED_APPS += ["django.contrib.staticfiles", "debug_toolbar"]
settings.MIDDLEWARE = ["debug_toolbar.middleware.DebugToolbarMiddleware"]
settings.INTERNAL_IPS = ["127.0.0.1"]
settings.ALLOWED_HOSTS = ["testserver"]
settings.STATIC_URL = "static/"
settings.ROOT_URLCONF = "__main__"
settings.TEMPLATES = [
    {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}
]
settings.DEBUG_TOOLBAR_PANELS = [
    "debug_toolbar.panels.sql.SQLPanel", "django_pgpool.debug_toolbar.PoolPanel"
]
default = settings.DATABASES["default"]
options = {**default["OPTIONS"], "maxsize": 1, "maxwait": 0.05}
settings.DATABASES["<i>full"] = {**default, "OPTIONS": options}
"""
VIEWS = """
from debug_toolbar.toolbar import debug_toolbar_urls
from django.http import HttpResponse
from django.test import Client
from django.urls import path
from django_pgpool import PoolExhausted, get_pool

def ask(alias="default"):
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT 1")

def page():
    return HttpResponse("<html><body></body></html>")

def nothing(request):
    return page()

def twice(request):
    ask()
    connection.close()
    ask()
    return page()

def in_vain(request):
    slot = get_pool("<i>full").acquire(10.0)
    try:
        ask("<i>full")
    except PoolExhausted:
        pass
    get_pool("<i>full").release(slot, slot.lease)
    return page()

urlpatterns = [path(view.__name__, view) for view in (nothing, twice, in_vain)]
urlpatterns += debug_toolbar_urls()
client = Client(enforce_csrf_checks=True)

def look(address):
    html = client.get(address).content.decode()
    connections.close_all()  # Django's client leaves that out
    subtitle = re.search(r"PoolPanel.*?<small>(.*?)</small>", html, re.DOTALL)
    identity = re.search(r'data-request-id="(\\w+)"', html)[1]
    panels = {}
    for name in ("PoolPanel", "SQLPanel"):
        asked = {"request_id": identity, "panel_id": name}
        panels[name] = client.get("/__debug__/render_panel/", asked).json()["content"]
    return [subtitle[1].strip(), panels]

before = type(get_pool()).__name__
ask()
connection.close()
told = {address: look("/" + address) for address in ("nothing", "twice", "in_vain")}
print(json.dumps({"before": before, "held": get_pool().snapshot().in_use, **told}))
for alias in connections:
    connections[alias].close_pool()
"""


@pytest.fixture(scope="module")
def site(server):
    """What a site's toolbar has shown."""
    return json.loads(run_python(PATCHED + SITE + DJANGO + VIEWS).ok())


def rows(panel):
    """The cells of each row of the panel's tables."""
    return [re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row) for row in panel.split("<tr>")[1:]]


def test_a_request_that_needs_no_connection(site):
    subtitle, panels = site["nothing"]
    assert subtitle == "not used"
    assert "It has taken no connection." in panels["PoolPanel"]


def test_how_often_and_for_how_long_a_request_had_connections(site):
    subtitle, panels = site["twice"]
    assert re.fullmatch(r"2 acquires, waited [\d.]+ (µs|ms|s)", subtitle)
    heads, uses, more_heads, pool = rows(panels["PoolPanel"])
    named = dict(zip(heads, uses, strict=True))
    assert (named["Alias"], named["Acquires"], named["In vain"]) == ("default", "2", "0")
    assert named["Still holds"] == "1", "the second one"
    for head in ("Waited", "Longest wait", "Held"):
        assert re.fullmatch(r"[\d.]+ (µs|ms|s)", named[head]), named
    named = dict(zip(more_heads, pool, strict=True))
    assert (named["Alias"], named["In use"], named["maxsize"]) == ("default", "1", "20")


def test_who_got_no_connection_and_names_are_no_html(site):
    subtitle, panels = site["in_vain"]
    assert re.fullmatch(r"1 acquire, 1 in vain, waited [\d.]+ (ms|s)", subtitle)
    uses = rows(panels["PoolPanel"])[1]
    assert uses[:3] == ["&lt;i&gt;full", "1", "1"]
    pools = {row[0]: row for row in rows(panels["PoolPanel"])[3:]}
    assert pools["&lt;i&gt;full"][-1] == "1", "PoolExhausted"


def test_the_toolbars_own_panel_sees_the_queries(site):
    text = re.sub(r"(<[^>]*>|\s)+", " ", site["twice"][1]["SQLPanel"])
    assert text.count("SELECT 1") >= 2, text


def test_nothing_is_timed_before_the_first_toolbar_and_all_is_given_back(site):
    assert (site["before"], site["held"]) == ("Pool", 0)
