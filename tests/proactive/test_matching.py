"""A rule is read twice, by the database and by Python: both must read the same."""

from datetime import timedelta

import pytest
from django.db.models import Q
from hypothesis import given
from hypothesis import strategies as st

from caregiving import zones
from caregiving.models import Caregiver
from proactive.cadences import CADENCES
from proactive.matching import matches
from proactive.rules import look_up_standing
from tests.proactive.people import DAY, MOMENT, undone
from tests.proactive.strategies import checked, create, fields, instants, populations

RULES = [
    (cadence.name, step.variant, rule)
    for cadence in CADENCES
    for step in cadence.steps
    for rule in cadence.rules(step)
]
DISTINCT = list({rule: None for _, _, rule in RULES})


@pytest.mark.django_db
def test_every_rule_of_every_step_answers_the_same_in_sql_and_in_python():
    answers = set()

    @checked(15)
    @given(st.data(), instants)
    def check(data, now):
        with undone():
            people = create(data.draw(populations(now, most=10)), now)
            for one in people.values():
                look_up_standing(one)
            for rule in DISTINCT:
                in_sql = set(
                    Caregiver.objects.filter(rule.condition(now)).values_list("pk", flat=True)
                )
                in_python = {one.pk for one in people.values() if rule.holds(one, now)}
                assert in_python == in_sql, rule.name
                answers.update((rule, one.pk in in_sql) for one in people.values())

    check()
    # Each has been seen to hold and to fail.
    assert {name for *_, rule in RULES for name in [rule.name] if (rule, True) in answers} == {
        name for *_, rule in RULES for name in [rule.name] if (rule, False) in answers
    }


def in_memory(own: dict) -> Caregiver:
    someone = Caregiver(**own, phone_number="+14155550123")
    someone.derived_zones = zones.derive(
        time_zone=someone.time_zone,
        zip_code=someone.zip_code,
        phone_number=someone.phone_number,
    )
    return someone


@checked(60)
@given(st.data(), instants)
def test_between_two_turning_points_no_answer_changes(data, now):
    someone = in_memory(data.draw(fields(now)))
    for rule in DISTINCT:
        if rule.test is not None:
            continue
        at, end = now, now + 60 * DAY
        while at < end:
            following = rule.next_change(someone, at) or end
            between = following - at
            sampled = {at + between / 2, at + between / 7, following - MOMENT} - {following}
            assert {rule.holds(someone, instant) for instant in sampled} <= {
                rule.holds(someone, at)
            }, (rule.name, at, following)
            at = following


@checked(60)
@given(st.data(), instants)
def test_a_closed_window_stays_closed_until_it_is_said_to_open(data, now):
    someone = in_memory(data.draw(fields(now)))
    for rule in (rule for rule in DISTINCT if rule.name == "window"):
        at, end = now, now + 3 * DAY
        while at < end:
            following = rule.next_change(someone, at)
            if following is None:  # a misspelt zone never opens
                assert not rule.holds(someone, at)
                break
            if not rule.holds(someone, at):
                quarters = range(1, int((following - at) / timedelta(minutes=15)) + 1)
                tried = [at + n * timedelta(minutes=15) for n in quarters] + [following - MOMENT]
                assert not any(rule.holds(someone, one) for one in tried if one < following)
            at = following


@pytest.mark.parametrize(
    "q",
    [~Q(first_name=""), Q(journey_phase="active") & ~Q(first_name="")],
    ids=["outermost", "within"],
)
def test_a_negated_condition_is_refused_and_not_misread(q):
    with pytest.raises(ValueError, match="without negation"):
        matches(q, Caregiver(first_name="Ada", journey_phase="active"))
