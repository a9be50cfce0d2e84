import base64
import struct

import pytest

from caregiving.convex import documents
from tests.caregiving.convex.exports import DAY, NOW, ana, ms


def int64(number):
    return {"$integer": base64.b64encode(number.to_bytes(8, "little", signed=True)).decode()}


def special(number):
    return {"$float": base64.b64encode(struct.pack("<d", number)).decode()}


def read(**fields):
    return documents.read_person(fields, now=NOW)


def test_names_and_milliseconds_become_ours():
    values, reasons = documents.read_person(ana(crisisFollowupCount=3.0), now=NOW)

    assert not reasons
    assert values == {
        "phone_number": "+12125550001",
        "first_name": "Ana",
        "relationship": "daughter",
        "zip_code": "10001",
        "journey_phase": "active",
        "last_contact_at": NOW - 2 * DAY,
        "crisis_followup_count": 3,
    }


def test_older_names_of_fields_are_known():
    values, _ = read(languagePreference="es-MX", timezone="America/Chicago")

    assert values == {"language": "es", "time_zone": "America/Chicago"}


def test_what_convex_wraps_is_unwrapped():
    values, reasons = read(crisisFollowupCount=int64(7), lastContactAt=int64(int(ms(NOW))))

    assert (values, reasons) == ({"crisis_followup_count": 7, "last_contact_at": NOW}, [])
    assert documents.plain({"$bytes": base64.b64encode(b"abc").decode()}) == b"abc"
    assert documents.plain(special(float("inf"))) == float("inf")
    assert documents.plain({"nested": {"$integer": "x"}}) == {"nested": {"$integer": "x"}}


def test_what_is_absent_null_or_zero_was_never():
    assert read(lastContactAt=None, lastCrisisEventAt=0, firstName="") == ({}, [])


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"lastContactAt": ms(NOW + DAY)}, "lastContactAt: '2027-01-06T12:00:00+00:00' is in the"),
        (
            {"lastContactAt": special(float("nan"))},
            "lastContactAt: nan is beyond what a date can be",
        ),
        ({"lastContactAt": True}, "lastContactAt: True is no time in milliseconds"),
        ({"lastContactAt": 1e300}, "lastContactAt: 1e+300 is beyond what a date can be"),
        ({"crisisFollowupCount": 8}, "crisisFollowupCount: '8' is not a whole number from 0 to 7"),
        ({"crisisFollowupCount": 1.5}, "crisisFollowupCount: 1.5 is not a whole number"),
        ({"crisisFollowupCount": {"$integer": "!"}}, "crisisFollowupCount: {'$integer': '!'} is"),
        ({"phoneNumber": "12"}, "phoneNumber: '12' has too few or too many digits"),
        ({"burnoutBand": "awful"}, "burnoutBand: 'awful' is none of thriving"),
        ({"firstName": ["Ana"]}, "firstName: ['Ana'] is not text"),
        ({"firstName": "A\0na"}, "firstName: has a character that no text has"),
        ({"firstName": "\ud83d"}, "firstName: has a character that no text has"),
        ({"firstName": "x" * 61}, "firstName: Ensure this value has at most 60 characters"),
    ],
)
def test_what_cannot_be_is_refused_by_the_name_that_it_has_there(fields, says):
    values, reasons = read(**fields)

    assert not values
    assert len(reasons) == 1
    assert reasons[0].startswith(says)


def test_fields_that_have_no_place_here_are_named():
    document = ana(subscriptionStatus="active", stripeCustomerId=None, burnoutScore=70)

    assert documents.not_taken(document) == ["subscriptionStatus", "burnoutScore"]


def test_words_lose_what_no_database_takes():
    assert documents.text("a\0b\ud83dc") == "ab\N{REPLACEMENT CHARACTER}c"


@pytest.mark.parametrize("value", [None, "", 5, "x" * 65, "a\0"])
def test_an_identifier_is_a_short_text(value):
    with pytest.raises(ValueError, match="is no identifier"):
        documents.key({"userId": value}, "userId")
