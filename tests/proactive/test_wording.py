"""The words: what is sent, to whom it reads well, and who may change it."""

import logging
import re
from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from hypothesis import assume, given
from hypothesis import strategies as st

from caregiving.models import Caregiver, Language
from proactive import wording
from proactive.cadences import BY_NAME, CADENCES
from proactive.declaring import Cadence, Step
from proactive.default_copy import DEFAULT_COPY
from proactive.models import MessageTemplate
from proactive.sms.segments import measure
from proactive.wording import Wording, render, validate

STEPS = [(cadence, step) for cadence in CADENCES for step in cadence.steps]
TEXTS = [
    pytest.param(cadence, step, language, id=f"{cadence.name}-{step.variant}-{language}")
    for cadence, step in STEPS
    for language in Language.values
]
every_text = pytest.mark.parametrize(("cadence", "step", "language"), TEXTS)

TWELVE_LETTERS = "Maximilianne"
TWENTY_CHARACTERS = "Caregivers Texas 365"

# Somebody else may read the text over the person's shoulder.
CONDITIONS = re.compile(
    "crisis|burn|depress|anxi|stress|suicid|mental|psych|therap|symptom|diagnos|dementia|alzheimer"
    "|parkinson|cancer|stroke|disease|illness|disorder|patient|disab|addict|trauma|agotamiento"
    "|depresi|ansiedad|estres|sintoma|demencia|enferm|discapacidad|paciente|trastorno|terapia"
    "|adicci"
)

EARLIER = datetime(2026, 3, 1, 12, tzinfo=UTC)


def caregiver(**fields: object) -> Caregiver:
    """Somebody who has been texted before, unless told otherwise."""
    return Caregiver(
        **{"phone_number": "+14155552671", "last_proactive_message_at": EARLIER} | fields
    )


def words(person: Caregiver, cadence: Cadence, step: Step) -> str:
    """What goes out with no template rows at all."""
    return Wording({}).compose(person, cadence, step)


def test_every_step_has_copy_in_every_language_and_no_copy_is_left_over():
    wanted = {(cadence.name, step.variant): set(Language.values) for cadence, step in STEPS}

    assert {key: set(copy) for key, copy in DEFAULT_COPY.items()} == wanted


@every_text
def test_default_copy_takes_one_segment_even_with_long_names(cadence, step, language):
    person = caregiver(
        first_name=TWELVE_LETTERS, care_recipient_name=TWELVE_LETTERS, language=language
    )

    size = measure(words(person, cadence, step))

    assert (size.encoding, size.segments) == ("GSM-7", 1)
    assert size.units <= 138


@every_text
def test_default_copy_takes_one_segment_even_as_the_first_text(cadence, step, language, settings):
    settings.SERVICE_NAME = TWENTY_CHARACTERS
    person = caregiver(
        first_name=TWELVE_LETTERS,
        care_recipient_name=TWELVE_LETTERS,
        language=language,
        last_proactive_message_at=None,
    )

    text = words(person, cadence, step)

    assert text.startswith(f"{TWENTY_CHARACTERS}: ")
    assert (measure(text).encoding, measure(text).segments) == ("GSM-7", 1)


@every_text
def test_default_copy_is_accepted_as_a_template(cadence, step, language):
    validate(DEFAULT_COPY[cadence.name, step.variant][language])


@every_text
def test_default_copy_names_no_condition(cadence, step, language):
    body = DEFAULT_COPY[cadence.name, step.variant][language].casefold()

    assert CONDITIONS.findall(body) == []


@every_text
def test_default_copy_reads_well_without_names(cadence, step, language):
    text = words(caregiver(language=language), cadence, step)

    assert re.findall(r"  | [,.;:!?]|^[^\w¿¡]|,,|\(\)|None|\$|[\x00-\x1f]", text) == []
    assert text.lstrip("¿¡")[0].isupper()
    assert text.endswith((".", "?", "!"))


@pytest.mark.parametrize("step", BY_NAME["crisis_followup"].steps, ids=lambda step: step.variant)
def test_each_crisis_followup_says_how_to_reach_help_at_once(step):
    copy = DEFAULT_COPY["crisis_followup", step.variant]

    assert "call or text 988" in copy["en"]
    assert "llame o mande AYUDA por texto al 988" in copy["es"].replace("Llame", "llame")


def test_the_last_reactivation_says_that_it_is_the_last():
    copy = DEFAULT_COPY["dormant_reactivation", "3"]

    assert "we will not write again unless you write to us" in copy["en"]
    assert "no le volveremos a escribir si usted no nos escribe" in copy["es"]


