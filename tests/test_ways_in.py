"""Ways to a server that others have set up: TLS, a service file, a password file, a unix socket."""

import shutil
import traceback

import gevent
import pytest
import trustme
from chaos.world import LOCALHOST, on_tcp
from django.core.management import call_command
from django.db import OperationalError, connections
from django_suite.installed import InstalledPostgres, installed_programs
from support.interrupting import most_cancels_of_a_kill
from support.server import Server
from support.waiting import eventually, join, running

from django_pgpool import stats
from django_pgpool.management.commands import pgpool

MARKER = "correct-horse"
PASSWORD = "battery-staple"

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        installed_programs() is None,
        reason="PostgreSQL with TLS is not installed (Debian: apt install postgresql)",
    ),
]


class Guarded(InstalledPostgres):
    """Over TCP it takes TLS only, and asks for a password; with one role, for a certificate."""

    def __init__(self, authority):
        settings = {"ssl": True, "ssl_ca_file": "ca.pem", "password_encryption": "scram-sha-256"}
        super().__init__(installed_programs(), {**on_tcp(), **settings})
        self._authority = authority

    def initialise(self):
        super().initialise()
        certificate = self._authority.issue_cert("localhost")
        files = {
            "ca.pem": self._authority.cert_pem.bytes(),
            "server.crt": certificate.cert_chain_pems[0].bytes(),
            "server.key": certificate.private_key_pem.bytes(),
        }
        for name, content in files.items():
            path = self.data / name
            path.write_bytes(content)
            path.chmod(0o600)
            if self.user is not None:
                shutil.chown(path, self.user)
        (self.data / "pg_hba.conf").write_text(
            "local all postgres trust\n"
            "local all all scram-sha-256\n"
            "hostssl all holder all cert\n"
            "hostssl all all all scram-sha-256\n"
        )


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def guarded(authority):
    with Guarded(authority) as postgres:
        server = Server(postgres.params, embedded=False)
        server.execute(f"CREATE ROLE shop LOGIN PASSWORD '{PASSWORD}'")
        server.execute("CREATE ROLE holder LOGIN")
        server.port = postgres.params["port"]
        server.directory = postgres.data
        yield server
        server.close()


@pytest.fixture
def ca(authority, tmp_path):
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


@pytest.fixture
def over_tls(guarded, ca):
    """Settings of an alias."""
    return {
        "HOST": "localhost",
        "PORT": guarded.port,
        "NAME": guarded.name,
        "USER": "shop",
        "PASSWORD": PASSWORD,
        "sslmode": "verify-full",
        "sslrootcert": ca,
    }


def failure(alias):
    """All that is said about it, without what must not be."""
    with pytest.raises(OperationalError) as caught:
        alias.ask("SELECT 1")
    said = "".join(traceback.format_exception(caught.value))
    said += repr([numbers for numbers in stats() if numbers.pool == alias.name])
    assert PASSWORD not in said
    assert MARKER not in said
    return said


# ---- TLS


def test_tls_with_verify_full_under_load(make_alias, over_tls, guarded):
    alias = make_alias(maxsize=3, **over_tls)
    ask = "SELECT ssl::text || version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    with running(*[lambda: alias.ask(ask)] * 50) as greenlets:
        (answer,) = set(join(greenlets))
    assert answer.startswith("trueTLSv1.")
    assert 1 <= len(guarded.backends(alias.name)) <= 3
    assert alias.pool.snapshot().openings <= 3
    big = alias.ask("SELECT repeat('x', 5000000)")  # many records of TLS
    assert len(big) == 5_000_000


def test_a_killed_statement_is_cancelled_over_tls_too(make_alias, over_tls, guarded):
    alias = make_alias(maxsize=1, maxwait=30, cancel_timeout=20, **over_tls)
    with running(lambda: alias.ask("SELECT pg_sleep(60)")) as (greenlet,):
        eventually(lambda: guarded.states(alias.name) == ["active"])
        greenlet.kill()
        assert alias.ask("SELECT 1") == 1
    assert isinstance(greenlet.value, gevent.GreenletExit)
    eventually(lambda: guarded.states(alias.name) == ["idle"])


def test_a_kill_while_a_long_statement_is_sent_over_tls(make_alias, over_tls, guarded, cancels):
    alias = make_alias(maxsize=1, maxwait=30, cancel_timeout=10, **over_tls)
    text = "x" * 5_000_000
    alias.ask("SELECT 1")
    most_cancels_of_a_kill(lambda: alias.ask("SELECT length(%s)", text), cancels, kills=10)
    assert alias.ask("SELECT 1") == 1
    eventually(lambda: guarded.states(alias.name) == ["idle"])


def test_a_connection_that_the_server_has_ended_is_noticed(make_alias, over_tls, guarded):
    alias = make_alias(maxsize=1, **over_tls)
    alias.ask("SELECT 1")
    guarded.terminate(*guarded.pids(alias.name))
    assert alias.ask("SELECT 1") == 1


def test_a_certificate_for_another_name_is_refused(make_alias, over_tls):
    alias = make_alias(maxsize=1, **{**over_tls, "HOST": LOCALHOST})
    said = failure(alias)
    assert 'server certificate for "localhost" does not match host name "127.0.0.1"' in said


def test_a_certificate_of_a_stranger_is_refused(make_alias, over_tls, tmp_path):
    stranger = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(stranger)
    alias = make_alias(maxsize=1, **{**over_tls, "sslrootcert": str(stranger)})
    assert "certificate verify failed" in failure(alias)


def test_without_tls_nobody_is_let_in(make_alias, over_tls):
    assert "no encryption" in failure(make_alias(maxsize=1, **{**over_tls, "sslmode": "disable"}))


