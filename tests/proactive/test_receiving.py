"""A text from a person: kept once, a sign of life, and heeded when it asks for something."""

import threading
from datetime import timedelta

import pytest
from django.db import connection

from caregiving import events, importing
from caregiving.importing import import_caregivers
from caregiving.models import Caregiver, ConsentChange, InboundMessage
from proactive.answers import ANSWERS, answer
from proactive.delivery import deliver_queued
from proactive.receiving import REPLY_WITHIN, Received, receive
from proactive.rules import GATE
from proactive.sms.segments import measure
from proactive.sweeps import run_sweep
from tests.factories import MessageFactory
from tests.proactive.calling import BASE, TOKEN, text_from
from tests.proactive.people import DAY, HOUR, MOMENT, NOON, due_for, person
from tests.proactive.queueing import queued

STRANGER = "+14155559999"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def account(settings, time_machine):
    settings.TWILIO_AUTH_TOKEN = TOKEN
    settings.PUBLIC_BASE_URL = BASE
    time_machine.move_to(NOON, tick=False)


def fresh(someone):
    return Caregiver.objects.get(pk=someone.pk)


# --- Kept, once ---


def test_a_text_is_kept_with_its_sender_its_words_and_when_it_came():
    someone = person()

    text_from(someone.phone_number, "Rough night.", sid="SM7")

    kept = InboundMessage.objects.get()
    assert (kept.caregiver, kept.from_number) == (someone, someone.phone_number)
    assert (kept.body, kept.received_at, kept.provider_sid) == ("Rough night.", NOON, "SM7")
    assert (kept.intent, kept.media) == ("", [])


def test_a_text_from_an_unknown_number_is_kept_too():
    assert text_from(STRANGER, "Who is this?") == ""

    kept = InboundMessage.objects.get()
    assert (kept.caregiver, kept.from_number, kept.body) == (None, STRANGER, "Who is this?")


def test_pictures_are_noted():
    media = {
        "NumMedia": "2",
        "MediaUrl0": "https://api.example.org/1",
        "MediaContentType0": "image/jpeg",
        "MediaUrl1": "https://api.example.org/2",
    }

    text_from(STRANGER, "", **media)

    assert InboundMessage.objects.get().media == [
        {"url": "https://api.example.org/1", "content_type": "image/jpeg"},
        {"url": "https://api.example.org/2", "content_type": ""},
    ]


def test_a_text_that_is_delivered_twice_counts_once_and_is_answered_once(time_machine):
    someone = person()
    assert "988" in text_from(someone.phone_number, "HELP", sid="SM7")
    events.record_opt_out(someone, at=NOON + MOMENT)
    time_machine.move_to(NOON + HOUR, tick=False)

    assert text_from(someone.phone_number, "START", sid="SM7") == ""

    assert InboundMessage.objects.get().body == "HELP"
    assert fresh(someone).last_contact_at == NOON
    assert fresh(someone).opted_out_at == NOON + MOMENT