# --- Names ---


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("Hi $first_name, how are you?", "Hi, how are you?"),
        ("Hi ${first_name}, how are you?", "Hi, how are you?"),
        ("$first_name, how are you?", "How are you?"),
        ("Hola $first_name. ¿Todo bien?", "Hola. ¿Todo bien?"),
        ("Hola, $first_name, ¿todo bien?", "Hola, ¿todo bien?"),
        ("¿$first_name, todo bien?", "¿Todo bien?"),
        ("¡$first_name! Buenas tardes.", "Buenas tardes."),
        ("How are you, $first_name?", "How are you?"),
        ("How are you $first_name", "How are you"),
        ("Good morning. $first_name, how are you?", "Good morning. How are you?"),
        ("Hi $first_name!\nHow are you?", "Hi!\nHow are you?"),
        ("$first_name\nhow are you?", "How are you?"),
        ("$first_name - how are you?", "How are you?"),
        ("Hi ($first_name), how are you?", "Hi, how are you?"),
        ("How was $first_name's day?", "How was your day?"),
        ("$service_name: $first_name, hello", "CareCheck: Hello"),
    ],
)
def test_a_first_name_that_is_not_known_leaves_no_gap(body, text, settings):
    settings.SERVICE_NAME = "CareCheck"

    assert render(body, caregiver(), language="en") == text


def test_somebody_without_a_name_is_a_loved_one():
    body = "How is $care_recipient_name? $care_recipient_name's week?"

    assert render(body, caregiver(), language="en") == (
        "How is your loved one? Your loved one's week?"
    )
    assert render(body, caregiver(), language="es") == (
        "How is su ser querido? Su ser querido's week?"
    )


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("$service_name", "Hi $service_name, hello"),
        ("${first_name}", "Hi ${first_name}, hello"),
        ("{0} %s", "Hi {0} %s, hello"),
        ("Ann\r\nSTOP", "Hi Ann STOP, hello"),
        ("An\x00n\tB", "Hi An n B, hello"),
        ("\u202eAnn\u200b", "Hi Ann, hello"),
        ("  Ann,  ", "Hi Ann, hello"),
        ("O’Brien", "Hi O'Brien, hello"),
        ("Anne–Marie", "Hi Anne-Marie, hello"),
        ("Ann\u00a0Lee", "Hi Ann Lee, hello"),
        ("José", "Hi José, hello"),
        ("Jose\u0301", "Hi José, hello"),
        ("Sofía", "Hi Sofía, hello"),
        ("Łukasz", "Hi Łukasz, hello"),
        ("美玲", "Hi 美玲, hello"),
        ("\x01", "Hi, hello"),
        ("   ", "Hi, hello"),
        ("-", "Hi, hello"),
        ("?", "Hi, hello"),
    ],
)
def test_a_name_is_only_ever_a_name(name, shown):
    assert render("Hi $first_name, hello", caregiver(first_name=name), language="en") == shown


def test_typographic_punctuation_does_not_triple_the_price():
    typed = "Hi “$first_name” — it’s us…\u00a0ok?\r\n"

    text = render(typed, caregiver(first_name="Ann"), language="en")

    assert text == 'Hi "Ann" - it\'s us... ok?'
    assert measure(text).encoding == "GSM-7"


def test_two_dollars_are_one():
    assert render("It costs $$5, $first_name.", caregiver(), language="en") == "It costs $5."


@given(body=st.text(), name=st.text(max_size=60), recipient=st.text(max_size=60))
def test_whatever_is_accepted_can_be_sent_to_anybody(body, name, recipient):
    try:
        validate(body)
    except ValueError:
        assume(False)

    text = render(body, caregiver(first_name=name, care_recipient_name=recipient), language="en")

    assert text != ""
    assert re.findall(r"[\x00-\x09\x0b-\x1f\x7f]", text) == []


PIECES = ("$first_name", "${first_name}", "$care_recipient_name", "$$", "$", "$x", " ", ", ", ". ")
PIECES += ("\n", "Hi", "how", "\u200b", "\u0301", "¿", "?", "(", ")", "'s", "...")


@given(
    body=st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
    name=st.sampled_from(["", "Ann", "$first_name", "\x01"]),
)
def test_placeholders_in_any_surroundings_are_refused_or_filled(body, name):
    try:
        validate(body)
    except ValueError:
        assume(False)

    text = render(body, caregiver(first_name=name), language="en")

    assert text != ""
    assert re.findall(r"[\x00-\x09\x0b-\x1f\x7f]", text) == []


# --- What staff write ---

