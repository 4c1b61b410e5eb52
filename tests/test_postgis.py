"""ENGINE 'django_pgpool.postgis' on a real PostGIS."""

import subprocess
from collections import Counter
from ctypes.util import find_library
from pathlib import Path

import gevent
import pytest
from chaos.world import make_alias
from django.core.management import call_command
from django.db import ProgrammingError, connections, transaction
from django.db.backends.base.base import NO_DB_ALIAS
from django_suite.installed import InstalledPostgres, installed_programs
from support.waiting import eventually, join, running

ENGINE = "django_pgpool.postgis"
BERLIN = (13.4, 52.5)


def _missing():
    programs = installed_programs()
    if programs is None or not _has_postgis(programs):
        return "PostGIS is not installed (Debian: apt install postgresql-postgis)"
    if not (find_library("gdal") and find_library("geos_c")):
        return "GeoDjango needs GDAL and GEOS (Debian: apt install gdal-bin)"
    return ""


def _has_postgis(programs):
    try:
        share = subprocess.check_output([programs / "pg_config", "--sharedir"], text=True)
    except OSError:
        return False
    return (Path(share.strip()) / "extension" / "postgis.control").exists()


MISSING = _missing()
pytestmark = [pytest.mark.long, pytest.mark.skipif(bool(MISSING), reason=MISSING)]


@pytest.fixture(scope="module")
def postgis():
    with InstalledPostgres(installed_programs(), {"max_connections": 40}) as server:
        yield server


@pytest.fixture
def geo(postgis):
    """``geo(maxsize=4)``: an alias with the extension and the table of the model."""
    from places.models import Place

    made = []

    def make(**settings):
        alias = make_alias(postgis.params, **{"ENGINE": ENGINE, **settings})
        made.append(alias)
        return alias

    first = make(maxsize=1)
    first.wrapper.prepare_database()
    with first.wrapper.schema_editor() as editor:
        editor.create_model(Place)
    first.close()
    yield make
    with first.wrapper.schema_editor() as editor:
        editor.delete_model(Place)
    for alias in made:
        alias.close()
        alias.wrapper.close_pool()
        eventually(lambda alias=alias: alias.backends == 0)
        alias.server.close()
        del connections[alias.name], connections.databases[alias.name]


@pytest.mark.parametrize("binding", [False, True])
def test_models_make_the_round_trip_under_load(geo, binding):
    """``binding``: by the server, as psycopg 3 can; then it has to know PostGIS's types."""
    from django.contrib.gis.geos import Point
    from django.contrib.gis.measure import D
    from places.models import Place

    alias = geo(maxsize=4, maxwait=60, server_side_binding=binding)
    places = Place.objects.using(alias.name)
    found = Counter()

    def visit(number):
        with alias.request():
            centre = Point(number, 10, srid=4326)
            area = centre.buffer(0.5)
            pk = places.create(name=str(number), point=centre, area=area).pk
        with alias.request(), transaction.atomic(using=alias.name):
            (near,) = places.filter(point__distance_lt=(centre, D(km=10)))
            assert (near.pk, near.point, near.area) == (pk, centre, area)
            assert near.point.srid == near.area.srid == 4326
            (inside,) = places.filter(area__contains=centre).values_list("name", flat=True)
            found[inside] += 1

    with running(*[lambda number=number: visit(number) for number in range(100)]) as greenlets:
        join(greenlets, seconds=90)
    assert found == {str(number): 1 for number in range(100)}
    numbers = alias.pool.snapshot()
    assert numbers.acquires == 200
    assert numbers.openings <= 4
    assert alias.backends <= 4


def test_djangos_own_set_up_is_done_once_per_connection(geo, monkeypatch):
    """With psycopg 3 it registers the types of PostGIS: three queries."""
    from django.contrib.gis.db.backends.postgis import base

    opened = []
    connect = base.DatabaseWrapper.get_new_connection

    def spy(self, params):
        opened.append(connect(self, params))
        return opened[-1]

    monkeypatch.setattr(base.DatabaseWrapper, "get_new_connection", spy)
    alias = geo(maxsize=2)
    assert type(alias.wrapper)._takes_the_short_way
    for _ in range(3):
        alias.ask("SELECT postgis_lib_version()")
    assert len(opened) == 1
    pid = alias.pid()
    before = alias.server.execute("SELECT query_start FROM pg_stat_activity WHERE pid = %s", pid)
    alias.close()
    with alias.request() as wrapper:
        wrapper.ensure_connection()
        now = alias.server.execute("SELECT query_start FROM pg_stat_activity WHERE pid = %s", pid)
        assert now == before, "an acquire costs no round trip"


