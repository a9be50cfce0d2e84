"""A cadence that is on for a share of people: who they are, and what that means for the others."""

from itertools import count

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from caregiving import events
from caregiving.models import Caregiver
from proactive import cohorts, deferring, shares
from proactive.cadences import BY_NAME, CADENCES, CRISIS_FOLLOWUP, WELLNESS
from proactive.delivery import deliver_queued
from proactive.explaining import explain
from proactive.forecasting import forecast
from proactive.models import CadenceSwitch, CareAlert, Message, Status
from proactive.promises import NOT_ON, UNACCOUNTED, check_promises
from proactive.sweeps import run_sweep
from proactive.switches import Switchboard
from proactive.upcoming import next_in_line
from tests.factories import CaregiverFactory, MessageFactory
from tests.proactive.people import DAY, FIRST, HOUR, NOON, due_for, person, sweep

pytestmark = pytest.mark.django_db

NAMES = tuple(BY_NAME)
SAYS = "outreach by this cadence is on for 5 % of people; this person is not among them"
PLACES_OF_THE_FIRST = [193427035, 268660778, 1456059426, 363605745, 349798350]
KEYS = [1, 2, 3, shares.PLACES - 1, shares.PLACES, shares.PLACES + 1, 2**62 + 7, 2**63 - 1]


def put(cadence, share, **fields):
    CadenceSwitch.objects.update_or_create(cadence=cadence, defaults={"share": share, **fields})


def key(cadence, *, inside, share=5):
    """Of somebody who is not there yet."""
    taken = set(Caregiver.objects.values_list("pk", flat=True))
    return next(
        pk
        for pk in count(1)
        if pk not in taken and shares.is_among(cadence, pk, share=share) is inside
    )


def both(cadence, **fields):
    """Two to whom its first text is due: one among the 5 %, one not."""
    return tuple(
        due_for(cadence, pk=key(cadence, inside=inside), **fields) for inside in (True, False)
    )


def in_crisis(*, inside, ago, **fields):
    crisis = NOON - ago
    someone = person(
        pk=key("crisis_followup", inside=inside),
        created_at=crisis - 30 * DAY,
        last_contact_at=crisis - DAY,
        **fields,
    )
    events.record_crisis_event(someone, at=crisis, source="test")
    return someone


def rows(someone):
    return sorted(someone.messages.values_list("stage", "status"))


# --- Who is among them ---


@pytest.mark.parametrize("name", NAMES)
def test_the_database_and_python_find_the_same_people(name):
    Caregiver.objects.bulk_create(CaregiverFactory.build(pk=pk) for pk in KEYS)

    found = Caregiver.objects.annotate(place=shares.place(name, F("pk"))).order_by("pk")
    assert [(one.pk, one.place) for one in found] == [(pk, shares.place(name, pk)) for pk in KEYS]
    for share in (1, 5, 50, 99):
        among = Caregiver.objects.filter(shares.among(name, share=share)).order_by("pk")
        assert [one.pk for one in among] == [
            pk for pk in KEYS if shares.is_among(name, pk, share=share)
        ]


@pytest.mark.parametrize("name", NAMES)
def test_a_larger_share_adds_people_and_exchanges_nobody(name):
    before: set[int] = set()
    for share in range(101):
        now = {pk for pk in range(1, 2001) if shares.is_among(name, pk, share=share)}
        assert before <= now
        before = now
    assert not any(shares.is_among(name, pk, share=0) for pk in range(1, 2001))
    assert before == set(range(1, 2001))


@pytest.mark.parametrize("step", [1, 2, 7, 100])
@pytest.mark.parametrize("name", NAMES)
def test_it_is_about_that_many_however_the_keys_are_spaced(name, step):
    for share in (5, 50):
        found = sum(shares.is_among(name, n * step, share=share) for n in range(1, 10_001))
        assert abs(found - 100 * share) < 100


