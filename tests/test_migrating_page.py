"""docs/migrating.md, the table in the code that translates and refuses by it, and the proofs."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from migrating_proofs import PROOFS

from django_pgpool.drivers.chosen import is_libpq_parameter
from django_pgpool.migrating.predecessor import NOT_SAID
from django_pgpool.migrating.predecessors import INSTEAD, PREDECESSORS
from django_pgpool.options import OWN_OPTIONS, PoolOptions, parse

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "migrating.md").read_text()
SECTIONS = dict(re.findall(r"^## (.*)\n((?s:.*?))(?=^## |\Z)", PAGE, re.MULTILINE))
CASES = pytest.mark.parametrize("known", PREDECESSORS, ids=lambda known: known.name)


def rows(known):
    """Cells by old name, without the head of the table."""
    found = re.findall(r"^\| (`.*) \|$", SECTIONS[known.name], re.MULTILINE)
    return {cells[0].split("`")[1]: cells for cells in (row.split(" | ") for row in found)}


def olds(known):
    return (*known.options, *known.settings, *known.code)


def test_a_section_for_each_pool():
    assert list(SECTIONS) == [known.name for known in PREDECESSORS]


@CASES
def test_a_row_for_each_name_and_a_proof_for_each_row(known):
    names = {old.name for old in olds(known)}
    assert rows(known).keys() == names
    assert PROOFS[known.name].keys() == names
    assert all(PROOFS[known.name].values())


@CASES
def test_the_page_says_what_the_code_does(known):
    for old in olds(known):
        first, here, *_ = rows(known)[old.name]
        if old.to:
            assert f"`{old.to}`" in here, old.name
        elif old.instead.startswith("remove it"):
            assert "remove" in here, old.name
        for named in re.findall(r"'(\w+)'", old.instead):
            if named in OWN_OPTIONS and named not in ("reset", "pool"):
                assert f"`{named}`" in here, old.name
        if old.default is not NOT_SAID and known.where != "OPTIONS['pool']":
            assert f"({old.default})" in first


@CASES
def test_every_engine_is_named_with_ours(known):
    text = SECTIONS[known.name]
    for old, new in known.engines.items():
        if known.name != "django_db_pooling" and old != "django.db.backends.postgresql_psycopg2":
            assert f"`{old}`" in text
            assert f"`{new}`" in text


@pytest.mark.parametrize("engine", sorted({e for k in PREDECESSORS for e in k.engines.values()}))
def test_our_engines_exist(engine):
    assert find_spec(f"{engine}.base") is not None


def test_every_proof_is_a_test_that_there_is():
    for proof in {one for proofs in PROOFS.values() for some in proofs.values() for one in some}:
        file, _, name = proof.partition("::")
        assert f"\ndef {name}(" in (TESTS / file).read_text(), proof


@pytest.mark.parametrize("name", INSTEAD)
def test_an_old_name_is_refused_with_the_new_one(name):
    beside = {} if name == "CONN_MAX_AGE" else {name: 5}
    for settings in ({"OPTIONS": {name: 5}}, {"OPTIONS": {}, **beside}):
        if settings != {"OPTIONS": {}}:
            with pytest.raises(ImproperlyConfigured) as caught:
                parse("shop", settings, is_libpq_parameter)
            assert str(caught.value).endswith(f"Instead, {INSTEAD[name]}.")


def test_one_name_means_one_thing_whoever_used_it():
    for known in PREDECESSORS:
        for old in (*known.options, *known.settings):
            assert INSTEAD.get(old.name, old.instead) == old.instead
            assert not old.to or old.to.isupper() or old.to in PoolOptions.__dataclass_fields__