@pytest.mark.django_db(transaction=True)
def test_the_same_text_on_ten_connections_at_once_is_kept_once():
    someone = person()
    text = Received("SM7", someone.phone_number, "please stop texting me")
    answers = []

    def call():
        try:
            answers.append(receive(text, now=NOON))
        finally:
            connection.close()

    threads = [threading.Thread(target=call) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == [""] * 9 + [answer("stop", "en")]
    assert InboundMessage.objects.count() == 1
    assert ConsentChange.objects.count() == 1


def test_an_ordinary_text_costs_six_statements(django_assert_num_queries):
    someone = person()
    sent_text(someone, at=NOON - HOUR)

    # Around them, as the transaction is the test's, the two of a savepoint.
    with django_assert_num_queries(6 + 2):
        receive(Received("SM7", someone.phone_number, "Thank you"), now=NOON)


# --- A sign of life ---


def test_a_text_is_contact_and_brings_back_whoever_had_churned():
    someone = person(
        journey_phase="churned", last_contact_at=NOON - 60 * DAY, reactivation_message_count=3
    )

    text_from(someone.phone_number, "I am back")

    someone = fresh(someone)
    assert (someone.last_contact_at, someone.journey_phase) == (NOON, "active")
    assert someone.reactivation_message_count == 0


def test_a_number_that_writes_can_be_texted_again():
    someone = person(unreachable_at=NOON - DAY, unreachable_reason="The number is a landline")

    text_from(someone.phone_number, "new phone")

    someone = fresh(someone)
    assert (someone.unreachable_at, someone.unreachable_reason) == (None, "")


def sent_text(someone, *, at, **fields):
    return MessageFactory(
        caregiver=someone,
        **{"status": "sent", "attempt_started_at": at, "stage": None} | fields,
    )


@pytest.mark.parametrize("status", ["sending", "unknown", "sent", "delivered", "undelivered"])
def test_the_latest_text_of_ours_is_replied_to(status):
    someone = person()
    older = sent_text(someone, at=NOON - 30 * HOUR)
    latest = sent_text(someone, at=NOON - 2 * HOUR, status=status)

    text_from(someone.phone_number, "Thank you")

    older.refresh_from_db()
    latest.refresh_from_db()
    assert (older.replied_at, latest.replied_at) == (None, NOON)


def test_a_text_counts_from_when_it_was_taken_and_not_from_the_attempt():
    someone = person()
    older = sent_text(someone, at=NOON - HOUR, sent_at=NOON - HOUR)
    latest = sent_text(someone, at=None, sent_at=NOON - HOUR / 2)

    text_from(someone.phone_number, "Thank you")

    older.refresh_from_db()
    latest.refresh_from_db()
    assert (older.replied_at, latest.replied_at) == (None, NOON)


@pytest.mark.parametrize(
    ("age", "counts"),
    [(timedelta(0), True), (REPLY_WITHIN - MOMENT, True), (REPLY_WITHIN, False)],
)
def test_a_text_is_a_reply_for_72_hours(age, counts):
    someone = person()
    message = sent_text(someone, at=NOON - age)

    text_from(someone.phone_number, "Thank you")

    message.refresh_from_db()
    assert message.replied_at == (NOON if counts else None)


def test_the_first_reply_is_the_one_that_counts(time_machine):
    someone = person()
    message = sent_text(someone, at=NOON - HOUR)
    text_from(someone.phone_number, "Thank you")
    time_machine.move_to(NOON + HOUR, tick=False)

    text_from(someone.phone_number, "One more thing")

    message.refresh_from_db()
    assert message.replied_at == NOON


@pytest.mark.parametrize("status", ["queued", "cancelled", "superseded", "failed"])
def test_nobody_replies_to_a_text_that_never_went_out(status):
    someone = person()
    message = sent_text(someone, at=NOON - HOUR, status=status)

    text_from(someone.phone_number, "Hello")

    message.refresh_from_db()
    assert message.replied_at is None


# --- Stop ---


def test_an_opt_out_that_was_answered_holds_for_what_is_queued_already(gateway):
    message = queued("crisis_followup")

    text_from(message.to_number, "Please stop texting me.")
    deliver_queued(now=NOON)
    run_sweep(now=NOON + GATE)
    deliver_queued(now=NOON + GATE)

    assert gateway.tried == []
    message.refresh_from_db()
    assert (message.status, message.reason) == ("cancelled", "consent: opted out Tue 5 Jan 12:00")


def test_an_opt_out_is_recorded_with_its_time_and_where_it_came_from():
    someone = person()

    text_from(someone.phone_number, "no me manden más mensajes")

    assert fresh(someone).opted_out_at == NOON
    change = ConsentChange.objects.get()
    assert (change.opted_in, change.at, change.source) == (False, NOON, "text")
    assert InboundMessage.objects.get().intent == "stop"


def test_pain_that_will_not_stop_is_no_opt_out():
    someone = person()

    assert text_from(someone.phone_number, "I can't stop crying") == ""
    assert fresh(someone).opted_out_at is None


def test_what_twilio_itself_has_heeded_is_heeded_whatever_the_words(gateway):
    someone = person()

    assert text_from(someone.phone_number, "arrête", OptOutType="STOP") == ""
    assert fresh(someone).opted_out_at == NOON


# --- One confirmation, never two ---


@pytest.mark.parametrize("word", ["STOP", "stop", " Unsubscribe ", "CANCEL"])
def test_to_its_own_words_twilio_answers_and_we_do_not(word):
    assert text_from(person().phone_number, word) == ""


@pytest.mark.parametrize("words", ["please stop texting me", "STOP!!", "opt out", "alto"])
def test_what_twilio_does_not_understand_we_confirm(words):
    assert text_from(person().phone_number, words) == answer("stop", "en")


@pytest.mark.parametrize("word", ["STOP", "please stop texting me"])
def test_where_twilio_keeps_silent_we_confirm_its_words_too(settings, word):
    settings.OPT_OUT_CONFIRMATION = "service"

    assert text_from(person().phone_number, word) == answer("stop", "en")


def test_who_says_stop_again_is_not_texted_again():
    someone = person()
    text_from(someone.phone_number, "please stop texting me")

    assert text_from(someone.phone_number, "I said stop texting me!") == ""


def test_a_confirmation_speaks_the_persons_language():
    someone = person(language="es")

    assert text_from(someone.phone_number, "ya no me escriban") == answer("stop", "es")


# --- Start and help ---


@pytest.mark.parametrize("word", ["START", "unstop"])
def test_start_opts_in_again(word, time_machine):
    someone = person()
    text_from(someone.phone_number, "stop texting me")
    time_machine.move_to(NOON + HOUR, tick=False)

    assert text_from(someone.phone_number, word) == ""  # Twilio answers this one

    someone = fresh(someone)
    assert (someone.opted_out_at, someone.opted_in_at) == (None, NOON + HOUR)


def test_start_is_confirmed_where_twilio_keeps_silent(settings, time_machine):
    settings.OPT_OUT_CONFIRMATION = "service"
    someone = person()
    text_from(someone.phone_number, "STOP")
    time_machine.move_to(NOON + HOUR, tick=False)

    assert text_from(someone.phone_number, "START") == answer("start", "en")
    assert text_from(someone.phone_number, "START") == ""


def test_yes_answers_a_question_and_is_no_opt_in():
    someone = person(opted_out_at=NOON - DAY)

    assert text_from(someone.phone_number, "YES") == ""
    assert fresh(someone).opted_out_at == NOON - DAY


@pytest.mark.parametrize("word", ["HELP", "help!", "INFO"])
def test_help_says_who_we_are_how_to_stop_and_988(settings, word):
    settings.SERVICE_NAME = "Lantern"

    said = text_from(person().phone_number, word)

    assert said.startswith("Lantern ")
    assert "STOP" in said
    assert "988" in said


def test_help_is_for_everybody():
    assert text_from(STRANGER, "HELP") == answer("help", "en")
    assert text_from(person(opted_out_at=NOON - DAY).phone_number, "HELP") == answer("help", "en")


def test_help_that_twilio_has_answered_is_not_answered_twice():
    assert text_from(person().phone_number, "HELP", OptOutType="HELP") == ""


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("intent", ANSWERS)
def test_each_answer_fits_one_segment_with_the_longest_name(settings, intent, language):
    settings.SERVICE_NAME = "M" * 20

    size = measure(answer(intent, language))

    assert (size.encoding, size.segments) == ("GSM-7", 1)


# --- Numbers that nobody knew ---


def test_a_stop_from_a_number_that_is_imported_later_still_holds(tmp_path, gateway):
    text_from(STRANGER, "STOP")
    file = tmp_path / "people.csv"
    file.write_text(f"phone_number,journey_phase\n{STRANGER},active\n")

    import_caregivers(file)

    someone = Caregiver.objects.get()
    assert someone.opted_out_at == NOON
    assert InboundMessage.objects.get().caregiver == someone


def test_the_last_word_of_a_number_counts_when_it_becomes_somebodys(time_machine):
    text_from(STRANGER, "STOP")
    time_machine.move_to(NOON + HOUR, tick=False)
    text_from(STRANGER, "START")
    someone = person(phone_number=STRANGER)

    events.record_new_number(someone)

    assert fresh(someone).opted_out_at is None
    assert someone.inbound.count() == 2


@pytest.mark.skipif(
    connection.vendor == "sqlite", reason="a text waits there until the import is done"
)
@pytest.mark.django_db(transaction=True)
def test_a_stop_that_comes_while_its_sender_is_being_imported_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(importing, "BATCH", 1)
    file = tmp_path / "people.csv"
    file.write_text(f"phone_number\n{STRANGER}\n+14155559998\n")
    answers = []

    def stop() -> None:
        try:
            answers.append(receive(Received("SM1", STRANGER, "STOP"), now=NOON))
        finally:
            connection.close()

    def on_the_last_line(done: int, total: int) -> None:
        # By now the first row is written, and no other connection sees it.
        if done == total and not answers:
            thread = threading.Thread(target=stop)
            thread.start()
            thread.join(timeout=30)
            assert InboundMessage.objects.get().caregiver is None

    import_caregivers(file, progress=on_the_last_line)

    someone = Caregiver.objects.get(phone_number=STRANGER)
    assert answers == [""]
    assert someone.opted_out_at == NOON
    assert InboundMessage.objects.get().caregiver == someone


def test_the_import_heeds_what_was_taken_for_a_strangers_text_before_it_ended(tmp_path):
    someone = person(phone_number=STRANGER)
    InboundMessage.objects.create(from_number=STRANGER, intent="stop", received_at=NOON)
    file = tmp_path / "people.csv"
    file.write_text("phone_number\n+14155559998\n")

    import_caregivers(file)

    assert fresh(someone).opted_out_at == NOON


@pytest.mark.parametrize("force", [False, True])
def test_a_sweep_heeds_a_stop_that_was_taken_for_a_strangers(force):
    someone = due_for("wellness", phone_number=STRANGER)
    InboundMessage.objects.create(from_number=STRANGER, intent="stop", received_at=NOON - HOUR)

    swept = run_sweep(now=NOON, force=force)

    assert fresh(someone).opted_out_at == NOON - HOUR
    assert swept.texts_queued == 0


def test_a_dry_run_leaves_texts_of_strangers_alone():
    someone = due_for("wellness", phone_number=STRANGER)
    InboundMessage.objects.create(from_number=STRANGER, intent="stop", received_at=NOON - HOUR)

    run_sweep(now=NOON, dry_run=True)

    assert fresh(someone).opted_out_at is None
    assert InboundMessage.objects.get().caregiver is None


def test_with_a_new_number_the_old_ones_trouble_is_over():
    someone = due_for("wellness", unreachable_at=NOON - DAY)

    events.record_new_number(someone)

    assert fresh(someone).unreachable_at is None