def test_no_two_cadences_begin_with_the_same_people():
    first = [
        frozenset(pk for pk in range(1, 10_001) if shares.is_among(name, pk, share=5))
        for name in NAMES
    ]
    for one in first:
        for other in first:
            assert one is other or len(one & other) < len(one) / 2


def test_who_is_among_them_never_changes_from_one_version_to_the_next():
    assert [shares.place(name, 1) for name in NAMES] == PLACES_OF_THE_FIRST


# --- On for everybody ---


def test_on_for_everybody_is_the_cadence_as_it_is_declared():
    put("wellness", 100)
    board = Switchboard.load()
    assert all(board.limited(cadence) is cadence for cadence in CADENCES)


def test_on_for_everybody_asks_nothing_else():
    def asked():
        with CaptureQueriesContext(connection) as captured:
            run_sweep(now=NOON, dry_run=True)
        return [one["sql"] for one in captured if one["sql"].startswith("SELECT")]

    run_sweep(now=NOON, dry_run=True)
    before = asked()
    assert not any(str(shares.PLACES) in sql for sql in before)
    put("wellness", 100)
    assert asked() == before
    put("wellness", 5)
    assert any(str(shares.PLACES) in sql for sql in asked())


@pytest.mark.parametrize("name", NAMES)
def test_no_index_depends_on_a_share(name):
    assert BY_NAME[name].limited_to(5).ripening.instant == BY_NAME[name].ripening.instant


def test_a_share_has_one_declaration_so_that_its_queries_are_prepared_once():
    assert WELLNESS.limited_to(5) is WELLNESS.limited_to(5)
    assert WELLNESS.limited_to(5) is not WELLNESS.limited_to(6)


# --- On for some ---


@pytest.mark.parametrize("name", NAMES)
def test_a_sweep_texts_whoever_is_among_them(name):
    inside, _ = both(name)
    put(name, 5)

    dry = run_sweep(now=NOON, dry_run=True)
    assert [planned.phone_number for planned in dry.planned] == [inside.phone_number]
    assert sweep() == [FIRST[name]]
    assert Message.objects.get().caregiver == inside


@pytest.mark.parametrize("name", NAMES)
def test_a_sweep_follows_the_share_as_it_is_put(name):
    both(name)
    for share, expected in ((0, 0), (5, 1), (100, 2)):
        put(name, share)
        run_sweep(now=NOON)
        assert Message.objects.count() == expected


@pytest.mark.parametrize("name", NAMES)
def test_explain_and_forecast_say_it_in_words(name):
    inside, outside = both(name)
    put(name, 5)

    def explained(someone):
        found = explain(someone, now=NOON)["cadences"]
        return next(one for one in found if one["cadence"] == name)

    def rule(someone):
        return next(one for one in explained(someone)["rules"] if one["rule"] == "share")

    assert rule(outside) == {"rule": "share", "holds": False, "says": SAYS}
    assert (explained(outside)["sendable"], explained(outside)["earliest"]) == (False, None)
    assert rule(inside)["holds"] and explained(inside)["sendable"]
    coming = [one["cadence"] for one in forecast(inside, now=NOON)["messages"]]
    assert name in coming
    assert name not in [one["cadence"] for one in forecast(outside, now=NOON)["messages"]]


def test_nothing_is_owed_to_the_others_so_nothing_is_deferred():
    put("crisis_followup", 5)
    both("crisis_followup", outreach_paused_until=NOON + DAY)

    def counted():
        board = Switchboard.load()
        return deferring.count_deferred([CRISIS_FOLLOWUP], now=NOON, switchboard=board)

    assert counted() == {"crisis_followup": {"pause": 1}}
    put("crisis_followup", 5, is_on=False)
    assert counted() == {"crisis_followup": {"switch": 1}}


def test_of_those_who_are_due_only_whoever_is_among_them_counts():
    both("wellness")
    put("wellness", 5)
    found = deferring.count_due([WELLNESS], now=NOON, switchboard=Switchboard.load())
    assert found == {"wellness": 1}


