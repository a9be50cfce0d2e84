"""A draft on several phones: the real texts, their price, and what is amiss."""

import pytest

from proactive import previewing
from proactive.cadences import CADENCES
from proactive.models import MessageTemplate
from proactive.previewing import BY_SAMPLE, USUAL
from proactive.wording import Wording

pytestmark = pytest.mark.django_db


def find(cadence="crisis_followup", stage=1, tier="", language="en"):
    return MessageTemplate.objects.get(cadence=cadence, stage=stage, tier=tier, language=language)


def shown(body, template=None):
    review = previewing.review(template or find(), body)
    return {text.label: text for text in review.texts}


def warnings(body, template=None):
    return previewing.review(template or find(), body).warnings


def test_a_draft_is_shown_as_phones_would_show_it():
    texts = {
        label: one.text for label, one in shown("Hi $first_name, and $care_recipient_name?").items()
    }

    assert texts == {
        "Names are known": "Hi Alex, and Robin?",
        "Their first text ever": "CareCheck: Hi Alex, and Robin?",
        "No name is known": "Hi, and your loved one?",
        "Spanish names": "Hi María José, and Abuelita Inés?",
        "Long names": "Hi Maximiliana-Josephine, and Great-Aunt Wilhelmina-Charlotte?",
    }


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_words_as_they_are_saved_are_what_a_sweep_would_write(language):
    wording = Wording.load()
    for cadence in CADENCES:
        for step in cadence.steps:
            template = find(cadence.name, step.stage, step.tier, language)
            for sample in previewing.SAMPLES:
                assert previewing.text_for(template, sample) == wording.compose(
                    sample.person(language), cadence, step
                )


def test_a_text_has_its_price(settings):
    settings.SMS_SEGMENT_COST = 0.01
    texts = shown("Hi $first_name. " + "x" * 100)

    one, several = texts["Names are known"], texts["Spanish names"]
    assert (one.size.segments, one.cost, one.cost_of_1000) == (1, 0.01, 10)
    # An accent that GSM-7 has not, in a name alone.
    assert (several.size.encoding, several.size.segments, several.cost) == ("UCS-2", 2, 0.02)


def test_what_is_replaced_on_the_way_is_named_where_it_stands():
    found = warnings("Hi $first_name, it’s “us”… and us’… 988")

    assert found == (
        "’ (right single quotation mark) at position 19 (2 times): goes out as ', which costs "
        "nothing extra.",
        '“ (left double quotation mark) at position 22: goes out as ", which costs nothing extra.',
        '” (right double quotation mark) at position 25: goes out as ", which costs nothing extra.',
        "… (horizontal ellipsis) at position 26 (2 times): goes out as ..., which costs nothing "
        "extra.",
    )
    assert shown("it’s “us”…")["Names are known"].text == 'it\'s "us"...'


def test_what_nobody_sees_is_named_too():
    found = warnings("Hi\u00a0$first_name\u200b, 988")

    assert found == (
        "A no-break space at position 3: goes out as a space, which costs nothing extra.",
        "A zero width space at position 15: is left out, which costs nothing extra.",
    )


@pytest.mark.parametrize(
    ("filler", "of"),
    [(0, ""), (100, ": 2 segments in place of 1"), (150, ": 3 segments in place of 2")],
)
def test_what_makes_the_text_dearer_is_named_with_the_price(filler, of):
    (found,) = warnings("Hi $first_name á 988" + "x" * filler)

    assert found == (
        "á (latin small letter a with acute) at position 16: no cheap text has it, so a segment "
        f"holds 70 characters, not 160{of}."
    )


def test_an_accent_typed_in_two_parts_is_one_letter_that_is_cheap():
    assert warnings("Hi $first_name, cafe\u0301? 988") == ()


def test_plain_characters_are_offered_where_they_make_a_difference():
    assert previewing.review(find(), "it’s á").tidied == "it's á"
    assert previewing.review(find(), "it's á").tidied == ""


def test_what_the_original_words_had_is_missed():
    template = find("dormant_reactivation", 1)

    assert warnings("Hello.", find()) == (
        "The original words have $first_name; these do not.",
        "The original words say how to reach help at once (988); these do not.",
    )
    assert warnings("Hello ${first_name}.", template) == (
        "The original words have $care_recipient_name; these do not.",
    )


def test_nothing_is_amiss_with_the_original_words():
    for template in MessageTemplate.objects.all():
        review = previewing.review(template, template.body)
        assert (review.problem, review.warnings, review.tidied) == ("", (), "")


def test_a_draft_that_cannot_be_saved_says_why_and_is_shown_as_far_as_it_goes():
    unknown = previewing.review(find(), "Hi $frist_name 988")
    assert unknown.problem.startswith("Unknown placeholder: $frist_name. The placeholders are")
    assert unknown.texts == ()
    long = previewing.review(find(), "Hi $first_name 988" + "x" * 1600)
    assert long.problem.startswith("The text is too long")
    assert len(long.texts) == len(previewing.SAMPLES)
    assert previewing.review(find(), " ").problem == "The text is empty."


def test_a_text_that_is_no_longer_part_of_the_policy_is_not_used():
    gone = MessageTemplate(cadence="crisis_followup", stage=8, body="Hi.")

    assert previewing.is_used(gone) is False
    assert previewing.is_used(find()) is True
    with pytest.raises(LookupError):
        previewing.text_for(gone, USUAL)
    assert previewing.review(gone, "Hi.").texts == ()


def test_sample_people_exist_nowhere():
    assert all(sample.person("en").pk is None for sample in BY_SAMPLE.values())
