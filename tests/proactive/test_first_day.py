import json
from io import StringIO

import pytest
from django.core.management import call_command

from proactive import first_day, switches
from proactive.cadences import CADENCES
from proactive.models import Message, Sweep
from proactive.sweeps import run_sweep
from tests.factories import CaregiverFactory
from tests.proactive.people import DAY, DUE, HOUR, NOON, due_for, person

pytestmark = pytest.mark.django_db

ALL = [cadence.name for cadence in CADENCES]


def counts(**options):
    day = first_day.look(now=NOON, **options)
    return {share.cadence.name: share.people for share in day.shares if share.people}


def test_it_counts_whom_each_cadence_would_text():
    for name in DUE:
        due_for(name)
    person()

    assert counts() == dict.fromkeys(ALL, 1)


def test_it_counts_what_a_day_of_sweeps_then_queues():
    for name in DUE:
        due_for(name)
        due_for(name, time_zone="Asia/Tokyo")
    due_for("crisis_followup", burnout_band="high")
    foreseen = counts()

    for hours in range(24):
        run_sweep(now=NOON + hours * HOUR, force=True)

    queued = {name: Message.objects.filter(cadence=name).count() for name in ALL}
    assert foreseen == queued


def test_switches_do_not_count_and_nothing_is_changed():
    someone = due_for("wellness")
    for name in (*ALL, "everything"):
        switches.switch_off(name, by=None, reason="not yet", now=NOON)

    assert counts() == {"wellness": 1}
    someone.refresh_from_db()
    assert someone.last_proactive_message_at is None
    assert not Message.objects.exists()
    assert not Sweep.objects.exists()


def test_who_is_not_to_be_texted_is_not_counted():
    due_for("wellness", opted_out_at=NOON - DAY)
    due_for("wellness", outreach_paused_until=NOON + 2 * DAY)
    due_for("wellness", unreachable_at=NOON - DAY)
    due_for("wellness", time_zone="Nowhere/Land")

    assert counts() == {}


def test_nobody_is_counted_twice_however_much_they_are_owed():
    due_for("crisis_followup", burnout_band="high", first_name="")

    assert counts() == {"crisis_followup": 1}


def test_who_falls_due_within_the_day_is_counted_at_that_hour():
    due_for("dormant_reactivation", last_contact_at=NOON - 7 * DAY + 1.5 * HOUR)

    share = next(one for one in first_day.look(now=NOON).shares if one.people)

    assert share.by_hour == {NOON + 2 * HOUR: 1}
    assert share.samples[0].at == NOON + 2 * HOUR


def test_the_samples_are_the_words_that_would_go_out():
    someone = due_for("wellness", first_name="Ana")

    day = first_day.look(now=NOON)
    run_sweep(now=NOON)

    (sample,) = (one for share in day.shares for one in share.samples)
    assert (sample.person, sample.at) == (someone, NOON)
    assert sample.body == Message.objects.get().body


def test_it_says_when_the_blast_guard_would_hold_a_sweep(settings):
    settings.SWEEP_CEILING = 2
    CaregiverFactory.create_batch(
        3, time_zone="UTC", created_at=NOON - 9 * DAY, **DUE["wellness"](NOON)
    )

    day = first_day.look(now=NOON)

    assert (day.most_at_once, day.is_held) == (3, True)


def test_of_very_many_people_it_asks_about_some_and_multiplies():
    for _ in range(12):
        due_for("wellness")

    day = first_day.look(now=NOON, most=4)

    assert (day.everybody, day.one_in, day.people) == (12, 3, 12)


def test_its_queries_do_not_grow_with_the_people(django_assert_max_num_queries):
    for name in DUE:
        for _ in range(5):
            due_for(name)

    # Twenty-four hours, five cadences, and what stands around them.
    with django_assert_max_num_queries(24 * 5 + 10):
        first_day.look(now=NOON)


def test_the_command_prints_the_numbers_and_the_samples():
    due_for("wellness", first_name="Ana")
    out = StringIO()

    call_command("first_day", at=NOON.isoformat(), stdout=out)

    assert "1 of 1" in out.getvalue()
    assert "wellness, Tue 5 Jan 12:00: " in out.getvalue()
    assert "Nothing was queued or changed." in out.getvalue()


def test_the_command_prints_json():
    due_for("wellness")
    out = StringIO()

    call_command("first_day", "--json", at=NOON.isoformat(), stdout=out)

    found = json.loads(out.getvalue())
    assert found["by_cadence"] == dict.fromkeys(ALL, 0) | {"wellness": 1}
    assert (found["people"], found["everybody"], found["asked_one_in"]) == (1, 1, 1)
    assert found["samples"][0]["cadence"] == "wellness"
