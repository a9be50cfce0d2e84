"""What the database holds to, whoever writes."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from caregiving.models import Caregiver, ConsentChange, CrisisEvent, InboundMessage, WellnessScore

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
COUNTERS = {
    "crisis_followup_count": 7,
    "reactivation_message_count": 3,
    "assessment_reminder_count": 2,
    "onboarding_nudge_count": 2,
}
_numbers = count(3_000_000)


def somebody(**fields) -> Caregiver:
    return Caregiver.objects.create(phone_number=f"+1415{next(_numbers)}", **fields)


def indexes(model) -> dict[str, list[str]]:
    """name -> columns, as the database has them."""
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, model._meta.db_table)
    return {name: entry["columns"] for name, entry in found.items() if entry["index"]}


@pytest.mark.django_db
class TestCounters:
    @pytest.mark.parametrize(("field", "most"), COUNTERS.items())
    def test_hold_never_and_everything_up_to_their_most(self, field, most):
        for value in (None, *range(most + 1)):
            person = somebody(**{field: value})
            person.full_clean()
            assert Caregiver.objects.values_list(field, flat=True).get(pk=person.pk) == value

    @pytest.mark.parametrize(("field", "most"), COUNTERS.items())
    def test_refuse_what_is_below_or_above(self, field, most):
        person = somebody()
        for value in (-1, most + 1):
            with pytest.raises(IntegrityError, match=f"{field}_in_range"), transaction.atomic():
                Caregiver.objects.filter(pk=person.pk).update(**{field: value})
            with pytest.raises(ValidationError):
                Caregiver(phone_number="+13125550100", **{field: value}).full_clean()
        assert Caregiver.objects.values_list(field, flat=True).get() is None

    def test_and_timestamps_of_somebody_new_say_never(self):
        person = somebody()
        assert [getattr(person, field) for field in COUNTERS] == [None] * 4
        assert person.last_contact_at is None
        assert person.last_assessment_at is None
        assert person.last_crisis_event_at is None
        assert person.last_proactive_message_at is None
        assert person.opted_out_at is None
        assert person.outreach_paused_until is None


@pytest.mark.django_db
class TestUniqueness:
    def test_one_person_a_number(self):
        somebody(first_name="Ruth")
        number = Caregiver.objects.get().phone_number
        with pytest.raises(IntegrityError), transaction.atomic():
            Caregiver.objects.create(phone_number=number)
        assert Caregiver.objects.get().first_name == "Ruth"

    def test_one_inbound_message_a_provider_sid(self):
        first = InboundMessage.objects.create(from_number="+13125550100", provider_sid="SM1")
        with pytest.raises(IntegrityError), transaction.atomic():
            InboundMessage.objects.create(from_number="+13125550101", provider_sid="SM1")
        assert InboundMessage.objects.get() == first

    def test_one_crisis_an_instant_and_person(self):
        person, other = somebody(), somebody()
        CrisisEvent.objects.create(caregiver=person, at=NOON)
        CrisisEvent.objects.create(caregiver=other, at=NOON)
        with pytest.raises(IntegrityError), transaction.atomic():
            CrisisEvent.objects.create(caregiver=person, at=NOON)
        assert CrisisEvent.objects.count() == 2

    def test_one_consent_change_an_instant_person_and_direction(self):
        person = somebody()
        for opted_in in (True, False):
            ConsentChange.objects.create(caregiver=person, at=NOON, opted_in=opted_in)
            with pytest.raises(IntegrityError), transaction.atomic():
                ConsentChange.objects.create(caregiver=person, at=NOON, opted_in=opted_in)
        assert ConsentChange.objects.count() == 2


@pytest.mark.django_db
class TestScoreRange:
    @pytest.mark.parametrize("score", [0, 100])
    def test_holds_0_and_100(self, score):
        entry = WellnessScore(caregiver=somebody(), score=score, burnout_band="mild")
        entry.full_clean()
        entry.save()
        assert WellnessScore.objects.get().score == score

    @pytest.mark.parametrize("score", [-1, 101])
    def test_refuses_what_is_outside(self, score):
        entry = WellnessScore(caregiver=somebody(), score=score, burnout_band="mild")
        with pytest.raises(ValidationError):
            entry.full_clean()
        with pytest.raises(IntegrityError), transaction.atomic():
            entry.save()
        assert WellnessScore.objects.count() == 0


@pytest.mark.django_db
class TestIndexes:
    def test_of_the_people_exist_by_name(self):
        expected = {
            "by_journey": ["journey_phase"],
            "by_last_contact": ["last_contact_at"],
            "by_burnout": ["burnout_band"],
            "by_last_proactive": ["last_proactive_message_at"],
            "by_crisis_event": ["last_crisis_event_at"],
            "by_created": ["created_at"],
        }
        found = indexes(Caregiver)
        assert {name: found.get(name) for name in expected} == expected

    def test_of_the_scores_exist_by_name(self):
        assert indexes(WellnessScore)["by_user"] == ["caregiver_id", "created_at"]


@pytest.mark.django_db
class TestTimeZone:
    @pytest.mark.parametrize("name", ["", "America/Chicago", "America/Puerto_Rico", "US/Eastern"])
    def test_may_be_empty_or_an_iana_name(self, name):
        Caregiver(phone_number="+13125550100", time_zone=name).full_clean()

    @pytest.mark.parametrize("name", ["Chicago", "America/Chicgo", "CDT", "UTC-6", "../etc/passwd"])
    def test_is_refused_otherwise_with_what_to_do(self, name):
        with pytest.raises(ValidationError) as caught:
            Caregiver(phone_number="+13125550100", time_zone=name).full_clean()
        assert caught.value.message_dict == {
            "time_zone": [
                f"{name!r} is not an IANA time zone: use a name such as America/Chicago, or leave "
                "it empty to derive it from the ZIP code or the number."
            ]
        }


@pytest.mark.django_db
class TestCaregiver:
    def test_is_called_by_first_name_else_by_a_masked_number(self):
        assert str(Caregiver(phone_number="+14155552671", first_name="Ruth")) == "Ruth"
        assert str(Caregiver(phone_number="+14155552671")) == "+1415***2671"

    def test_shows_nothing_of_a_number_too_short_to_mask(self):
        assert Caregiver(phone_number="+3721234").masked_number == "***"

    def test_bring_their_own_date_of_sign_up(self):
        assert somebody(created_at=NOON).created_at == NOON

    def test_is_active_only_in_that_phase(self):
        people = {
            phase: somebody(journey_phase=phase) for phase in ("onboarding", "active", "churned")
        }
        assert list(Caregiver.objects.active()) == [people["active"]]

    def test_is_in_crisis_only_in_that_band(self):
        people = {band: somebody(burnout_band=band) for band in ("", "mild", "high", "crisis")}
        assert list(Caregiver.objects.in_crisis()) == [people["crisis"]]

    def test_is_reachable_unless_opted_out_or_paused(self):
        second = timedelta(seconds=1)
        plain = somebody()
        resumed = somebody(outreach_paused_until=NOON)
        somebody(outreach_paused_until=NOON + second)
        somebody(opted_out_at=NOON - second)
        somebody(opted_out_at=NOON - second, outreach_paused_until=NOON - second)
        assert {*Caregiver.objects.reachable(now=NOON)} == {plain, resumed}

    def test_takes_their_history_with_them(self):
        person = somebody()
        WellnessScore.objects.create(caregiver=person, score=50, burnout_band="mild")
        CrisisEvent.objects.create(caregiver=person, at=NOON)
        ConsentChange.objects.create(caregiver=person, at=NOON, opted_in=False)
        text = InboundMessage.objects.create(
            caregiver=person, from_number="+13125550100", provider_sid="SM1"
        )
        person.delete()
        assert WellnessScore.objects.count() == 0
        assert CrisisEvent.objects.count() == 0
        assert ConsentChange.objects.count() == 0
        text.refresh_from_db()
        assert text.caregiver is None