def test_a_killed_insert_loses_nothing(geo):
    from django.contrib.gis.geos import Point
    from places.models import Place

    alias = geo(maxsize=2, maxwait=30, cancel_timeout=20)
    centre = Point(*BERLIN, srid=4326)

    def insert():
        with alias.request(), transaction.atomic(using=alias.name):
            Place.objects.using(alias.name).create(name="x", point=centre, area=centre.buffer(1))
            alias.value("SELECT pg_sleep(60)")

    with running(insert, insert) as greenlets:
        eventually(lambda: alias.states == ["active"] * 2)
        gevent.killall(greenlets)
    eventually(lambda: "active" not in alias.states)
    with running(*[lambda: alias.ask("SELECT count(*) FROM places_place")] * 4) as greenlets:
        assert join(greenlets) == [0] * 4


def test_what_geometries_need_leaves_nothing_in_the_session(geo, monkeypatch):
    """Else each request with one would cost a reset."""
    from django.contrib.gis.db.models import Extent, Union
    from django.contrib.gis.db.models.functions import Area, Transform
    from django.contrib.gis.geos import Point
    from places.models import Place

    alias = geo(maxsize=1)
    centre = Point(*BERLIN, srid=4326)
    with alias.request() as wrapper:
        places = Place.objects.using(alias.name)
        places.bulk_create([Place(name="x", point=centre, area=centre.buffer(1))])
        places.filter(area__intersects=centre.buffer(2)).update(point=centre)
        list(places.annotate(size=Area(Transform("area", 3857))))
        places.aggregate(Extent("area"), Union("area"))
        places.filter(point__dwithin=(centre, 5)).delete()
        assert not wrapper.connection.left_state


@pytest.fixture
def empty(geo):
    """The name of a database without the extension."""
    admin = geo(maxsize=1)
    admin.server.execute("CREATE DATABASE empty TEMPLATE template0")
    yield "empty"
    admin.server.execute("DROP DATABASE empty WITH (FORCE)")


def test_prepare_database_makes_the_extension_through_the_pool(geo, empty):
    alias = geo(maxsize=1, NAME=empty)
    with pytest.raises(ProgrammingError, match="postgis_lib_version"):
        alias.ask("SELECT postgis_lib_version()")
    with alias.request() as wrapper:
        wrapper.prepare_database()
    assert alias.ask("SELECT postgis_lib_version()")
    assert alias.pool.snapshot().in_use == 0


def test_connections_that_are_older_than_the_extension_know_its_types(geo, empty):
    from django.contrib.gis.geos import Point
    from places.models import Place

    alias = geo(maxsize=3, maxwait=30, NAME=empty, server_side_binding=True)
    opened = []

    def use():
        with alias.request():
            opened.append(alias.pid())
            eventually(lambda: len(opened) == 3)

    with running(*[use] * 3) as greenlets:
        join(greenlets)
    assert alias.pool.snapshot().idle == 3
    with alias.request() as wrapper:
        wrapper.prepare_database()
        with wrapper.schema_editor() as editor:
            editor.create_model(Place)
    centre = Point(*BERLIN, srid=4326)
    held = []

    def visit():
        with alias.request(), transaction.atomic(using=alias.name):
            held.append(alias.pid())
            eventually(lambda: len(held) == 3)
            places = Place.objects.using(alias.name)
            pk = places.create(name="x", point=centre, area=centre.buffer(1)).pk
            return places.get(pk=pk).point

    with running(*[visit] * 3) as greenlets:
        assert join(greenlets) == [centre] * 3


def test_connections_to_no_database_know_nothing_of_postgis(geo):
    """As with Django's own engine: create_test_db() asks the database postgres, which has none."""
    alias = geo(maxsize=1)
    with alias.wrapper._nodb_cursor() as cursor:
        cursor.execute("SELECT current_database()")
        assert cursor.fetchone() == ("postgres",)
    nowhere = type(alias.wrapper)({**alias.settings, "NAME": None}, alias=NO_DB_ALIAS)
    assert nowhere.pgpool is None
    assert not getattr(nowhere.features, "gis_enabled", False)


def test_checks_and_the_command_know_the_engine(geo, monkeypatch, capsys):
    alias = geo(maxsize=3)
    names = {alias.name: alias.settings}
    monkeypatch.setattr(type(connections), "databases", names)
    call_command("check", tags=["database", "django_pgpool"], databases=[alias.name])
    assert "no issues" in capsys.readouterr().out
