"""Behind a real PgBouncer, with the settings of docs/pgbouncer.md; and why those settings."""

import gc
import re
import warnings
from collections import Counter
from configparser import ConfigParser
from contextlib import ExitStack
from pathlib import Path

import gevent
import pytest
from chaos.cluster import Postgres
from django.db import OperationalError, transaction
from psycopg2.extensions import parse_dsn
from shop.models import Item
from support.waiting import Elapsed, eventually, join, running

from loadtests.errors import LoadTestError
from loadtests.pgbouncer import PgBouncer, find_pgbouncer

try:
    find_pgbouncer()
except LoadTestError:
    pytestmark = pytest.mark.skip("PgBouncer is not installed (Debian: apt install pgbouncer)")

PAGE = (Path(__file__).parents[1] / "docs" / "pgbouncer.md").read_text()


def settings_on_the_page():
    """What it tells to put into pgbouncer.ini, and into DATABASES, for transaction pooling."""
    ini, code = (
        re.search(f"```{kind}\n(.*?)```", PAGE, re.DOTALL)[1] for kind in ("ini", "python")
    )
    parser = ConfigParser()
    parser.read_string(ini)
    names = {}
    exec(code, names)
    database = names["DATABASES"]["default"]
    named = ("DISABLE_SERVER_SIDE_CURSORS",)
    options = {name: value for name, value in database["OPTIONS"].items() if name != "maxsize"}
    return dict(parser["pgbouncer"]), {**options, **{name: database[name] for name in named}}


TRANSACTION, FOR_TRANSACTIONS = settings_on_the_page()
SESSION = {"pool_mode": "session"}


@pytest.fixture
def role(server):
    """Whom everybody is at the server: there settings of the session are made."""
    if not server.embedded:
        pytest.skip("PgBouncer would need to be let in by DATABASE_URL's server")
    role = server.make_role("LOGIN")
    server.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}")
    server.execute(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}")
    server.execute(f"ALTER ROLE {role} SET timezone = 'UTC'")
    yield role
    server.execute(f"DROP OWNED BY {role}")


@pytest.fixture
def bouncer(server, role):
    """``bouncer(settings)`` starts one; settings of an alias that leads there are returned."""
    with ExitStack() as stack:

        def start(settings, session=None):
            host, port, name = (server.params[key] for key in ("host", "port", "dbname"))
            url = f"postgresql://{role}@/{name}?host={host}&port={port}"
            running = stack.enter_context(PgBouncer(url, settings, session=session))
            start.last = running
            where = parse_dsn(running.url)
            return {"HOST": where["host"], "PORT": where["port"], "USER": role}

        yield start


def sessions(server, role):
    ((number,),) = server.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = %s "
        "AND backend_type = 'client backend'",
        role,
    )
    return number


# ---- transaction pooling


def test_many_connections_share_few_sessions(make_alias, server, role, bouncer):
    place = bouncer({**TRANSACTION, "default_pool_size": 2})
    alias = make_alias(maxsize=20, maxwait=30, **FOR_TRANSACTIONS, **place)
    items = Item.objects.using(alias.name)
    seen = []

    def visit(number):
        with alias.request(), transaction.atomic(using=alias.name):
            pk = items.create(name=str(number)).pk
            assert items.get(pk=pk).name == str(number)
        return number

    with running(*[lambda number=number: visit(number) for number in range(100)]) as greenlets:
        while not all(greenlet.dead for greenlet in greenlets):
            seen.append(sessions(server, role))
        assert join(greenlets) == list(range(100))
    assert server.execute("SELECT count(*) FROM shop_item") == [(100,)]
    assert 1 <= max(seen) <= 2
    assert alias.pool.snapshot().openings > 2


def test_a_query_is_iterated_over_though_its_session_changes(make_alias, bouncer):
    place = bouncer({**TRANSACTION, "default_pool_size": 2})
    alias = make_alias(maxsize=2, **FOR_TRANSACTIONS, **place)
    assert iterate_while_the_session_is_taken(alias) == 300


@pytest.mark.long
def test_a_server_side_cursor_would_be_lost(make_alias, bouncer):
    place = bouncer({**TRANSACTION, "default_pool_size": 2})
    alias = make_alias(maxsize=2, reset="never", **place)
    # psycopg 3 warns of a cursor that nobody has closed; nobody can.
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        with pytest.raises(Exception, match=r'cursor ".*" does not exist'):
            iterate_while_the_session_is_taken(alias)
        gc.collect()


