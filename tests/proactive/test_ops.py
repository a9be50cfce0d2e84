"""What is handed to Prometheus and Grafana: it names what is exported, and says what to do."""

import json
import re

import pytest
import yaml

from proactive import ticking
from proactive.metrics import OutreachCollector
from proactive.models import CareAlert, TickPart
from tests.conftest import ROOT
from tests.factories import MessageFactory
from tests.proactive.people import NOON

RULES = [
    rule
    for group in yaml.safe_load((ROOT / "ops/prometheus/alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
DASHBOARD = json.loads((ROOT / "ops/grafana/dashboard.json").read_text())
EXPRESSIONS = [rule["expr"] for rule in RULES] + [
    target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]
]
OPERATING = (ROOT / "docs/operating.md").read_text()
# What Prometheus itself knows of each that it reads.
ITS_OWN = {"up"}


@pytest.fixture
def exported(db):
    """By name of each series, the names of its labels and the values of each."""
    ticking.note(TickPart.TICK, seconds=1, succeeded=True)
    MessageFactory(status="failed", error_code="30003", queued_at=NOON)
    series = {}
    for family in OutreachCollector(now=NOON).collect():
        for sample in family.samples:
            labels = series.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    return series


def named(expression):
    return set(re.findall(r"\b(?:outreach_\w+|up(?=\{))", expression))


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_metric_and_label_that_is_named_is_exported(exported, expression):
    assert named(expression)
    assert named(expression) - ITS_OWN <= set(exported)
    for name, conditions in re.findall(r"(outreach_\w+)\{(.*?)\}", expression):
        for label in re.findall(r"(\w+)(?:=~|!=|=)", conditions):
            assert label in exported[name]
    # What is added up once more has the labels that the inner one leaves.
    by = re.findall(r"by \(([\w, ]+)\) \((?:\w+\()?(outreach_\w+)", expression)
    for labels, name in by:
        assert set(labels.split(", ")) <= set(exported[name])


def test_every_metric_is_looked_at_and_explained(exported):
    shown = set().union(*map(named, EXPRESSIONS))

    assert set(exported) - shown == set()
    for name in exported:
        family = re.sub(r"_(sum|count)$", "", name)
        assert f"`{family}" in OPERATING, f"{family}: say in docs/operating.md what it means"


def test_the_states_and_kinds_that_rules_name_are_there(exported):
    states = set(re.findall(r'state="(\w+)"', str(EXPRESSIONS)))
    states_of = ("outreach_state", "outreach_webhook_endpoints")
    assert states <= set().union(*(exported[name]["state"] for name in states_of))
    (kinds,) = set(re.findall(r'kind=~"(.*?)"', str(EXPRESSIONS)))
    matched = {kind for kind in CareAlert.Kind if re.fullmatch(kinds, kind)}
    assert matched < set(CareAlert.CRISIS)
    assert len(matched) == 5


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_rule_says_what_is_wrong_how_bad_it_is_and_where_to_read_what_to_do(rule):
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"Outreach[A-Z]\w+", rule["alert"])
    assert re.fullmatch(r"\d+[mh]", rule.get("for", "1m"))
    # What counts over a time of its own need not last as well.
    assert "for" in rule or re.search(r"\[\d+m\]|offset", rule["expr"])
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    assert rule["annotations"]["runbook"] == f"docs/operating.md#{rule['alert'].lower()}"
    assert f"\n### {rule['alert']}\n" in OPERATING


def test_no_rule_is_there_twice_and_none_is_explained_that_is_not_there():
    names = [rule["alert"] for rule in RULES]

    assert len(set(names)) == len(names)
    assert re.findall(r"^### (Outreach\w+)$", OPERATING, re.MULTILINE) == names


def test_every_panel_says_what_it_shows_and_none_covers_another():
    taken = set()
    for panel in DASHBOARD["panels"]:
        assert panel["title"]
        assert panel["description"]
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_the_watch_is_a_service_of_its_own_that_needs_neither_worker_nor_broker():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]

    assert services["watch"]["command"] == ["python", "manage.py", "watch"]
    assert set(services["watch"]["depends_on"]) == {"migrate"}
    assert services["watch"]["environment"] == services["worker"]["environment"]
