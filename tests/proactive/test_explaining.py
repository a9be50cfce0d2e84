"""What staff are told, checked against what the sweep does."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from caregiving.models import Caregiver
from proactive.explaining import explain
from proactive.forecasting import forecast
from proactive.models import CadenceSwitch, Status
from tests.factories import CaregiverFactory, MessageFactory
from tests.proactive.people import (
    DAY,
    DUE,
    FIRST,
    HOUR,
    MOMENT,
    NOON,
    due_for,
    person,
    sweep_among,
    undone,
)
from tests.proactive.strategies import checked, create, instants, populations

pytestmark = pytest.mark.django_db


def entry(someone, cadence: str, now=NOON) -> dict:
    (found,) = (one for one in explain(someone, now=now)["cadences"] if one["cadence"] == cadence)
    return found


def sendable(someone, now) -> tuple | None:
    """What `explain` says a sweep at `now` would queue for them."""
    found = [
        (one["cadence"], one["stage"] or one["tier"])
        for one in explain(someone, now=now)["cadences"]
        if one["sendable"]
    ]
    assert len(found) <= 1
    return found[0] if found else None


# --- Sendable is what a sweep queues ---


def test_what_explain_says_is_sendable_is_exactly_what_a_sweep_queues():
    found = []

    @checked(40)
    @given(st.data(), instants)
    def check(data, now):
        with undone():
            people = create(data.draw(populations(now, most=8)), now)
            said = {label: sendable(one, now) for label, one in people.items()}
            assert sweep_among(people, now) == said
            found.extend(said.values())

    check()
    texts = [text for text in found if text is not None]
    assert len(texts) / len(found) >= 0.2  # or the property would say little
    assert {cadence for cadence, _ in texts} == set(DUE)


@pytest.mark.parametrize("cadence", DUE)
def test_one_cadence_is_sendable_and_every_rule_of_it_holds(cadence):
    someone = due_for(cadence)
    found = [one for one in explain(someone, now=NOON)["cadences"] if one["sendable"]]
    assert [(one["cadence"], one["stage"] or one["tier"]) for one in found] == [FIRST[cadence]]
    assert [state["rule"] for state in found[0]["rules"] if not state["holds"]] == []
    assert found[0]["earliest"] == NOON


def test_what_is_due_as_well_stands_back_for_what_is_more_urgent():
    someone = due_for("dormant_reactivation", burnout_band="high")
    assert entry(someone, "wellness")["sendable"] is True
    dormant = entry(someone, "dormant_reactivation")
    assert dormant["sendable"] is False
    assert [state for state in dormant["rules"] if not state["holds"]] == [
        {"rule": "priority", "holds": False, "says": "Wellness check-in goes first"}
    ]


# --- Shape ---


def test_explain_has_the_shape_that_was_agreed():
    someone = person()
    result = explain(someone, now=NOON)
    assert (result["phone_number"], result["now"]) == (str(someone.phone_number), NOON)
    assert [one["cadence"] for one in result["cadences"]] == list(DUE)
    for one in result["cadences"]:
        assert {"cadence", "stage", "sendable", "rules", "earliest"} <= set(one)
        for state in one["rules"]:
            assert set(state) == {"rule", "holds", "says"}


def test_every_rule_of_every_cadence_has_a_sentence():
    @checked(10)
    @given(st.data(), instants)
    def check(data, now):
        with undone():
            for one in create(data.draw(populations(now, most=6)), now).values():
                for cadence in explain(one, now=now)["cadences"]:
                    names = [state["rule"] for state in cadence["rules"]]
                    assert {"switch", "consent", "pause", "gate", "queue", "window"} <= set(names)
                    assert len(names) == len(set(names))
                    for state in cadence["rules"]:
                        assert state["says"].strip() == state["says"] != ""
                        assert "None" not in state["says"]

    check()


def test_a_stage_is_named_by_number_and_a_tier_by_name():
    someone = due_for("crisis_followup", burnout_band="crisis")
    assert [
        (one["cadence"], one["stage"], one["tier"])
        for one in explain(someone, now=NOON)["cadences"]
    ][:2] == [("crisis_followup", 1, ""), ("wellness", None, "crisis_recent")]


def test_explain_reads_the_database_and_not_the_instance_it_was_given():
    someone = due_for("wellness")
    someone.burnout_band = ""
    assert entry(someone, "wellness")["sendable"] is True


def test_explain_writes_nothing():
    someone = due_for("wellness")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        explain(someone, now=NOON)
    assert [one["sql"] for one in queries if not one["sql"].startswith("SELECT")] == []


# --- Earliest ---


def test_a_sweep_at_the_earliest_instant_queues_it_and_a_moment_before_does_not():
    counted = []

    @checked(20)
    @given(st.data(), instants)
    def check(data, now):
        with undone():
            people = create(data.draw(populations(now, most=4, texts=False)), now)
            for someone in people.values():
                for one in explain(someone, now=now)["cadences"]:
                    at, name = one["earliest"], one["cadence"]
                    step = (name, one["stage"] or one["tier"])
                    if at is None or (counted.count(name) > 4 and at == now):
                        continue
                    counted.append(name)
                    one_person = {"one": someone}
                    if at > now:
                        with undone():
                            before = sweep_among(one_person, at - MOMENT, cadences=[name])
                            assert before == {"one": None}
                    with undone():
                        assert sweep_among(one_person, at, cadences=[name]) == {"one": step}

    check()
    assert len(counted) >= 20
    assert len(set(counted)) >= 3


BLOCKED = {
    "the gate": ({"last_proactive_message_at": NOON - 20 * HOUR}, NOON + 4 * HOUR),
    "a pause by staff": ({"outreach_paused_until": NOON + 2 * HOUR}, NOON + 2 * HOUR),
    "a window that opens": ({"time_zone": "Pacific/Honolulu"}, NOON + 7 * HOUR),
    "a window that has closed": ({"time_zone": "Asia/Tokyo"}, NOON + 12 * HOUR),
    "a conversation": ({"last_contact_at": NOON - 23 * HOUR}, NOON + HOUR),
}


@pytest.mark.parametrize(("fields", "at"), BLOCKED.values(), ids=BLOCKED)
def test_earliest_is_when_the_last_of_the_obstacles_is_gone(fields, at):
    someone = due_for("assessment_reminder", **fields)
    found = entry(someone, "assessment_reminder")
    assert (found["sendable"], found["earliest"]) == (False, at)


@pytest.mark.parametrize("switched", ["assessment_reminder", CadenceSwitch.EVERYTHING])
def test_a_switch_that_is_paused_puts_it_off_and_one_that_is_off_does_for_good(switched):
    someone = due_for("assessment_reminder")
    switch = CadenceSwitch.objects.create(cadence=switched, paused_until=NOON + 3 * HOUR)
    assert entry(someone, "assessment_reminder")["earliest"] == NOON + 3 * HOUR
    assert entry(someone, "assessment_reminder", NOON + 3 * HOUR)["sendable"] is True
    switch.is_on, switch.reason = False, "wrong words"
    switch.save()
    off = entry(someone, "assessment_reminder")
    assert (off["sendable"], off["earliest"]) == (False, None)
    assert off["rules"][0]["rule"] == "switch"
    assert off["rules"][0]["says"].endswith("is off: wrong words")


@pytest.mark.parametrize("cadence", DUE)
def test_whoever_opted_out_has_no_earliest(cadence):
    assert entry(due_for(cadence, opted_out_at=NOON - DAY), cadence)["earliest"] is None


def test_while_a_text_waits_the_next_counts_from_when_it_goes_out():
    someone = due_for("wellness", last_proactive_message_at=NOON - 30 * HOUR)
    MessageFactory(caregiver=someone, status=Status.QUEUED, queued_at=NOON - 30 * HOUR)
    wellness = entry(someone, "wellness")
    assert wellness["sendable"] is False
    # Every three days for this band, counted from now at the soonest.
    assert wellness["earliest"] == NOON + 3 * DAY
    (gate,) = (state for state in wellness["rules"] if state["rule"] == "gate")
    assert gate["says"].startswith("last proactive message Mon 4 Jan 06:00")


def test_more_than_ninety_days_ahead_is_told_as_never():
    someone = due_for("wellness", outreach_paused_until=NOON + timedelta(days=89))
    assert entry(someone, "wellness")["earliest"] is None  # churned by then
    someone = person(
        journey_phase="onboarding", last_crisis_event_at=NOON, outreach_paused_until=NOON + 41 * DAY
    )
    assert entry(someone, "crisis_followup")["earliest"] == NOON + 41 * DAY


def test_one_person_costs_as_many_queries_among_10000_as_alone():
    someone = due_for("crisis_followup")

    def queries():
        with CaptureQueriesContext(connection) as captured:
            explain(someone, now=NOON)
            forecast(someone, now=NOON)
        # Nothing that is asked may read others on its way.
        people = [one["sql"] for one in captured if '"caregiving_caregiver"' in one["sql"]]
        assert all(f'"id" = {someone.pk}' in sql for sql in people)
        return len(captured)

    alone = queries()
    Caregiver.objects.bulk_create(
        CaregiverFactory.build_batch(9_999, last_crisis_event_at=NOON - 26 * HOUR)
    )

    assert queries() == alone