def iterate_while_the_session_is_taken(alias):
    """The session that is free is the next that is used: another request keeps it in between."""
    items = Item.objects.using(alias.name)
    with alias.request():
        items.bulk_create([Item(name=str(number)) for number in range(300)])
        rows = items.order_by("pk").iterator(chunk_size=100)
        found = [next(rows)]
        with running(lambda: alias.ask("SELECT 1 FROM pg_sleep(60)")):
            eventually(lambda: "active" in alias.states)
            found += rows
    return len(found)


def test_what_is_set_for_the_transaction_stays_in_it(make_alias, bouncer):
    place = bouncer({**TRANSACTION, "default_pool_size": 1})
    ours, theirs = (make_alias(maxsize=1, **FOR_TRANSACTIONS, **place) for _ in range(2))
    with ours.request(), transaction.atomic(using=ours.name):
        ours.wrapper.cursor().execute("SET LOCAL app.tenant = '7'")
        assert ours.value("SELECT current_setting('app.tenant')") == "7"
    for alias in (ours, theirs):
        assert alias.ask("SELECT coalesce(current_setting('app.tenant', true), '')") == ""


@pytest.mark.long
@pytest.mark.parametrize("always", [0, 1])
def test_what_is_set_for_the_session_is_everybodys_unless_pgbouncer_resets(
    make_alias, bouncer, always
):
    settings = {"default_pool_size": 1, "server_reset_query_always": always}
    place = bouncer({**TRANSACTION, **settings})
    ours, theirs = (make_alias(maxsize=1, **FOR_TRANSACTIONS, **place) for _ in range(2))
    with ours.request() as wrapper:
        wrapper.cursor().execute("SET work_mem = '8MB'")
    assert theirs.ask("SHOW work_mem") == ("4MB" if always else "8MB")


def test_the_time_zone_is_each_clients_own(make_alias, bouncer):
    place = bouncer({**TRANSACTION, "default_pool_size": 1})
    zones = {"UTC": "UTC", "Asia/Tokyo": "Asia/Tokyo"}
    aliases = [make_alias(maxsize=1, TIME_ZONE=zone, **FOR_TRANSACTIONS, **place) for zone in zones]
    for _ in range(2):
        assert [alias.ask("SHOW timezone") for alias in aliases] == list(zones)


@pytest.mark.long
def test_reset_would_undo_what_pgbouncer_has_set_up_for_others(make_alias, bouncer):
    place = bouncer({**TRANSACTION, "default_pool_size": 1}, session={"work_mem": "8MB"})
    ours = make_alias(maxsize=1, **FOR_TRANSACTIONS, **place)
    resetting = make_alias(maxsize=1, **{**FOR_TRANSACTIONS, "reset": "always"}, **place)
    for _ in range(2):
        assert ours.ask("SHOW work_mem") == "8MB"
    resetting.ask("SELECT 1")
    assert ours.ask("SHOW work_mem") == "4MB"


def test_start_up_options_are_refused_and_settings_of_the_role_are_not(
    make_alias, server, role, bouncer
):
    place = bouncer(TRANSACTION)
    options = "-c statement_timeout=9s"
    alias = make_alias(maxsize=1, options=options, **FOR_TRANSACTIONS, **place)
    with pytest.raises(OperationalError, match=r"options\. PgBouncer refuses it: .*ALTER ROLE"):
        alias.ask("SELECT 1")
    server.execute(f"ALTER ROLE {role} SET statement_timeout = '9s'")
    alias = make_alias(maxsize=1, **FOR_TRANSACTIONS, **place)
    assert alias.ask("SHOW statement_timeout") == "9s"


@pytest.mark.long
def test_a_prepared_statement_would_be_everybodys(make_alias, bouncer):
    place = bouncer({**TRANSACTION, "default_pool_size": 1})
    ours, theirs = (make_alias(maxsize=1, **FOR_TRANSACTIONS, **place) for _ in range(2))
    with ours.request() as wrapper:
        wrapper.cursor().execute("PREPARE mine AS SELECT 1")
    assert theirs.ask("EXECUTE mine") == 1


