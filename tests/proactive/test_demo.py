"""The demo population: people who do not exist, in every state, at every hour."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import pairwise

import phonenumbers
import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.db.models import F

from caregiving import zones
from caregiving.models import (
    Caregiver,
    ConsentChange,
    CrisisEvent,
    InboundMessage,
    JourneyPhase,
    Language,
    WellnessScore,
)
from proactive import demo, demo_people, figures
from proactive.cadences import BY_NAME, CADENCES
from proactive.clocks import HOUR, MINUTE, places
from proactive.demo_states import states
from proactive.models import CareAlert, Message
from proactive.promises import check_promises
from proactive.rules import CASCADE
from proactive.sweeps import run_sweep

NOW = datetime(2026, 1, 7, 18, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def people():
    return list(demo.population(2000, now=NOW))


def blocked_by(state, person, now=NOW):
    """Names of the rules that stop the step of `state`, closed hours aside."""
    return {
        rule.name
        for rule in state.cadence.rules(state.step)
        if rule.name != "window" and not rule.holds(person, now)
    }


def of(people, ending):
    return [
        (state, person) for state, person in people if state.cadence and state.name.endswith(ending)
    ]


def seed(count=300):
    return demo.seed_demo(caregivers=count, now=NOW)


# --- The population ---


def test_everybody_has_a_number_of_their_own_that_is_valid_and_set_aside_for_fiction(people):
    numbers = [person.phone_number for _, person in people]
    assert len(set(numbers)) == 2000
    assert {number[5:10] for number in numbers} == {"55501"}
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(number)) for number in numbers)


def test_every_state_occurs_as_often_as_declared(people):
    assert Counter(state.name for state, _ in people) == {
        state.name: state.share for state in states()
    }


def test_every_step_of_every_cadence_has_somebody_who_is_due_now(people):
    due = {(state.cadence.name, state.step.variant) for state, _ in of(people, " due")}
    assert due == {(cadence.name, step.variant) for cadence in CADENCES for step in cadence.steps}


def test_whoever_is_due_is_held_back_by_nothing_but_closed_hours(people):
    assert [blocked_by(state, person) for state, person in of(people, " due")] == [set()] * 190


def test_whoever_is_due_soon_is_not_due_yet_and_is_due_six_hours_later(people):
    soon = of(people, " soon")
    assert all(blocked_by(state, person) for state, person in soon)
    later = NOW + timedelta(hours=6)
    assert [blocked_by(state, person, later) for state, person in soon] == [set()] * len(soon)


@pytest.mark.parametrize("rule", ["gate", "conversation", "reservation", "consent", "pause"])
def test_whoever_is_held_back_by_a_rule_is_held_back_by_it(people, rule):
    held_back = of(people, f" {rule}")
    assert len(held_back) >= 20
    assert all(rule in blocked_by(state, person) for state, person in held_back)


def test_a_first_sweep_finds_one_to_three_hundred_due_if_it_were_daytime_everywhere(people):
    def is_due(person):
        return any(
            all(rule.holds(person, NOW) for rule in cadence.rules(step) if rule.name != "window")
            for cadence in CADENCES
            for step in cadence.steps
        )

    assert 100 <= sum(is_due(person) for _, person in people) <= 300


@pytest.mark.parametrize(
    "day", [datetime(2026, 1, 7, tzinfo=UTC), datetime(2026, 7, 8, tzinfo=UTC)]
)
def test_at_any_hour_a_dozen_or_more_of_those_due_are_within_their_hours(people, day):
    due = of(people, " due")
    for _, person in due:
        person.derived_zones = zones.derive(
            time_zone=person.time_zone,
            zip_code=person.zip_code,
            phone_number=person.phone_number,
        )

    def sendable(now):
        return sum(
            state.cadence.window.is_open(
                zones.of(time_zone=person.time_zone, derived_zones=person.derived_zones), now
            )
            for state, person in due
        )

    assert min(sendable(day + timedelta(minutes=30 * i)) for i in range(48)) >= 12


def test_people_speak_two_languages_and_some_have_no_name_or_zone(people):
    everybody = [person for _, person in people]
    assert {person.language for person in everybody} == {Language.ENGLISH, Language.SPANISH}
    assert {bool(person.first_name) for person in everybody} == {True, False}
    assert {bool(person.time_zone) for person in everybody} == {True, False}
    assert any(not person.time_zone and not person.zip_code for person in everybody)


def test_the_same_now_gives_the_same_people():
    def facts():
        return [
            (state.name, person.phone_number, person.last_contact_at, person.created_at)
            for state, person in demo.population(200, now=NOW)
        ]

    assert facts() == facts()


def test_nothing_that_is_over_lies_in_the_future(people):
    fields = ("created_at", "last_contact_at", "last_assessment_at", "last_crisis_event_at")
    assert [
        (state.name, field)
        for state, person in people
        for field in (*fields, "last_proactive_message_at", "opted_out_at")
        if (at := getattr(person, field)) is not None and at > NOW
    ] == []


# --- Seeding ---


@pytest.mark.django_db
def test_seeding_creates_the_people_and_what_led_to_their_state():
    assert seed() == demo.Seeded(created=300)
    assert Caregiver.objects.count() == 300
    assert Caregiver.objects.exclude(phone_number__regex=demo_people.DEMO_NUMBER).count() == 0
    assert set(Caregiver.objects.values_list("journey_phase", flat=True)) == set(
        JourneyPhase.values
    )
    assert (
        CrisisEvent.objects.count()
        == Caregiver.objects.filter(last_crisis_event_at__isnull=False).count()
    )
    assert (
        ConsentChange.objects.count()
        == Caregiver.objects.filter(opted_out_at__isnull=False).count()
    )
    assert all(text.body.startswith("Demo: ") for text in InboundMessage.objects.all())
    for person in Caregiver.objects.filter(last_assessment_at__isnull=False):
        latest = WellnessScore.objects.filter(caregiver=person).first()
        assert (latest.burnout_band, latest.created_at) == (
            person.burnout_band,
            person.last_assessment_at,
        )


@pytest.mark.django_db
def test_what_people_were_texted_keeps_the_promises():
    seed()
    texts = list(Message.objects.select_related("caregiver").order_by("caregiver", "queued_at"))
    tried = {(text.caregiver_id, text.attempt_started_at) for text in texts}

    assert len(texts) > 500
    for before, after in pairwise(texts):
        if before.caregiver_id == after.caregiver_id:
            assert after.attempt_started_at - before.attempt_started_at >= timedelta(hours=24)
    for text in texts:
        person, at = text.caregiver, text.attempt_started_at
        assert person.created_at < at <= NOW
        assert BY_NAME[text.cadence].window.is_open(places(person), at)
        assert person.opted_out_at is None or at <= person.opted_out_at
        # The gate counts from the latest.
        assert at <= person.last_proactive_message_at
        assert (person.pk, person.last_proactive_message_at) in tried
        crisis = person.last_crisis_event_at
        if crisis and text.cadence == "dormant_reactivation":
            assert not crisis <= at < crisis + CASCADE
        if BY_NAME[text.cadence].anchor.of(person) == text.occasion:
            assert text.stage <= getattr(person, BY_NAME[text.cadence].counter)


@pytest.mark.django_db
def test_each_answer_is_something_that_somebody_wrote_after_the_latest_text():
    seed()
    written = set(InboundMessage.objects.values_list("caregiver", "received_at"))
    texts = list(Message.objects.exclude(sent_at=None).order_by("sent_at"))
    answered = [text for text in texts if text.replied_at]

    assert len(answered) > 50
    for text in answered:
        assert (text.caregiver_id, text.replied_at) in written
        latest = [
            one
            for one in texts
            if one.caregiver_id == text.caregiver_id and one.sent_at <= text.replied_at
        ]
        assert latest[-1] == text
    assert not InboundMessage.objects.filter(received_at__gt=F("caregiver__last_contact_at"))


@pytest.mark.django_db
def test_the_home_page_has_something_to_show():
    seed(2000)
    tallies = figures.handed_over(now=NOW)
    days = Counter()
    for (day, _), tally in tallies.items():
        days[day] += tally.sent

    assert min(days[day] for day in figures.days_until(NOW, 30)) >= 10
    assert {cadence for _, cadence in tallies} == set(BY_NAME)
    kinds = Counter(CareAlert.objects.filter(resolved_at=None).values_list("kind", flat=True))
    assert kinds == {"followup_failed": 2, "outcome_unknown": 1}
    assert Message.objects.filter(status="unknown").count() == 1


@pytest.mark.django_db
def test_the_same_now_gives_the_same_texts():
    def texts():
        seed(100)
        facts = [
            (text.to_number, text.queued_at, text.status, text.body, text.replied_at)
            for text in Message.objects.order_by("to_number", "queued_at")
        ]
        for model in (CareAlert, Message, InboundMessage, Caregiver):
            model.objects.all().delete()
        return facts

    assert texts() == texts() != []


@pytest.mark.django_db
def test_every_crisis_follow_up_of_theirs_is_accounted_for_with_and_without_a_sweep():
    seed()
    at_once, soon = check_promises(now=NOW), check_promises(now=NOW + 15 * MINUTE)
    assert (at_once.unaccounted, soon.unaccounted) == (0, 0)
    for hours in (0, 1, 12, 24):
        then = NOW + hours * HOUR
        run_sweep(now=then)
        assert check_promises(now=then).unaccounted == 0
    missed = CareAlert.objects.filter(kind="followup_missed")
    assert missed.filter(detail__startswith="Not sent in time: 1 ").exists()


@pytest.mark.django_db
def test_a_sweep_of_the_demo_people_queues_a_dozen_texts_or_more():
    seed(2000)
    run_sweep(now=NOW)
    assert Message.objects.queued().count() >= 12


@pytest.mark.django_db
def test_seeding_twice_changes_nothing():
    seed()
    before = list(Caregiver.objects.order_by("pk").values())
    assert demo.seed_demo(caregivers=500, now=NOW) == demo.Seeded(already_here=300)
    assert list(Caregiver.objects.order_by("pk").values()) == before


@pytest.mark.django_db
def test_the_demo_login_opens_the_back_office():
    seed(10)
    user = authenticate(username="demo", password="demo")
    assert (user.is_staff, user.is_superuser) == (True, True)


@pytest.mark.django_db
def test_demo_people_are_refused_beside_real_ones():
    Caregiver.objects.create(phone_number="+14155552671")
    with pytest.raises(demo.DemoRefused, match="people who are not demo people"):
        seed()
    assert Caregiver.objects.count() == 1


@pytest.mark.django_db
def test_demo_people_are_refused_outside_debug(settings):
    settings.DEMO_ALLOWED = False
    with pytest.raises(demo.DemoRefused, match="only with DEBUG=true"):
        seed()
    assert Caregiver.objects.count() == 0


@pytest.mark.django_db
def test_demo_people_are_refused_where_a_carrier_would_text_them(settings):
    settings.SMS_GATEWAY, settings.TWILIO_API_BASE_URL = "twilio", ""
    with pytest.raises(demo.DemoRefused, match="set SMS_GATEWAY=console"):
        seed()


@pytest.mark.parametrize("count", [0, -1, 1_000_000])
def test_more_people_than_fictional_numbers_are_refused(count):
    with pytest.raises(demo.DemoRefused, match=f"1 to {demo_people.how_many():,} people"):
        seed(count)


# --- The command ---


def run(*arguments):
    out = StringIO()
    call_command("seed_demo", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_the_command_says_what_it_did_and_what_comes_next():
    assert run("--caregivers", "20") == (
        "20 demo people created. Log in as demo with password demo; demo-viewer, "
        "demo-nurse, demo-lead have the same, and may do less.\n"
        "Next: manage.py sweep --dry-run\n"
    )
    assert run() == "20 demo people are here already; nothing changed.\n"
    assert json.loads(run("--json")) == {"login": "demo", "created": 0, "already_here": 20}


@pytest.mark.django_db
def test_the_command_fails_outside_debug(settings):
    settings.DEMO_ALLOWED = False
    with pytest.raises(CommandError, match="only with DEBUG=true"):
        run()