def test_what_is_queued_goes_out_whatever_the_share_is_by_then(gateway):
    due_for("wellness")
    sweep()
    put("wellness", 0)

    deliver_queued(now=NOON)

    assert Message.objects.get().status == Status.SENT


def test_whoever_reactivations_cannot_reach_does_not_churn():
    silent = {"created_at": NOON - 90 * DAY, "last_contact_at": NOON - 40 * DAY}
    for inside in (True, False):
        person(pk=key("dormant_reactivation", inside=inside), **silent)
    put("dormant_reactivation", 5)

    assert run_sweep(now=NOON, dry_run=True).counts["churned"] == 1
    assert run_sweep(now=NOON).counts["churned"] == 1
    put("dormant_reactivation", 100)
    assert run_sweep(now=NOON).counts["churned"] == 1


# --- Room for a follow-up that comes to some ---


def before_a_followup(*, inside):
    """A check-in is due to them; and in six hours a follow-up, to those for whom these are on."""
    crisis = NOON - 18 * HOUR
    return due_for(
        "wellness",
        pk=key("crisis_followup", inside=inside),
        last_crisis_event_at=crisis,
        crisis_followup_count=0,
    )


def test_the_slot_is_kept_for_those_only_to_whom_a_follow_up_comes(gateway):
    put("crisis_followup", 5)
    inside, outside = (before_a_followup(inside=inside) for inside in (True, False))

    assert [one.phone_number for one in run_sweep(now=NOON, dry_run=True).planned] == [
        outside.phone_number
    ]
    assert sweep() == [("wellness", "high")]
    deliver_queued(now=NOON)

    assert rows(inside) == []
    assert rows(outside) == [(None, "sent")]


def test_on_for_everybody_it_is_kept_for_everybody():
    before_a_followup(inside=True)
    before_a_followup(inside=False)
    put("crisis_followup", 100)

    assert sweep() == []


def test_the_reservation_says_why_it_is_none():
    put("crisis_followup", 5)
    inside, outside = (before_a_followup(inside=inside) for inside in (True, False))

    def reservation(someone):
        (found,) = (
            one for one in explain(someone, now=NOON)["cadences"] if one["cadence"] == "wellness"
        )
        return next(one for one in found["rules"] if one["rule"] == "reservation")

    assert reservation(outside) == {
        "rule": "reservation",
        "holds": True,
        "says": f"no slot is kept: {SAYS}",
    }
    assert not reservation(inside)["holds"]
    assert forecast(outside, now=NOON)["messages"][0]["at"] == NOON
    assert forecast(inside, now=NOON)["messages"][0]["cadence"] == "crisis_followup"


# --- Accounted ---


def test_of_the_others_each_stage_is_recorded_when_its_time_has_passed_and_nobody_is_alarmed():
    put("crisis_followup", 5)
    outside = in_crisis(inside=False, ago=4 * DAY)

    assert run_sweep(now=NOON, dry_run=True).counts["superseded"]["crisis_followup"] == 1
    assert rows(outside) == []
    assert run_sweep(now=NOON).counts["superseded"]["crisis_followup"] == 1
    assert rows(outside) == [(1, "superseded")]
    assert outside.messages.get().reason == f"its time passed before it could go out; {SAYS}"
    for days in range(1, 45):
        run_sweep(now=NOON + days * DAY)
    assert rows(outside) == [(stage, "superseded") for stage in range(1, 8)]
    assert not CareAlert.objects.exists()
    outside.refresh_from_db()
    assert outside.crisis_followup_count == 7


@pytest.mark.parametrize("ago", [43 * DAY, 60 * DAY])
def test_a_cascade_that_ended_before_a_sweep_came_by_alarms_nobody_either(ago):
    put("crisis_followup", 5)
    outside, inside = (in_crisis(inside=inside, ago=ago) for inside in (False, True))

    run_sweep(now=NOON)

    assert rows(outside) == rows(inside) == [(stage, "superseded") for stage in range(1, 8)]
    assert [alert.caregiver for alert in CareAlert.objects.all()] == [inside]


