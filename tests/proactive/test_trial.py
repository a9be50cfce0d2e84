"""A test text to an operator's own phone: it proves that sending works, and lifts only a halt."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from proactive import switches, tasks, trial
from proactive.models import AuditEntry, CadenceSwitch, CareAlert, Message
from proactive.sms.gateway import Outcome, SmsError
from tests.factories import CaregiverFactory
from tests.proactive.commanding import refusal, run, run_json

PHONE = "+12025550143"
PAGE = reverse("admin:proactive_send_test")
POLICY = reverse("admin:proactive_policy")
MISCONFIGURED = SmsError(Outcome.MISCONFIGURED, "Our account is suspended (30002)", code="30002")

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def rung(monkeypatch):
    rung = []
    monkeypatch.setattr(tasks, "ring", lambda: rung.append(True))
    return rung


@pytest.fixture
def halted():
    switch = CadenceSwitch.objects.create(
        cadence="everything", is_on=False, halted=True, reason="Our account is suspended (30002)"
    )
    CareAlert.objects.create(kind=CareAlert.Kind.SENDING_HALTED)
    return switch


def off(**fields):
    return CadenceSwitch.objects.create(cadence="everything", **fields)


def is_on():
    return switches.everything().is_open(timezone.now())


# --- On the command line ---


def test_a_test_text_has_fixed_words_and_is_no_message(gateway, rung):
    assert run("send_test", "(202) 555-0143") == (
        "The provider took the text; see that it arrives. Sending is on.\n"
    )
    ((to, body),) = [(entry["to"], entry["body"]) for entry in gateway.sent]
    assert (to, body) == (PHONE, "CareCheck test: sending works.")
    assert not Message.objects.exists()
    assert rung == []


def test_a_test_text_that_is_taken_lifts_a_halt(gateway, halted, rung):
    assert run("send_test", PHONE) == (
        "The provider took the text; see that it arrives. Sending was halted and is on again.\n"
    )
    assert is_on()
    alert = CareAlert.objects.get()
    assert alert.resolved_at is not None
    assert (alert.resolved_by, alert.note) == (None, "Resumed: the provider took a test text.")
    assert rung == [True]


def test_machines_are_told_what_became_of_it(gateway, halted):
    told = run_json("send_test", PHONE)

    assert told == {
        "provider_sid": f"recorded-{gateway.sent[0]['message_id']}",
        "resumed": True,
        "sending": "on",
    }


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"is_on": False, "reason": "audit"}, "off"),
        ({"paused_until": timezone.now() + timedelta(days=1)}, "paused"),
    ],
)
def test_what_staff_switched_off_or_paused_is_not_lifted(gateway, fields, state):
    off(**fields)
    before = CadenceSwitch.objects.values().get()

    assert run("send_test", PHONE) == (
        f"The provider took the text; see that it arrives. Sending stays {state}, as staff wish: "
        "only they change that.\n"
    )
    assert len(gateway.sent) == 1
    assert CadenceSwitch.objects.values().get() == before


@pytest.mark.parametrize(
    ("failure", "says"),
    [
        (
            MISCONFIGURED,
            "Our account is suspended (30002). Check the TWILIO_ settings and our account at "
            "Twilio. What reads the settings, workers and web server, must be started again after "
            "a change. Nothing was resumed.",
        ),
        (
            SmsError(Outcome.REJECTED, "The number is a landline (21635)"),
            "The number is a landline (21635). Check the number, or use another phone. Nothing "
            "was resumed.",
        ),
        (
            SmsError(Outcome.UNKNOWN, "Twilio did not answer in time"),
            "Twilio did not answer in time. Look at the phone before you try again: it may have "
            "arrived. Nothing was resumed.",
        ),
        (
            RuntimeError("a surprise"),
            "The gateway broke: RuntimeError. Look at the phone before you try again: it may have "
            "arrived. The log says more. Nothing was resumed.",
        ),
    ],
)
def test_when_it_is_not_taken_nothing_is_resumed_and_it_says_what_to_check(
    gateway, halted, rung, failure, says
):
    gateway.fails_with = failure

    assert refusal("send_test", PHONE) == says
    assert not is_on()
    assert CareAlert.objects.get().resolved_at is None
    assert rung == []


@pytest.mark.parametrize("written", [PHONE, "(202) 555-0143"])
def test_a_caregiver_gets_no_test_text(gateway, halted, written):
    CaregiverFactory(phone_number=PHONE)

    assert refusal("send_test", written) == (
        "This is a caregiver's number. A test text asks neither for consent nor for the hour nor "
        "for the 24 hours: send it to a phone of your own."
    )
    assert gateway.tried == []
    assert not is_on()


def test_what_is_no_number_is_refused(gateway):
    assert refusal("send_test", "myself").startswith("'myself' is not a telephone number")
    assert gateway.tried == []


# --- In the admin ---


def submit(client, phone=PHONE, reason="drill"):
    return client.post(PAGE, {"phone": phone, "reason": reason})


def said(client):
    return [str(message) for message in client.get(POLICY).context["messages"]]


def test_the_policy_offers_a_test_text(admin_client):
    assert PAGE in admin_client.get(POLICY).content.decode()


def test_to_open_the_page_sends_nothing(admin_client, gateway, halted):
    answer = admin_client.get(PAGE)

    assert answer.status_code == 200
    assert "Your own phone" in answer.content.decode()
    assert gateway.tried == []
    assert not is_on()


def test_staff_lift_a_halt_with_a_test_text_and_the_audit_names_them(admin_client, gateway, halted):
    answer = submit(admin_client)

    assert answer.url == POLICY
    assert [entry["to"] for entry in gateway.sent] == [PHONE]
    assert is_on()
    admin = User.objects.get()
    assert switches.everything().changed_by == admin
    assert CareAlert.objects.get().resolved_by == admin
    says = "The provider took the text; see that it arrives. Sending was halted and is on again."
    assert said(admin_client) == [says]
    entry = AuditEntry.objects.get()
    assert (entry.by, entry.action, entry.reason) == (admin, "send_test", "drill")
    assert (entry.target_type, entry.target_id) == ("proactive.cadenceswitch", str(halted.pk))
    assert entry.says == f"Test text to a number that ends in 0143: {says}"


def test_staff_are_told_why_a_test_text_was_not_taken(admin_client, gateway, halted):
    gateway.fails_with = MISCONFIGURED

    submit(admin_client)

    (says,) = said(admin_client)
    assert says.startswith("Our account is suspended (30002). Check the TWILIO_ settings")
    assert not is_on()
    assert AuditEntry.objects.get().says.endswith(says)


def test_where_nothing_was_ever_switched_a_test_text_is_in_the_audit_too(admin_client, gateway):
    submit(admin_client)

    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target_id) == ("send_test", "")
    assert not CadenceSwitch.objects.exists()


def test_a_number_that_becomes_a_caregivers_after_it_was_typed_gets_nothing(
    admin_client, gateway, halted, monkeypatch
):
    send_trial = trial.send_trial

    def a_moment_later(phone, **options):
        CaregiverFactory(phone_number=PHONE)
        return send_trial(phone, **options)

    monkeypatch.setattr(trial, "send_trial", a_moment_later)
    submit(admin_client)

    (says,) = said(admin_client)
    assert says.startswith("This is a caregiver's number. A test text asks")
    assert gateway.tried == []


@pytest.mark.parametrize(
    ("phone", "reason", "wrong"),
    [
        ("", "drill", "phone"),
        ("myself", "drill", "phone"),
        ("(202) 555-0143", "drill", "phone"),
        ("+12025550144", "", "reason"),
    ],
)
def test_the_page_asks_again_for_a_number_that_may_not_get_it_or_a_reason(
    admin_client, gateway, halted, phone, reason, wrong
):
    CaregiverFactory(phone_number=PHONE)

    answer = submit(admin_client, phone, reason)

    assert answer.status_code == 200
    assert answer.context["form"].errors.keys() == {wrong}
    assert gateway.tried == []
    assert not is_on()
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("method", ["get", "post"])
def test_who_may_only_look_at_switches_sends_no_test_text(client, gateway, halted, method):
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.groups.add(Group.objects.get(name="Viewer"))
    client.force_login(viewer)

    answer = getattr(client, method)(PAGE, {"phone": PHONE, "reason": "drill"})

    assert answer.status_code == 403
    assert gateway.tried == []
    page = client.get(POLICY)
    assert page.status_code == 200
    assert PAGE not in page.content.decode()


@pytest.mark.django_db(transaction=True)
def test_the_provider_is_never_called_inside_a_transaction(admin_client, gateway, monkeypatch):
    inside = []
    send = gateway.send

    def look(message, **options):
        inside.append(connection.in_atomic_block)
        return send(message, **options)

    monkeypatch.setattr(gateway, "send", look)
    submit(admin_client)

    assert inside == [False]


# --- Staff and the switch itself ---


def act(client, name, **typed):
    url = reverse("admin:proactive_cadenceswitch_act", args=["everything", name])
    return client.post(url, {"reason": "until the audit ends"} | typed)


def test_staff_who_switch_a_halt_on_again_settle_its_alert(admin_client, halted):
    before = halted.changed_at

    assert act(admin_client, "switch_on", reason="mended").url == POLICY

    halted.refresh_from_db()
    assert (halted.is_on, halted.halted) == (True, False)
    assert halted.changed_at > before
    alert = CareAlert.objects.get()
    assert alert.resolved_at is not None
    assert (alert.resolved_by, alert.note) == (User.objects.get(), "Switched on again: mended")


def test_staff_who_keep_a_halt_off_for_reasons_of_their_own_have_taken_it_over(
    admin_client, gateway, halted
):
    act(admin_client, "switch_off")

    assert CadenceSwitch.objects.get().reason == "until the audit ends"
    assert run("send_test", PHONE).endswith(
        "Sending stays off, as staff wish: only they change that.\n"
    )
    assert not is_on()
    assert CareAlert.objects.get().resolved_at is None


def test_to_look_at_what_an_act_would_do_takes_nothing_over(admin_client, halted):
    for name in ("switch_off", "switch_on"):
        url = reverse("admin:proactive_cadenceswitch_act", args=["everything", name])
        assert admin_client.get(url).status_code == 200
        assert admin_client.post(url, {"reason": "look", "look": "1"}).status_code == 200

    assert CadenceSwitch.objects.get().halted is True


def test_a_switch_is_neither_deleted_nor_edited_nor_added(admin_client, halted):
    for page in ("delete", "change"):
        url = reverse(f"admin:proactive_cadenceswitch_{page}", args=[halted.pk])
        typed = {"post": "yes", "cadence": "everything", "is_on": "on"}
        assert admin_client.post(url, typed).status_code == 403
    url = reverse("admin:proactive_cadenceswitch_add")
    assert admin_client.post(url, {"cadence": "wellness"}).status_code == 403

    assert not is_on()
    assert CadenceSwitch.objects.count() == 1


# --- Words of a template ---


def test_words_go_out_as_they_are_and_lift_no_halt(gateway, halted, rung):
    assert trial.send_words("(202) 555-0143", "Hi there.").startswith("recorded-")

    assert [(entry["to"], entry["body"]) for entry in gateway.sent] == [(PHONE, "Hi there.")]
    assert not Message.objects.exists()
    assert not is_on()
    assert rung == []


def test_words_that_are_not_taken_say_what_to_check(gateway):
    gateway.fails_with = SmsError(Outcome.REJECTED, "The number is a landline (21635)")

    with pytest.raises(trial.NotTaken) as refused:
        trial.send_words(PHONE, "Hi there.")

    assert str(refused.value) == (
        "The number is a landline (21635). Check the number, or use another phone."
    )
