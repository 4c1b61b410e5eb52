"""The dashboard for Grafana and the alerts for Prometheus: read by parsers of the real formats, and
asking for nothing that there is not."""

import json
import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path

import promql_parser
import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from support.metrics import LABELS, STATES

from django_pgpool.pool import Reason

DIRECTORY = Path(__file__).parent.parent / "docs" / "monitoring"
DASHBOARD = json.loads((DIRECTORY / "dashboard.json").read_text())
PANELS = DASHBOARD["panels"]
ALERTS = [
    rule
    for group in yaml.safe_load((DIRECTORY / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
OF_THE_SCRAPE = {"job", "instance"}
VALUES = {"state": set(STATES), "reason": {str(reason) for reason in Reason}}
EXPRESSIONS = {
    **{rule["alert"]: rule["expr"] for rule in ALERTS},
    **{
        f"{panel['title']}, {target['refId']}": target["expr"]
        for panel in PANELS
        for target in panel["targets"]
    },
}


def parts(expression):
    """Every part of a query; what is no PromQL fails here."""
    found = []
    promql_parser.walk(
        promql_parser.parse(expression.replace("$__rate_interval", "5m")), found.append
    )
    return found


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_queries_ask_for_metrics_labels_and_values_that_exist(expression):
    selectors = [
        part for part in parts(expression) if isinstance(part, promql_parser.VectorSelector)
    ]
    assert selectors
    present = set(OF_THE_SCRAPE)
    for selector in selectors:
        assert selector.name in LABELS
        present |= LABELS[selector.name]
        for matcher in selector.matchers.matchers:
            assert matcher.name in LABELS[selector.name] | OF_THE_SCRAPE
            if matcher.name in VALUES:
                assert matcher.value in VALUES[matcher.name]
    for part in parts(expression):
        if isinstance(part, promql_parser.AggregateExpr):
            assert set(part.modifier.labels) <= present


def test_the_dashboard_shows_every_metric():
    shown = "\n".join(target["expr"] for panel in PANELS for target in panel["targets"])
    names = {re.sub("_(bucket|count|sum)$", "", name) for name in LABELS}
    assert {name for name in names if name not in shown} == set()


def test_grafana_knows_every_key_of_the_dashboard():
    """Its own library drops those that it does not know."""
    understood = json.loads(JSONEncoder().encode(Dashboard.from_json(DASHBOARD)))

    def keys(there, here, path=""):
        if isinstance(there, dict):
            for key, value in there.items():
                assert key in here, f"{path}.{key}"
                keys(value, here[key], f"{path}.{key}")
        elif isinstance(there, list):
            assert len(there) == len(here), path
            for number, pair in enumerate(zip(there, here, strict=True)):
                keys(*pair, f"{path}[{number}]")
        else:
            assert there == here, path

    keys(DASHBOARD, understood)


def test_panels_say_what_they_show_and_do_not_overlap():
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    for panel in PANELS:
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["datasource"]["uid"] == "${datasource}"
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
    for one, other in combinations([panel["gridPos"] for panel in PANELS], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is missing")
@pytest.mark.parametrize("what", [("check", "alerts.yaml"), ("test", "alerts.test.yaml")])
def test_promtool(what):
    command, file = what
    done = subprocess.run(
        ["promtool", command, "rules", DIRECTORY / file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tried():
    tried = (DIRECTORY / "alerts.test.yaml").read_text()
    assert {rule["alert"] for rule in ALERTS} == set(re.findall(r'alertname="(\w+)"', tried))
