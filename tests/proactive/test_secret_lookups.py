"""No list is a way to find out what a user may not see: by filters in its address."""

from itertools import product

import pytest
from django.urls import reverse

from caregiving.models import InboundMessage
from proactive.roles import ADMINISTRATOR, COORDINATOR, VIEWER
from tests.factories import CaregiverFactory, MessageFactory
from tests.staff import member_of, sign_in

pytestmark = pytest.mark.django_db

SECRET = [
    ("caregiving_caregiver", "phone_number"),
    ("caregiving_inboundmessage", "from_number"),
    ("caregiving_inboundmessage", "body"),
    ("caregiving_inboundmessage", "media"),
    ("proactive_message", "to_number"),
    ("proactive_message", "body"),
    ("proactive_carealert", "note"),
]
LOOKUPS = ("", "__startswith", "__icontains", "__gt")


def found(client, model, query):
    return client.get(f"{reverse(f'admin:{model}_changelist')}?{query}").status_code


@pytest.fixture(autouse=True)
def _rows():
    someone = CaregiverFactory(phone_number="+14155550199")
    MessageFactory(caregiver=someone)
    InboundMessage.objects.create(
        caregiver=someone, from_number=someone.phone_number, body="tired", provider_sid="SM1"
    )


@pytest.mark.parametrize(("model", "field"), SECRET)
def test_whoever_may_not_see_it_cannot_ask_for_it(client, model, field):
    sign_in(client, member_of(VIEWER))

    assert {found(client, model, f"{field}{lookup}=%2B1") for lookup in LOOKUPS} == {400}


@pytest.mark.parametrize(
    ("model", "path"),
    list(
        product(
            ("caregiving_inboundmessage", "proactive_message", "proactive_carealert"),
            ("caregiver__phone_number", "caregiver__messages__body", "message__body"),
        )
    ),
)
def test_nor_by_way_of_the_person_or_the_text(client, model, path):
    sign_in(client, member_of(VIEWER))

    # A field that a list has not is passed over by Django: it tells nothing either.
    assert found(client, model, f"{path}__startswith=%2B1") in (302, 400)


@pytest.mark.parametrize(("model", "field"), SECRET[:1] + SECRET[4:])
def test_whoever_may_see_it_may_also_ask_for_it(client, model, field):
    sign_in(client, member_of(COORDINATOR))

    assert found(client, model, f"{field}__startswith=x") == 200


def test_nobody_asks_for_the_values_in_the_audit(client):
    query = "changes__phone_number__0__startswith=%2B1"

    assert found(sign_in(client, member_of(ADMINISTRATOR)), "proactive_auditentry", query) == 400