def test_whoever_comes_in_later_gets_the_stage_that_is_current_and_no_alert_of_the_others():
    put("crisis_followup", 5)
    outside = in_crisis(inside=False, ago=8 * DAY)
    run_sweep(now=NOON)

    put("crisis_followup", 100)

    assert sweep() == [("crisis_followup", 3)]
    assert rows(outside) == [(1, "superseded"), (2, "superseded"), (3, "queued")]
    assert not CareAlert.objects.exists()


def test_a_text_that_went_out_before_they_left_stays_the_end_of_its_stage(gateway):
    outside = in_crisis(inside=False, ago=30 * HOUR)
    run_sweep(now=NOON)
    deliver_queued(now=NOON)
    put("crisis_followup", 5)

    run_sweep(now=NOON + 60 * DAY)

    assert rows(outside) == [(1, "sent"), *((stage, "superseded") for stage in range(2, 8))]
    assert not CareAlert.objects.filter(kind=CareAlert.Kind.CASCADE_UNANSWERED).exists()


def test_inside_the_promise_stands_and_a_cadence_that_is_off_alarms_for_them_only():
    put("crisis_followup", 5, is_on=False, reason="drill")
    inside, outside = (in_crisis(inside=inside, ago=4 * DAY) for inside in (True, False))

    run_sweep(now=NOON)

    (alert,) = CareAlert.objects.all()
    assert (alert.kind, alert.caregiver) == (CareAlert.Kind.FOLLOWUP_MISSED, inside)
    assert rows(outside) == [(1, "superseded")]


def test_many_are_recorded_batch_by_batch(monkeypatch):
    monkeypatch.setattr("proactive.outside.BATCH", 2)
    put("crisis_followup", 0)
    for days in (4, 8, 15, 22, 29):
        in_crisis(inside=False, ago=days * DAY)

    assert run_sweep(now=NOON).counts["superseded"]["crisis_followup"] == 1 + 2 + 3 + 4 + 5
    assert run_sweep(now=NOON).counts["superseded"]["crisis_followup"] == 0


def test_the_count_of_promises_says_that_nothing_was_owed_to_them():
    put("crisis_followup", 5)
    in_crisis(inside=False, ago=8 * DAY)

    assert check_promises(now=NOON).outcomes == {NOT_ON: 3}
    assert not CareAlert.objects.exists()
    run_sweep(now=NOON)
    assert check_promises(now=NOON).outcomes == {"superseded": 2, NOT_ON: 1}


@pytest.mark.parametrize(
    ("status", "ago", "end"),
    [
        (Status.QUEUED, 30 * HOUR, "queued"),
        (Status.DELIVERED, 30 * HOUR, "delivered"),
        (Status.CANCELLED, 30 * HOUR, "cancelled"),
        (Status.CANCELLED, 4 * DAY, "cancelled"),
        (Status.UNKNOWN, 4 * DAY, UNACCOUNTED),
        (Status.QUEUED, 4 * DAY, UNACCOUNTED),
    ],
)
def test_a_text_that_they_have_counts_by_its_own_end(status, ago, end):
    outside = in_crisis(inside=False, ago=ago)
    MessageFactory(caregiver=outside, occasion=outside.last_crisis_event_at, stage=1, status=status)
    put("crisis_followup", 5)

    found = check_promises(now=NOON).outcomes

    assert found[end] == 1
    assert found[NOT_ON] == (1 if ago > 3 * DAY else 0)


def test_the_next_in_line_of_a_cascade_are_those_for_whom_it_is_on():
    put("crisis_followup", 5)
    inside, _ = (in_crisis(inside=inside, ago=30 * HOUR) for inside in (True, False))

    found = next_in_line(now=NOON, switchboard=Switchboard.load(), most=10)

    assert [one.person for one in found] == [inside]


def test_due_today_are_those_for_whom_it_is_on():
    inside, _ = both("assessment_reminder")
    put("assessment_reminder", 5)
    assert list(cohorts.BY_NAME["due"].people(now=NOON)) == [inside]
