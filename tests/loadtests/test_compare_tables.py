"""What a comparison tells its readers: in the terminal, as Markdown, in the page."""

from __future__ import annotations

import io

import pytest
from example_comparison import comparison
from rich.console import Console

from loadtests.compare.page import html
from loadtests.compare.show import markdown, show
from loadtests.compare.tables import balances, errors, notes, numbers


def metric(part, engine, key):
    (found,) = (one for one in part["engines"] if one["name"] == engine)
    return found["figures"][key]


@pytest.fixture
def data():
    """Of ours and three others: one that opens more, one that is faster, one that is missing."""
    found = comparison("django,persistent,geventpool")
    (part,) = found["parts"]
    for key, verdict, ratio in (("p50", "better", 0.5), ("p99", "even", 1.01)):
        metric(part, "persistent", key).update(verdict=verdict, ratio=ratio)
    return found


def terminal(data):
    out = io.StringIO()
    show(Console(file=out, width=150), data)
    return out.getvalue()


def test_what_is_better_and_what_is_worse_is_marked_with_its_ratio(data):
    (part,) = data["parts"]
    speed, cost = numbers(data, part)
    assert [row.label for row in speed.rows][:1] == ["django_pgpool"]
    rows = {row.label: dict(zip(speed.head, row.cells, strict=True)) for row in speed.rows}
    faster = rows["Django, CONN_MAX_AGE=None"]
    assert faster["p50"].marked.endswith(" ▲0.50x")
    assert not faster["p99"].marked.endswith("x")
    opened = dict(zip(cost.head, cost.rows[1].cells, strict=True))["opened"]
    assert opened.marked == "20.5 ▼1.95x"
    assert opened.spread == "20 - 21"
    assert all(cell.mark == "" for cell in speed.rows[0].cells)


def test_losses_are_told_as_plainly_as_wins(data):
    balance = {one.label: one for one in balances(data, data["parts"][0])}
    ours = metric(data["parts"][0], "django_pgpool", "p50")["median"]
    theirs = metric(data["parts"][0], "persistent", "p50")["median"]
    assert f"p50 {ours:.3g} : {theirs:.3g} ms" in balance["Django, CONN_MAX_AGE=None"].loses
    assert "opened 10.5 : 20.5" in balance["Django, CONN_MAX_AGE=0"].wins
    assert "django_pgpool" not in balance


def test_who_has_no_numbers_is_named_with_the_reason(data):
    assert notes(data) == ["steady, django-db-geventpool, psycopg2: pip could not install it"]
    for text in (terminal(data), markdown(data), html(data)):
        assert "pip could not install it" in text
    data["interrupted"] = True
    assert "interrupted" in notes(data)[0]


def test_errors_are_told_by_kind_for_those_who_had_any(data):
    everybody = (terminal(data), markdown(data), html(data))
    assert not any("errors in all rounds" in text for text in everybody)
    for run in data["parts"][0]["engines"][2]["runs"]:
        run["total"]["errors"] = {"OperationalError": 3}
    assert errors(data["parts"][0]) == [("Django, CONN_MAX_AGE=None", "OperationalError 6")]
    for text in (terminal(data), markdown(data), html(data)):
        assert "errors in all rounds" in text
        assert "OperationalError 6" in text


def test_every_reader_gets_the_numbers_the_settings_and_the_command(data):
    for text in (terminal(data), markdown(data), html(data)):
        assert "20.5 ▼1.95x" in text
        assert "python -m loadtests compare" in text
        assert "django-db-geventpool" in text
        assert "persistent: ends with" in text
        assert "p50" in text