@pytest.mark.long
def test_the_role_of_a_client_would_be_everybodys(make_alias, server, role, bouncer):
    owner = server.make_role("NOLOGIN")
    server.execute(f"GRANT {owner} TO {role}")
    place = bouncer({**TRANSACTION, "default_pool_size": 1})
    ours = make_alias(maxsize=1, assume_role=owner, **FOR_TRANSACTIONS, **place)
    theirs = make_alias(maxsize=1, **FOR_TRANSACTIONS, **place)
    for alias in (ours, theirs):
        assert alias.ask("SELECT current_user") == owner
    ours.pool.drain()
    with theirs.request() as wrapper:
        wrapper.cursor().execute("RESET ROLE")
        assert theirs.value("SELECT current_user") == role


@pytest.mark.long
def test_a_role_may_always_be_another_one(make_alias, server, role, bouncer):
    """What to do instead."""
    owner = server.make_role("NOLOGIN")
    server.execute(f"GRANT {owner} TO {role}")
    server.execute(f"ALTER ROLE {role} SET role = '{owner}'")
    alias = make_alias(maxsize=1, **FOR_TRANSACTIONS, **bouncer(TRANSACTION))
    assert alias.ask("SELECT current_user") == owner


@pytest.mark.long
def test_a_start_up_option_that_pgbouncer_is_to_ignore_has_no_effect(make_alias, bouncer):
    place = bouncer({**TRANSACTION, "ignore_startup_parameters": "options"})
    alias = make_alias(maxsize=1, options="-c work_mem=8MB", **FOR_TRANSACTIONS, **place)
    assert alias.ask("SHOW work_mem") == "4MB"


def test_a_killed_statement_is_cancelled_at_the_server(make_alias, server, role, bouncer):
    place = bouncer({**TRANSACTION, "default_pool_size": 1})
    alias = make_alias(maxsize=1, maxwait=30, cancel_timeout=20, **FOR_TRANSACTIONS, **place)
    with running(lambda: alias.ask("SELECT pg_sleep(60)")) as (greenlet,):
        eventually(lambda: alias.states == ["active"])
        greenlet.kill()
        assert alias.ask("SELECT 1") == 1, "the only session is free again"
    assert isinstance(greenlet.value, gevent.GreenletExit)
    assert sessions(server, role) == 1


@pytest.mark.long
def test_where_the_time_zone_is_the_roles_an_opening_needs_no_session(make_alias, bouncer):
    """Else it would wait for one, in a PgBouncer that has none free, and fail."""
    place = bouncer({**TRANSACTION, "default_pool_size": 1})
    holder, alias = (make_alias(maxsize=1, **FOR_TRANSACTIONS, **place) for _ in range(2))
    late = make_alias(
        maxsize=1, connect_timeout=0.5, TIME_ZONE="Asia/Tokyo", **FOR_TRANSACTIONS, **place
    )
    with holder.request(), transaction.atomic(using=holder.name):
        holder.value("SELECT 1")
        with alias.request() as wrapper:
            wrapper.ensure_connection()
        with pytest.raises(OperationalError, match="took longer than connect_timeout"):
            late.ask("SELECT 1")
    assert alias.ask("SELECT 1") == 1


# ---- session pooling


def test_in_a_session_pool_a_request_has_all_of_a_session(make_alias, server, bouncer):
    place = bouncer({**SESSION, "default_pool_size": 3})
    alias = make_alias(maxsize=2, **place)
    pids = Counter()
    for _ in range(3):
        with alias.request() as wrapper:
            cursor = wrapper.cursor()
            cursor.execute("SET work_mem = '8MB'")
            cursor.execute("CREATE TEMP TABLE mine AS SELECT 1 AS x")
            cursor.execute("PREPARE mine AS SELECT x FROM mine")
            cursor.execute("EXECUTE mine")
            assert cursor.fetchone() == (1,)
            assert alias.value("SHOW work_mem") == "8MB"
            pids[alias.pid()] += 1
        # The next one has the same session, and nothing of that.
    assert list(pids.values()) == [3]
    assert alias.ask("SHOW work_mem") == "4MB"


def test_in_a_session_pool_server_side_cursors_work(make_alias, bouncer):
    alias = make_alias(maxsize=2, **bouncer({**SESSION, "default_pool_size": 3}))
    assert iterate_while_the_session_is_taken(alias) == 300


