"""What Prometheus reads: true for all processes, cheap, and only for whoever shows the token."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families

from caregiving.models import InboundMessage
from proactive import metrics, scheduling, tasks, ticking
from proactive.models import CadenceSwitch, CareAlert, RefusedWebhook, Sweep
from tests.factories import MessageFactory
from tests.proactive.people import DAY, HOUR, NOON, due_for, person
from tests.proactive.queueing import queued

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
TOKEN = "a-token-for-tests-only"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(autouse=True)
def at_noon(settings, time_machine):
    settings.METRICS_TOKEN = TOKEN
    time_machine.move_to(NOON, tick=False)


@pytest.fixture
def read(client):
    def read(name, **labels):
        """The value of one series; None where there is none."""
        answer = client.get("/metrics", headers=BEARER)
        assert answer.status_code == 200
        for family in text_string_to_metric_families(answer.content.decode()):
            for sample in family.samples:
                if sample.name == name and sample.labels == labels:
                    return sample.value
        return None

    return read


# --- Who may read it ---


def test_without_a_token_there_is_no_such_page(client, settings):
    settings.METRICS_TOKEN = ""

    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


@pytest.mark.parametrize(
    "shown", [None, "", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer", "Bearer pässwort"]
)
def test_whoever_does_not_show_the_token_learns_nothing(client, shown):
    headers = {} if shown is None else {"Authorization": shown}

    with CaptureQueriesContext(connection) as queries:
        answer = client.get("/metrics", headers=headers)

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert b"outreach_" not in answer.content
    assert len(queries) == 0


def test_it_is_only_looked_at(client):
    assert client.post("/metrics", headers=BEARER).status_code == 405


def test_a_database_that_does_not_answer_is_said(client):
    def gone(*_):
        raise OperationalError("the server at 10.0.0.7 is gone")

    with connection.execute_wrapper(gone):
        answer = client.get("/metrics", headers=BEARER)

    assert (answer.status_code, answer.content) == (503, b"The database does not answer.\n")


# --- What it says ---


def test_a_fresh_system(read):
    assert read("outreach_state", state="not_running") == 1
    assert read("outreach_seconds_since_tick") == float("inf")
    assert read("outreach_seconds_since_sweep") == float("inf")
    assert read("outreach_seconds_since_beat") == float("inf")
    assert read("outreach_texts_queued", cadence="wellness") == 0
    assert read("outreach_oldest_queued_seconds") == 0


def test_after_a_tick(read, gateway, time_machine):
    due_for("wellness")
    due_for("crisis_followup")
    scheduling.sync_schedules()
    entry = scheduling.tick_entry()
    entry.last_run_at = NOON
    entry.save()
    tasks.tick()
    time_machine.move_to(NOON + MINUTE, tick=False)

    assert read("outreach_state", state="on") == 1
    assert read("outreach_state", state="not_running") == 0
    assert read("outreach_seconds_since_tick") == 60
    assert read("outreach_seconds_since_sweep") == 60
    assert read("outreach_seconds_since_beat") == 60
    assert read("outreach_due", cadence="wellness") == 1
    assert read("outreach_due", cadence="dormant_reactivation") == 0
    assert read("outreach_texts_today", cadence="wellness", outcome="sent") == 1
    assert read("outreach_texts_today", cadence="wellness", outcome="delivered") == 0
    for part in ("tick", "run_sweep", "deliver_queued"):
        assert read("outreach_tick_seconds_count", part=part) == 1
        assert read("outreach_tick_failures_total", part=part) == 0


def test_how_long_sweeps_and_deliveries_took(read):
    ticking.note("run_sweep", seconds=2, succeeded=True)
    ticking.note("run_sweep", seconds=0.5, succeeded=False)

    assert read("outreach_tick_seconds_sum", part="run_sweep") == 2.5
    assert read("outreach_tick_seconds_count", part="run_sweep") == 2
    assert read("outreach_tick_last_seconds", part="run_sweep") == 0.5
    assert read("outreach_tick_failures_total", part="run_sweep") == 1


def test_who_is_held_back_by_which_rule(read):
    Sweep.objects.create(
        now=NOON,
        started_at=NOON - 5 * MINUTE,
        finished_at=NOON,
        counts={"deferred": {"wellness": {"window": 12, "gate": 3}}},
    )

    assert read("outreach_deferred", cadence="wellness", rule="window") == 12
    assert read("outreach_deferred", cadence="wellness", rule="gate") == 3
    assert read("outreach_deferred", cadence="crisis_followup", rule="window") == 0


def test_what_waits_and_for_how_long(read):
    queued("wellness", now=NOON - 7 * MINUTE)
    queued("crisis_followup", now=NOON - 2 * MINUTE)

    assert read("outreach_texts_queued", cadence="wellness") == 1
    assert read("outreach_texts_queued", cadence="crisis_followup") == 1
    assert read("outreach_oldest_queued_seconds") == 7 * 60


def test_what_waits_past_its_late_limit(read):
    MessageFactory(occasion=NOON - 73 * HOUR)

    assert read("outreach_texts_too_late") == 1


def test_what_failed_by_code(read, monkeypatch):
    for code, status in (("30003", "undelivered"), ("30003", "failed"), ("", "failed")):
        MessageFactory(status=status, error_code=code, queued_at=NOON - HOUR)
    MessageFactory(status="failed", error_code="30003", queued_at=NOON - DAY)

    assert read("outreach_texts_failed", code="30003") == 2
    assert read("outreach_texts_failed", code="none") == 1
    monkeypatch.setattr(metrics, "CODES", 1)
    assert read("outreach_texts_failed", code="none") is None
    assert read("outreach_texts_failed", code="other") == 1


def test_what_is_under_way_unknown_or_not_reported_on(read):
    MessageFactory(status="sending")
    for _ in range(2):
        MessageFactory(status="unknown")
    for hours in (0.5, 2, 3, 26):
        at = NOON - hours * HOUR
        MessageFactory(status="sent", queued_at=at, sent_at=at)

    assert read("outreach_texts_sending") == 1
    assert read("outreach_texts_unknown") == 2
    assert read("outreach_texts_unreported") == 2


def test_what_came_in(read):
    RefusedWebhook.objects.create(day=NOON.date(), endpoint="status", count=3)
    RefusedWebhook.objects.create(day=NOON.date() - DAY, endpoint="status", count=4)
    for number, hours in enumerate((0.5, 2)):
        InboundMessage.objects.create(
            from_number="+14155550123", provider_sid=f"SM{number}", received_at=NOON - hours * HOUR
        )

    assert read("outreach_webhooks_refused_total", endpoint="status") == 7
    assert read("outreach_webhooks_refused_total", endpoint="inbound") == 0
    assert read("outreach_texts_received") == 1


def test_what_waits_for_a_person(read):
    kind = CareAlert.Kind.FOLLOWUP_FAILED
    CareAlert.objects.create(kind=kind, caregiver=person())
    CareAlert.objects.create(kind=kind, caregiver=person(), resolved_at=NOON)

    assert read("outreach_alerts_open", kind="followup_failed") == 1
    assert read("outreach_alerts_open", kind="sweep_held") == 0


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"is_on": False}, "off"),
        ({"is_on": False, "halted": True}, "halted"),
        ({"paused_until": NOON + HOUR}, "paused"),
    ],
)
def test_what_outreach_is_doing(read, fields, state):
    Sweep.objects.create(now=NOON, finished_at=NOON)
    CadenceSwitch.objects.create(cadence="everything", **fields)

    assert read("outreach_state", state=state) == 1


# --- What it costs ---


def asked():
    with CaptureQueriesContext(connection) as queries:
        list(metrics.OutreachCollector(now=NOON).collect())
    return queries


def test_a_scrape_asks_the_same_however_much_there_is():
    asked()  # content types and the like
    before = len(asked())
    for cadence in ("wellness", "crisis_followup", "onboarding_nudge"):
        queued(cadence, now=NOON - MINUTE)
    for _ in range(3):
        MessageFactory(status="failed", error_code="30003", queued_at=NOON)
        CareAlert.objects.create(kind=CareAlert.Kind.DUPLICATE, caregiver=person())

    assert len(asked()) == before
    assert before < 35


def test_no_count_goes_further_than_anybody_reads():
    """Of texts, received texts and alerts; a day of few texts is counted, a long one is not."""
    unbounded = [
        query["sql"]
        for query in asked()
        if "LIMIT" not in query["sql"]
        and any(table in query["sql"] for table in ("_message", "_inbound", "_carealert"))
    ]

    assert len(unbounded) == 1
    assert "attempt_started_at" in unbounded[0]


def test_a_long_day_is_not_counted_again_by_whoever_asks_while_nothing_ticks(monkeypatch, read):
    from proactive import tallies

    monkeypatch.setattr(tallies, "WORTH_REMEMBERING", 1)
    MessageFactory(status="sent", sent_at=NOON, attempt_started_at=NOON)
    tallies.remember(now=NOON - HOUR)

    sent = [query["sql"] for query in asked() if "attempt_started_at" in query["sql"]]

    assert sent == []
    assert read("outreach_texts_today", cadence="crisis_followup", outcome="sent") == 1
