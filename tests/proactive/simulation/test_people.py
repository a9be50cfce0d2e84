from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from caregiving import zones
from caregiving.fields import normalise_phone_number
from caregiving.models import Caregiver
from proactive.cadences import CADENCES
from proactive.rules import CASCADE
from proactive.simulation.homes import HOMES, MOST, former_number, home_zone, number, postal_code
from proactive.simulation.people import draw_people
from proactive.simulation.spec import Spec

DAY = timedelta(days=1)
SPEC = Spec(seed=7, people=1500, days=60, starts=datetime(2027, 2, 1, tzinfo=UTC))
PEOPLE = draw_people(SPEC)
PRESENT = [one for one in PEOPLE if one.is_there]


def share(of: list, condition) -> float:
    return sum(map(condition, of)) / len(of)


def test_the_same_specification_draws_the_same_people():
    assert draw_people(SPEC) == PEOPLE


def test_another_seed_draws_others():
    assert draw_people(replace(SPEC, seed=8)) != PEOPLE


def test_shards_part_the_people_and_change_nobody():
    shards = [draw_people(replace(SPEC, shards=3, shard=shard)) for shard in range(3)]

    assert sorted((one for shard in shards for one in shard), key=lambda one: one.key) == PEOPLE
    assert all(one.key % 3 == shard for shard in range(3) for one in shards[shard])


def test_more_people_change_nobody_who_was_there():
    assert draw_people(replace(SPEC, people=2000))[:1500] == PEOPLE


def test_a_hundred_thousand_people_have_numbers_of_their_own():
    numbers = {number(key) for key in range(1, 100_001)}

    assert len(numbers) == 100_000
    assert all(normalise_phone_number(one) == one for one in list(numbers)[:500])


def test_nobody_has_the_former_number_of_anybody():
    assert not {number(key) for key in range(50_000)} & {former_number(n) for n in range(50_000)}


def test_nobody_gets_a_number_that_would_be_another_persons():
    with pytest.raises(ValueError, match=f"key {MOST}"):
        number(MOST)


def test_every_american_home_has_codes_that_lead_to_its_zone():
    for home in HOMES:
        for code in home.postal_codes:
            derived = zones.derive(time_zone="", zip_code=code, phone_number="")
            assert not home.is_american or derived == home.zone
        assert postal_code(home.zone) in home.postal_codes


def test_the_zone_of_each_person_is_the_one_that_their_row_leads_to():
    ways = set()
    for one in PEOPLE:
        given, code = one.row["time_zone"], one.row["zip_code"]
        derived = zones.derive(time_zone=given, zip_code=code, phone_number=one.number)
        ways.add((bool(given), bool(code)))
        assert " " not in derived
        assert home_zone(given, derived) == one.zone

    assert ways == {(True, True), (True, False), (False, True), (False, False)}


def test_most_people_are_american_and_some_live_elsewhere():
    homes = {home.zone: home.is_american for home in HOMES}

    assert {one.zone for one in PEOPLE} == set(homes)
    assert 0.7 < share(PEOPLE, lambda one: homes[one.zone]) < 0.95


@pytest.mark.django_db
def test_the_database_takes_every_row():
    people = [Caregiver(pk=one.key, phone_number=one.number, **one.row) for one in PEOPLE]

    Caregiver.objects.bulk_create(people)

    for one in people[:50]:
        one.full_clean(validate_unique=False)


def test_a_tenth_sign_up_while_the_world_runs():
    newcomers = [one for one in PEOPLE if not one.is_there]

    assert 0.07 < len(newcomers) / len(PEOPLE) < 0.13
    assert all(SPEC.starts <= one.row["created_at"] < SPEC.ends for one in newcomers)
    assert {one.row["journey_phase"] for one in newcomers} == {"onboarding"}


def test_in_a_silent_world_everybody_is_there_from_the_beginning():
    assert all(one.is_there for one in draw_people(replace(SPEC, silent=True)))


def test_nothing_of_the_past_lies_in_the_future_or_before_the_sign_up():
    for one in PRESENT:
        for field in ("last_contact_at", "last_assessment_at", "last_crisis_event_at"):
            at = one.row.get(field)
            assert at is None or one.row["created_at"] <= at <= SPEC.starts


def test_no_counter_is_ahead_of_its_occasion():
    for one in PRESENT:
        for cadence in CADENCES:
            done = one.row.get(cadence.counter) if cadence.counter else None
            since = cadence.anchor.of(Caregiver(**one.row))
            if done:
                assert since + cadence.due[done - 1] <= SPEC.starts


def test_every_state_that_the_policy_asks_about_occurs():
    bands = {one.row["burnout_band"] for one in PRESENT}
    assert bands == {"", "thriving", "mild", "moderate", "high", "crisis"}
    assert {one.row["journey_phase"] for one in PRESENT} == {"onboarding", "active", "churned"}
    assert {one.row["language"] for one in PEOPLE} == {"en", "es"}
    for occurs in (
        lambda row: row.get("wellness_opt_in") and row["burnout_band"] == "mild",
        lambda row: not row.get("wellness_opt_in") and row["burnout_band"] == "mild",
        lambda row: row.get("opted_out_at"),
        lambda row: row.get("outreach_paused_until"),
        lambda row: row["burnout_band"] == "crisis" and not row.get("last_crisis_event_at"),
        lambda row: row.get("last_contact_at") is None,
        lambda row: not row["first_name"] or not row["relationship"],
    ):
        assert 0.001 < share(PRESENT, lambda one: bool(occurs(one.row))) < 0.4  # noqa: B023


def test_open_cascades_are_counted_for_some_and_not_for_others():
    in_cascade = [
        one.row
        for one in PRESENT
        if (at := one.row.get("last_crisis_event_at")) and SPEC.starts - at < CASCADE
    ]
    counters = [row.get("crisis_followup_count") for row in in_cascade]

    assert None in counters
    assert {1, 2, 3, 4} <= set(counters)