@pytest.fixture
def holder(authority, over_tls, tmp_path):
    """Settings of an alias that shows a certificate, whose key is encrypted."""
    certificate = authority.issue_cert(common_name="holder")
    crt, key = tmp_path / "holder.crt", tmp_path / "correct-horse.key"
    certificate.cert_chain_pems[0].write_to_path(crt)
    key.touch(mode=0o600)
    key.write_bytes(_encrypted(certificate.private_key_pem.bytes(), PASSWORD))
    settings = {**over_tls, "USER": "holder", "PASSWORD": ""}
    return {**settings, "sslcert": str(crt), "sslkey": str(key), "sslpassword": PASSWORD}


def _encrypted(pem, password):
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(pem, None)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password.encode()),
    )


def test_a_certificate_of_the_client_with_an_encrypted_key(make_alias, holder):
    alias = make_alias(maxsize=2, **holder)
    with running(*[lambda: alias.ask("SELECT current_user")] * 20) as greenlets:
        assert set(join(greenlets)) == {"holder"}


def test_a_key_that_cannot_be_read_is_told_without_its_password(make_alias, holder):
    alias = make_alias(maxsize=1, **{**holder, "sslpassword": MARKER})
    assert "could not load private key file" in failure(alias)


# ---- a password file


@pytest.fixture
def passfile(tmp_path, guarded):
    path = tmp_path / "correct-horse.pgpass"

    def write(password, host="localhost"):
        path.touch(mode=0o600)
        path.write_text(f"{host}:{guarded.port}:{guarded.name}:shop:{password}\n")
        return str(path)

    return write


def test_a_password_file_goes_by_the_name_of_the_host(make_alias, over_tls, passfile):
    """Though gevent has resolved it, and libpq gets the address."""
    alias = make_alias(maxsize=2, **{**over_tls, "PASSWORD": ""}, passfile=passfile(PASSWORD))
    with running(*[lambda: alias.ask("SELECT current_user")] * 20) as greenlets:
        assert set(join(greenlets)) == {"shop"}


def test_a_new_password_in_the_file_counts_from_the_next_connection_on(
    make_alias, over_tls, passfile, guarded
):
    alias = make_alias(maxsize=1, **{**over_tls, "PASSWORD": ""}, passfile=passfile(PASSWORD))
    alias.ask("SELECT 1")
    guarded.execute("ALTER ROLE shop PASSWORD 'another'")
    try:
        passfile("another")
        alias.pool.drain()
        assert alias.ask("SELECT current_user") == "shop"
    finally:
        guarded.execute(f"ALTER ROLE shop PASSWORD '{PASSWORD}'")


def test_a_password_file_without_the_right_password_is_not_named(make_alias, over_tls, passfile):
    alias = make_alias(maxsize=1, **{**over_tls, "PASSWORD": ""}, passfile=passfile(MARKER))
    said = failure(alias)
    assert 'password authentication failed for user "shop"' in said
    alias.settings["OPTIONS"]["passfile"] = passfile(PASSWORD, host="elsewhere")
    assert "no password supplied" in failure(alias)


# ---- a service file


@pytest.fixture
def service(tmp_path, guarded, ca, passfile, monkeypatch):
    """The settings of an alias of which everything else is in files."""
    path = tmp_path / "pg_service.conf"
    path.write_text(
        f"[shop]\nhost=localhost\nport={guarded.port}\ndbname={guarded.name}\nuser=shop\n"
        f"sslmode=verify-full\nsslrootcert={ca}\npassfile={passfile(PASSWORD)}\n"
    )
    monkeypatch.setenv("PGSERVICEFILE", str(path))
    nothing = dict.fromkeys(("NAME", "HOST", "PORT", "USER", "PASSWORD"), "")
    return {**nothing, "service": "shop"}


def test_a_service_file(make_alias, service, guarded):
    alias = make_alias(maxsize=2, **service)
    with running(*[lambda: alias.ask("SELECT current_user")] * 20) as greenlets:
        assert set(join(greenlets)) == {"shop"}
    assert 1 <= len(guarded.backends(alias.name)) <= 2
    assert alias.ask("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") is True


def test_a_service_that_is_not_there_is_told(make_alias, service):
    said = failure(make_alias(maxsize=1, **{**service, "service": "nowhere"}))
    assert 'definition of service "nowhere" not found' in said


def test_the_checks_and_the_command_work_with_a_service(make_alias, service, monkeypatch, capsys):
    alias = make_alias(maxsize=2, **service)
    monkeypatch.setattr(type(connections), "databases", {alias.name: alias.settings})
    call_command("check", tags=["database", "django_pgpool"], databases=[alias.name])
    assert "no issues" in capsys.readouterr().out
    call_command(pgpool.Command(), "--probe")
    out = capsys.readouterr().out
    assert "authentication" in out
    assert PASSWORD not in out
    assert MARKER not in out


# ---- a unix socket


def test_a_unix_socket_with_the_servers_user(make_alias, guarded):
    """requirepeer: what verify-full is on a network."""
    owner = (guarded.directory / f".s.PGSQL.{guarded.port}").owner()
    place = {"HOST": str(guarded.directory), "PORT": guarded.port, "NAME": guarded.name}
    place |= {"USER": "shop", "PASSWORD": PASSWORD}
    alias = make_alias(maxsize=2, requirepeer=owner, **place)
    with running(*[lambda: alias.ask("SELECT inet_server_addr() IS NULL")] * 20) as greenlets:
        assert set(join(greenlets)) == {True}
    alias = make_alias(maxsize=1, requirepeer="somebody", **place)
    assert f'requirepeer specifies "somebody", but actual peer user name is "{owner}"' in failure(
        alias
    )
