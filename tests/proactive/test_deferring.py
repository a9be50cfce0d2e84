"""What a sweep says of those who were owed a text and got none: how many, by which rule."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from caregiving.models import Caregiver
from proactive import deferring
from proactive.cadences import BY_NAME, CADENCES
from proactive.explaining import explain
from proactive.models import CadenceSwitch, Message, Sweep
from proactive.sweeps import run_sweep
from proactive.switches import Switchboard
from tests.factories import MessageFactory
from tests.proactive.people import DAY, HOUR, NOON, due_for, person

pytestmark = pytest.mark.django_db

NIGHT = NOON.replace(hour=3)


def deferred(now=NOON):
    return deferring.count_deferred(CADENCES, now=now, switchboard=Switchboard.load())


def somebody(count, **fields):
    for _ in range(count):
        due_for("crisis_followup", **fields)


@pytest.mark.parametrize(
    ("rule", "fields"),
    [
        ("pause", {"outreach_paused_until": NOON + DAY}),
        ("gate", {"last_proactive_message_at": NOON - 2 * HOUR}),
        ("conversation", {"last_contact_at": NOON - timedelta(minutes=10)}),
        ("window", {"time_zone": "Asia/Tokyo"}),
    ],
)
def test_whoever_is_owed_a_text_counts_for_the_rule_that_holds_it_back(rule, fields):
    somebody(2, **fields)
    due_for("crisis_followup")  # nothing holds this one back
    person()  # to this one nothing is owed

    assert deferred()["crisis_followup"] == {rule: 2}


def test_another_text_that_waits_counts_as_the_queue():
    one = due_for("crisis_followup")
    MessageFactory(caregiver=one, cadence="wellness", stage=None, occasion=None)

    assert deferred()["crisis_followup"] == {"queue": 1}


def test_what_makes_room_for_a_crisis_follow_up_counts_as_the_reservation():
    crisis = NOON - 20 * HOUR
    due_for("assessment_reminder", last_crisis_event_at=crisis, last_contact_at=NOON - 2 * DAY)

    counted = deferred()

    assert counted["assessment_reminder"] == {"reservation": 1}
    assert counted["crisis_followup"] == {}


def test_of_several_rules_the_first_that_is_told_counts():
    somebody(
        1,
        last_proactive_message_at=NOON - 2 * HOUR,
        last_contact_at=NOON - timedelta(minutes=10),
        time_zone="Asia/Tokyo",
    )

    assert deferred()["crisis_followup"] == {"gate": 1}


@pytest.mark.parametrize(
    "fields",
    [{"opted_out_at": NOON}, {"unreachable_at": NOON}, {"journey_phase": "churned"}],
    ids=["opted out", "unreachable", "churned"],
)
def test_to_whom_nothing_is_owed_is_not_deferred(fields):
    somebody(1, time_zone="Asia/Tokyo", **fields)

    assert deferred()["crisis_followup"] == {}


def test_while_a_cadence_is_off_everybody_who_is_owed_it_counts_for_the_switch():
    CadenceSwitch.objects.create(cadence="wellness", is_on=False)
    due_for("wellness")
    due_for("wellness", time_zone="Asia/Tokyo")

    assert deferred()["wellness"] == {"switch": 2}


def test_it_says_of_each_person_what_explain_says():
    people = [
        due_for(cadence, time_zone=zone, last_proactive_message_at=texted)
        for cadence in BY_NAME
        for zone in ("UTC", "Asia/Tokyo", "Nowhere/Atlantis")
        for texted in (None, NOON - 5 * HOUR, NOON - 25 * HOUR)
    ]
    wanted: dict[str, dict[str, int]] = {name: {} for name in BY_NAME}
    for one in people:
        for said in explain(one, now=NOON)["cadences"]:
            cadence = BY_NAME[said["cadence"]]
            holds = {state["rule"]: state["holds"] for state in said["rules"]}
            deferring_rules = [rule.name for rule in cadence.defers]
            owed = all(
                holds[state["rule"]]
                for state in said["rules"]
                if state["rule"] not in (*deferring_rules, "switch", "priority")
            )
            stopped = [rule for rule in deferring_rules if not holds[rule]]
            if owed and stopped:
                counts = wanted[cadence.name]
                counts[stopped[0]] = counts.get(stopped[0], 0) + 1

    assert deferred() == wanted
    assert sum(sum(counts.values()) for counts in wanted.values()) > 10


def test_a_cadence_costs_one_query_however_many_are_deferred(django_assert_num_queries):
    def fill(count, start):
        Caregiver.objects.bulk_create(
            Caregiver(
                phone_number=f"+1415{start + n:07}",
                first_name="Ada",
                time_zone="Asia/Tokyo",
                journey_phase="active",
                created_at=NOON - 90 * DAY,
                last_contact_at=NOON - 26 * HOUR,
                last_crisis_event_at=NOON - 26 * HOUR,
            )
            for n in range(count)
        )

    switchboard = Switchboard.load()
    for size, start in ((100, 2_000_000), (10_100, 3_000_000)):
        fill(size, start)
        with django_assert_num_queries(len(CADENCES)):
            counted = deferring.count_deferred(CADENCES, now=NOON, switchboard=switchboard)

    assert counted["crisis_followup"] == {"window": deferring.MOST}
    assert deferring.in_words({"deferred": counted}, "crisis_followup") == "window 10,000+"


# --- On the record of a sweep ---


def test_a_sweep_keeps_what_it_counted_beside_what_it_queued():
    somebody(1)
    somebody(2, time_zone="Asia/Tokyo")

    swept = run_sweep(now=NOON)

    swept.refresh_from_db()
    assert swept.counts["queued"]["crisis_followup"] == 1
    assert swept.counts["deferred"]["crisis_followup"] == {"window": 2}


def test_a_sweep_soon_after_one_that_counted_does_not_count():
    first, second = run_sweep(now=NOON), run_sweep(now=NOON + HOUR)
    Sweep.objects.filter(pk=first.pk).update(
        started_at=timezone.now() - deferring.COUNT_EVERY - timedelta(seconds=1)
    )
    third = run_sweep(now=NOON)

    assert ["deferred" in swept.counts for swept in (first, second, third)] == [True, False, True]


def test_an_idle_sweep_that_need_not_count_asks_nobody():
    run_sweep(now=NOON)

    with CaptureQueriesContext(
        connection,
    ) as captured:
        run_sweep(now=NOON)

    assert not [query for query in captured if "stopped_by" in query["sql"]]


def test_a_dry_run_always_counts_and_is_no_reason_for_a_real_one_not_to():
    somebody(1, time_zone="Asia/Tokyo")
    dry = [run_sweep(now=NOON, dry_run=True) for _ in range(2)]
    real = run_sweep(now=NOON)

    assert [swept.counts["deferred"]["crisis_followup"] for swept in (*dry, real)] == [
        {"window": 1}
    ] * 3


def test_a_sweep_of_one_cadence_counts_that_one():
    assert [*run_sweep(now=NOON, cadences=["wellness"]).counts["deferred"]] == ["wellness"]


def test_a_held_sweep_does_not_count(settings):
    settings.SWEEP_CEILING = 1
    somebody(2)

    swept = run_sweep(now=NOON)

    assert swept.held
    assert "deferred" not in swept.counts


def test_what_cannot_be_counted_does_not_spoil_the_sweep(monkeypatch, caplog):
    somebody(1)

    def fails(*args, **options):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(deferring, "count_deferred", fails)
    swept = run_sweep(now=NOON)

    assert (swept.error, swept.texts_queued, Message.objects.count()) == ("", 1, 1)
    assert "could not count who was deferred" in caplog.text


# --- How many are due ---


def test_who_is_due_now_is_counted_by_cadence_without_what_is_switched_off():
    somebody(2)
    somebody(1, time_zone="Asia/Tokyo")
    due_for("assessment_reminder")
    due_for("wellness")
    CadenceSwitch.objects.create(cadence="wellness", is_on=False)

    counted = deferring.count_due(CADENCES, now=NOON, switchboard=Switchboard.load())

    assert counted == {
        "crisis_followup": 2,
        "dormant_reactivation": 0,
        "assessment_reminder": 1,
        "onboarding_nudge": 0,
    }
