"""Other tables are asked about a few rows only, and the answer stays the same."""

import pytest
from django.db.models import Exists, OuterRef, Q

from caregiving.models import Caregiver
from proactive.cadences import CADENCES
from proactive.lookups import of_row_alone, rows_first
from proactive.models import Message
from proactive.rules import conjunction
from tests.proactive.people import DUE, NOON, due_for, person

TEXTS = Exists(Message.objects.filter(caregiver=OuterRef("pk")))
ADA, BEN = Q(first_name="Ada"), Q(first_name="Ben")


@pytest.mark.parametrize(
    ("condition", "alone"),
    [
        (ADA, ADA),
        (ADA & Q(TEXTS), ADA),
        (Q(TEXTS), Q()),
        (ADA | Q(TEXTS), Q()),
        ((ADA & Q(TEXTS)) | (BEN & Q(~TEXTS)), ADA | BEN),
        (Q(time_zone="") & ((ADA & Q(TEXTS)) | BEN), Q(time_zone="") & (ADA | BEN)),
        (Q(time_zone="") & (ADA | Q(TEXTS)), Q(time_zone="")),
        (Q(), Q()),
        (~ADA, Q()),
        (~(ADA & Q(TEXTS)), Q()),
        (BEN & ~(ADA & Q(TEXTS)), BEN),
        (BEN | ~ADA, Q()),
    ],
)
def test_of_a_condition_what_it_says_of_the_row_remains(condition, alone):
    assert of_row_alone(condition) == alone


@pytest.mark.django_db
def test_whoever_is_found_by_a_negation_is_not_lost_before():
    condition = ~(Q(first_name="Ada") & Q(TEXTS))
    ada = person(first_name="Ada")

    assert list(rows_first(Caregiver.objects.all(), condition)) == [ada]
    assert list(Caregiver.objects.filter(of_row_alone(condition))) == [ada]


@pytest.mark.django_db
def test_whoever_meets_a_condition_meets_what_remains_and_is_found():
    for cadence in DUE:
        due_for(cadence)
    for cadence in CADENCES:
        for step in cadence.steps:
            condition = conjunction(cadence.rules(step), NOON)
            found = set(Caregiver.objects.filter(condition))
            assert found <= set(Caregiver.objects.filter(of_row_alone(condition)))
            assert found == set(rows_first(Caregiver.objects.all(), condition))
