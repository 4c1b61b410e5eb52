"""docs/metrics.md and what it describes: the same names, with the same labels."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
from support.processes import run_python

from django_pgpool import Snapshot
from django_pgpool.metrics import opentelemetry
from django_pgpool.metrics.prometheus import HISTOGRAMS, NUMBERS

PAGES = Path(__file__).parent.parent / "docs"
PAGE = (PAGES / "metrics.md").read_text()

ATTRIBUTES = {"db.client.connection.pool.name", "db.client.connection.state"}


def section(title):
    return PAGE.partition(f"\n## {title}")[2].partition("\n## ")[0]


def table(text):
    """The cells of each row, the head excluded."""
    rows = [re.split(r" \| ", row) for row in re.findall(r"^\| (.*) \|$", text, re.MULTILINE)]
    return rows[1:]


def codes(cell):
    return re.findall(r"`(\w+)`", cell)


def test_every_field_of_the_snapshot():
    named = [name for first, *_ in table(section("A snapshot")) for name in codes(first)]
    assert sorted(named) == sorted(field.name for field in fields(Snapshot))


def test_every_metric_of_prometheus():
    rows = table(section("Prom").partition("\n### ")[0])
    documented = {codes(name)[0]: (kind, codes(labels)) for name, kind, labels, _ in rows}
    present = {}
    for numbers in NUMBERS:
        counts = numbers.family.__name__.startswith("Counter")
        name = f"{numbers.name}_total" if counts else numbers.name
        present[name] = ("counter" if counts else "gauge", list(numbers.labels))
    present |= {histogram.name: ("histogram", ["alias"]) for histogram in HISTOGRAMS}
    assert documented == present


def test_every_metric_of_opentelemetry():
    documented = {name.strip("`") for name, *_ in table(section("OpenTelemetry"))}
    source = Path(opentelemetry.__file__).read_text()
    assert documented == set(re.findall(r'"(db\.client\.connection\.[\w.]+)"', source)) - ATTRIBUTES


def test_every_alert():
    rows = table(section("Prom").partition("\n### Dashboard")[2].partition("\n### ")[0])
    alerts = (PAGES / "monitoring" / "alerts.yaml").read_text()
    assert [codes(name)[0] for name, _ in rows] == re.findall(r"alert: (\w+)", alerts)


@pytest.mark.parametrize(
    ("module", "needs"), [("prometheus", "prometheus_client"), ("opentelemetry", "opentelemetry")]
)
def test_without_its_package_an_integration_says_what_to_install(module, needs):
    code = f"import sys; sys.modules[{needs!r}] = None; import django_pgpool.metrics.{module}"
    assert run_python(code).stderr.endswith(f"\npip install 'django_pgpool[{module}]'\n")