@pytest.mark.long
def test_what_leaves_the_pool_is_cleaned_by_pgbouncer(make_alias, bouncer):
    place = bouncer({**SESSION, "default_pool_size": 1})
    ours = make_alias(maxsize=1, reset="never", **place)
    with ours.request() as wrapper:
        wrapper.cursor().execute("SET work_mem = '8MB'")
        pid = ours.pid()
    ours.pool.drain()
    theirs = make_alias(maxsize=1, **place)
    with theirs.request():
        assert (theirs.pid(), theirs.value("SHOW work_mem")) == (pid, "4MB")


# ---- several of them


@pytest.fixture
def two(bouncer):
    """Settings of an alias that knows two of them, and these two."""
    places, both = [], []
    for _ in range(2):
        places.append(bouncer({**TRANSACTION, "default_pool_size": 2}))
        both.append(bouncer.last)
    hosts, ports = (",".join(place[key] for place in places) for key in ("HOST", "PORT"))
    return {**places[0], "HOST": hosts, "PORT": ports}, both


def test_when_one_of_several_dies_the_next_one_serves(make_alias, two):
    place, (first, _) = two
    alias = make_alias(maxsize=4, maxwait=30, **FOR_TRANSACTIONS, **place)
    served, failed, over = [], [], []

    def visit():
        while not over:
            try:
                served.append(alias.ask("SELECT 1 FROM pg_sleep(0.001)"))
            except OperationalError as error:
                failed.append(error)

    with running(*[visit] * 20) as visitors:
        eventually(lambda: len(served) > 100)
        before = len(failed)
        first._process.kill()
        first._process.wait()
        served.clear()
        eventually(lambda: len(served) > 100)
        over.append(True)
        join(visitors)
    assert before == 0
    assert len(failed) <= 4, "only statements that were under way"


@pytest.mark.long
def test_one_that_cannot_reach_its_server_is_passed_over(make_alias, bouncer):
    with PgBouncer("postgresql://nobody@/none?host=/nowhere", {"query_wait_timeout": 1}) as lost:
        place = bouncer(TRANSACTION)
        host = f"{parse_dsn(lost.url)['host']},{place['HOST']}"
        place |= {"HOST": host, "PORT": f"{place['PORT']},{place['PORT']}"}
        alias = make_alias(maxsize=1, connect_timeout=60, maxwait=90, **FOR_TRANSACTIONS, **place)
        with Elapsed() as elapsed:
            assert alias.ask("SELECT 1") == 1
    assert elapsed.seconds < 45, "its answer counts, not connect_timeout"


@pytest.mark.long
def test_the_server_behind_it_may_be_restarted(make_alias):
    with Postgres({"timezone": "UTC"}) as postgres, PgBouncer(postgres.url, TRANSACTION) as bouncer:
        where = parse_dsn(bouncer.url)
        place = {"HOST": where["host"], "PORT": where["port"], "USER": "postgres"}
        alias = make_alias(maxsize=5, maxwait=20, NAME="postgres", **FOR_TRANSACTIONS, **place)
        served, over = [], []

        def visit():
            while not over:
                try:
                    served.append(alias.ask("SELECT 1 FROM pg_sleep(0.005)"))
                except OperationalError:
                    gevent.sleep(0.01)

        with running(*[visit] * 20) as visitors:
            eventually(lambda: len(served) > 100)
            postgres.restart("immediate")
            served.clear()
            eventually(lambda: len(served) > 100, seconds=30)
            over.append(True)
            join(visitors)
        numbers = alias.pool.snapshot()
        assert (numbers.in_use, numbers.opening, numbers.waiting) == (0, 0, 0)
        assert len(hold_all(alias)) == 5


def hold_all(alias):
    """The hosts of all its connections, held at the same time."""
    hosts = []

    def hold():
        with alias.request() as wrapper:
            wrapper.ensure_connection()
            hosts.append(wrapper.connection.info.host)
            eventually(lambda: len(hosts) == alias.pool.maxsize)

    with running(*[hold] * alias.pool.maxsize) as greenlets:
        join(greenlets)
    return hosts


@pytest.mark.long
def test_load_can_be_spread_over_several(make_alias, two):
    place, _ = two
    alias = make_alias(
        maxsize=20, load_balance_hosts="random", maxwait=30, **FOR_TRANSACTIONS, **place
    )
    assert set(hold_all(alias)) == set(place["HOST"].split(","))