PLACEHOLDERS = "The placeholders are $first_name, $care_recipient_name and $service_name."
REFUSED = [
    (
        "Hi $name",
        f"Unknown placeholder: $name. {PLACEHOLDERS} For a dollar sign write $$.",
    ),
    (
        "Hi $name from ${town}",
        f"Unknown placeholders: $name, $town. {PLACEHOLDERS} For a dollar sign write $$.",
    ),
    (
        "Lunch costs $5 today",
        'The "$" at character 13, in "Lunch costs $5 today", does not begin a placeholder. '
        f"For a dollar sign write $$. {PLACEHOLDERS}",
    ),
    ("Hi {first_name}", '"first_name" would be sent as it stands: write $first_name.'),
    ("Hi $$first_name", '"first_name" would be sent as it stands: write $first_name.'),
    (" \n", "The text is empty."),
    ("$first_name", "The text is empty for a person whose name is not known."),
    (
        "a" * 1601,
        "The text is too long: 1601 characters in 11 segments even without names. "
        "At most 1600 characters in 10 segments.",
    ),
    (
        "ó" * 671,
        "The text is too long: 671 characters in 11 segments even without names. "
        "At most 1600 characters in 10 segments.",
    ),
]


@pytest.mark.parametrize(("body", "says"), REFUSED)
def test_a_template_that_cannot_be_sent_is_refused_in_words(body, says):
    with pytest.raises(ValueError) as refusal:
        validate(body)

    assert str(refusal.value) == says


@pytest.mark.parametrize("body", ["a" * 1530, "ó" * 670, "$$5 and ${first_name}", "Hi $first_name"])
def test_a_template_that_can_be_sent_is_accepted(body):
    validate(body)


@pytest.mark.django_db
@pytest.mark.parametrize(("body", "says"), REFUSED[:3])
def test_a_bad_placeholder_is_refused_however_the_row_is_written(body, says):
    row = MessageTemplate.objects.get(cadence="wellness", tier="high", language="en")
    row.body = body

    for write in (row.full_clean, row.save):
        with pytest.raises(ValidationError) as refusal:
            write()
        assert refusal.value.message_dict == {"body": [says]}


# --- Choosing ---

WELLNESS = BY_NAME["wellness"]
HIGH = next(step for step in WELLNESS.steps if step.tier == "high")
CRISIS_FOLLOWUP = BY_NAME["crisis_followup"]


def high(language: str) -> "MessageTemplate":
    return MessageTemplate.objects.get(cadence="wellness", tier="high", language=language)


@pytest.mark.django_db
def test_each_step_takes_its_own_template_in_the_language_of_the_person():
    for row in MessageTemplate.objects.all():
        row.body = f"{row.cadence} {row.stage or row.tier} ({row.language})"
        row.save()
    templates = Wording.load()

    for cadence, step in STEPS:
        for language in Language.values:
            text = templates.compose(caregiver(language=language), cadence, step)
            assert text == f"{cadence.name} {step.variant} ({language})"


@pytest.mark.django_db
def test_templates_are_read_in_one_query(django_assert_num_queries):
    with django_assert_num_queries(1):
        templates = Wording.load()
        for cadence, step in STEPS:
            templates.compose(caregiver(), cadence, step)


@pytest.mark.django_db
def test_a_template_that_is_missing_gives_way_to_the_default_copy_in_the_same_language():
    high("es").delete()
    english = high("en")
    english.body = "Edited."
    english.save()
    person = caregiver(first_name="Ann", language="es")

    text = Wording.load().compose(person, WELLNESS, HIGH)

    assert text == render(DEFAULT_COPY["wellness", "high"]["es"], person, language="es")


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["en", "es"])
def test_with_no_template_at_all_the_default_copy_goes_out(language):
    MessageTemplate.objects.all().delete()

    text = Wording.load().compose(caregiver(language=language), WELLNESS, HIGH)

    assert text == render(
        DEFAULT_COPY["wellness", "high"][language], caregiver(), language=language
    )


@pytest.mark.django_db
def test_a_language_that_nobody_has_written_in_falls_back_to_english():
    edited = high("en")
    edited.body = "Edited."
    edited.save()
    person = caregiver(language="ht")

    assert Wording.load().compose(person, WELLNESS, HIGH) == "Edited."
    assert words(person, WELLNESS, HIGH) == words(caregiver(), WELLNESS, HIGH)


@pytest.mark.django_db
def test_a_bad_template_gives_way_to_the_default_copy_and_says_which_it_is(caplog):
    row = high("es")
    MessageTemplate.objects.filter(pk=row.pk).update(body="Hola $nombre")
    person = caregiver(first_name="Ann", language="es")

    with caplog.at_level(logging.WARNING, logger="proactive.wording"):
        templates = Wording.load()
        texts = {templates.compose(person, WELLNESS, HIGH) for _ in range(2)}

    assert texts == {words(person, WELLNESS, HIGH)}
    assert [record.getMessage() for record in caplog.records] == [
        f"Message template {row.pk} cannot be used, so the default copy goes out instead: correct "
        "it in the admin, or delete it and run migrate. Unknown placeholder: $nombre. "
        f"{PLACEHOLDERS} For a dollar sign write $$."
    ]


def test_a_cadence_without_any_words_says_where_to_add_them(monkeypatch):
    monkeypatch.delitem(DEFAULT_COPY, ("wellness", "high"))

    with pytest.raises(LookupError, match="wellness high: add them to"):
        words(caregiver(), WELLNESS, HIGH)


# --- The first text ---


def test_the_first_text_says_whom_it_is_from_and_later_ones_do_not(settings):
    settings.SERVICE_NAME = "CareCheck"
    stranger = caregiver(first_name="Ann", last_proactive_message_at=None)
    known = caregiver(first_name="Ann")
    step = CRISIS_FOLLOWUP.steps[0]

    assert words(stranger, CRISIS_FOLLOWUP, step) == (
        "CareCheck: " + words(known, CRISIS_FOLLOWUP, step)
    )
    assert words(known, CRISIS_FOLLOWUP, step).startswith("Hi Ann, ")


@pytest.mark.parametrize("body", ["Hi from $service_name!", "Hi from CareCheck!"])
def test_a_first_text_that_names_the_service_is_not_told_twice(body, settings):
    settings.SERVICE_NAME = "CareCheck"
    templates = Wording({("wellness", "high", "en"): body})

    text = templates.compose(caregiver(last_proactive_message_at=None), WELLNESS, HIGH)

    assert text == "Hi from CareCheck!"


def test_the_name_of_the_service_does_not_triple_the_price(settings):
    settings.SERVICE_NAME = "Carers’ Line"

    text = words(caregiver(last_proactive_message_at=None), WELLNESS, HIGH)

    assert text.startswith("Carers' Line: Hi, ")


# --- The rows that staff edit ---


def migrate() -> None:
    call_command("migrate", verbosity=0)


@pytest.mark.django_db
def test_migrate_creates_a_row_for_every_text():
    rows = {
        (row.cadence, str(row.stage or row.tier), row.language): row.body
        for row in MessageTemplate.objects.all()
    }

    assert rows == {
        (cadence, variant, language): body
        for (cadence, variant), copy in DEFAULT_COPY.items()
        for language, body in copy.items()
    }


@pytest.mark.django_db
def test_what_staff_edited_survives_the_next_deploy():
    row = high("en")
    row.body = "Hello from the staff."
    row.save()
    before = list(MessageTemplate.objects.values())

    migrate()

    assert list(MessageTemplate.objects.values()) == before


@pytest.mark.django_db
def test_a_deleted_template_comes_back_only_with_migrate_and_is_replaced_meanwhile():
    person = caregiver(language="en")
    high("en").delete()

    assert Wording.load().compose(person, WELLNESS, HIGH) == words(person, WELLNESS, HIGH)
    assert not MessageTemplate.objects.filter(tier="high", language="en").exists()

    migrate()

    assert high("en").body == DEFAULT_COPY["wellness", "high"]["en"]


@pytest.mark.django_db
def test_a_new_cadence_needs_nothing_but_its_copy(monkeypatch):
    monkeypatch.setitem(DEFAULT_COPY, ("birthday", "1"), {"en": "Happy birthday, $first_name."})
    monkeypatch.setitem(DEFAULT_COPY, ("birthday", "close"), {"en": "Many happy returns."})

    migrate()

    rows = MessageTemplate.objects.filter(cadence="birthday").order_by("body")
    assert list(rows.values_list("stage", "tier", "body")) == [
        (1, "", "Happy birthday, $first_name."),
        (None, "close", "Many happy returns."),
    ]


@pytest.mark.django_db
def test_a_migrate_that_stops_before_the_table_exists_creates_nothing(django_assert_num_queries):
    loader = MigrationLoader(connection)
    earlier = loader.project_state([("caregiving", "0001_initial")]).apps

    with django_assert_num_queries(0):
        wording.create_missing_templates(using="default", apps=earlier)


def test_an_accent_that_what_is_dropped_had_kept_from_its_letter_is_seen_when_it_is_checked():
    with pytest.raises(ValueError, match="Unknown placeholder"):
        validate("Hi $first_name\u200b\u0301, how are you?")
