"""Somebody asks to be forgotten: what goes, what stays, and that their STOP outlives them."""

import csv
import json
from io import StringIO

import pytest
import time_machine
from django.apps import apps
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from caregiving import erasing as opt_outs
from caregiving import events
from caregiving.convex.models import ConvexImport, ConvexPerson
from caregiving.importing import import_caregivers
from caregiving.models import Caregiver, ErasedOptOut, ImportUpload, InboundMessage
from proactive import archiving, audit, erasing, profiles
from proactive.care import Refused
from proactive.checks import opt_outs_of_the_erased_can_be_found
from proactive.models import ApiReceipt, ApiToken, AuditEntry, CareAlert, Message, Note, Status
from proactive.promises import check_promises
from proactive.reports import apply_report
from proactive.sms.gateway import Report
from tests.factories import MessageFactory
from tests.proactive.people import DAY, HOUR, NOON, person, sweep
from tests.proactive.test_holding import member, page

pytestmark = pytest.mark.django_db

NUMBER = "+14155552671"
# Whatever of them must be found nowhere afterwards.
TRACES = (
    *("4155552671", "4155559999", "Wilhelmina", "Bartholomew", "98765", "pigeon"),
    *("j57convexid", "SMtheirtext", "SMourtext"),
)


@pytest.fixture(autouse=True)
def noon():
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def someone():
    """Somebody of whom every table has something that says who they were."""
    them = person(
        phone_number=NUMBER,
        first_name="Wilhelmina",
        care_recipient_name="Bartholomew",
        relationship="keeper of a pigeon",
        zip_code="98765",
        last_crisis_event_at=NOON - 4 * DAY,
        last_contact_at=NOON - 4 * DAY,
        crisis_followup_count=1,
        unreachable_at=NOON - DAY,
        unreachable_reason="the pigeon answers",
    )
    staff = User.objects.create_user("lee", is_staff=True)
    crisis = NOON - 4 * DAY
    text = MessageFactory(
        caregiver=them,
        to_number="+14155559999",
        stage=1,
        occasion=crisis,
        body="Hello Wilhelmina, how is the pigeon?",
        because="Wilhelmina's crisis",
        reason="lee says: the pigeon arrived",
        status=Status.DELIVERED,
        sent_at=NOON - 3 * DAY,
        attempt_started_at=NOON - 3 * DAY,
        provider_sid="SMourtext",
        look_up_at=NOON + DAY,
    )
    MessageFactory(caregiver=them, stage=2, occasion=crisis, body="Wilhelmina?", queued_at=NOON)
    for known, sid in ((them, "SMtheirtext-1"), (None, "SMtheirtext-2")):
        InboundMessage.objects.create(
            caregiver=known,
            from_number=NUMBER,
            body="The pigeon is ill",
            media=[{"url": "https://x/pigeon", "content_type": "image/png"}],
            provider_sid=sid,
        )
    them.consents.create(opted_in=True, at=NOON - 9 * DAY, source="her pigeon post")
    them.crises.create(at=crisis, source="the pigeon")
    them.scores.create(score=12, burnout_band="crisis", created_at=crisis)
    Note.objects.create(caregiver=them, by=staff, body="Bartholomew has a pigeon")
    CareAlert.objects.create(
        kind="outcome_unknown", caregiver=them, message=text, detail="pigeon", note="lee: pigeon"
    )
    audit.record(
        "edit", by=staff, says="edited", now=NOON, target=them, reason="pigeon",
        changes={"first_name": ["", "Wilhelmina"]},
    )  # fmt: skip
    audit.record("export_list", by=staff, says=f"exported people with {NUMBER}", now=NOON)
    LogEntry.objects.create(
        user=staff,
        content_type=ContentType.objects.get_for_model(Caregiver),
        object_id=str(them.pk),
        object_repr="Wilhelmina",
        action_flag=ADDITION,
        change_message="pigeon",
    )
    ConvexPerson.objects.create(
        caregiver=them, convex_id="j57convexid", taken={"users": {"first_name": "Wilhelmina"}}
    )
    ConvexImport.objects.create(
        name="export.zip", fingerprint="f", started_at=NOON, rejects=b"Wilhelmina"
    )
    ImportUpload.objects.create(
        by=staff, name="people.csv", content=b"Wilhelmina", preview={}, created_at=NOON
    )
    token = ApiToken.objects.create(name="assistant", prefix="outreach_abc", digest="d")
    ApiReceipt.objects.create(token=token, key=f"put {NUMBER}", digest="d", result={})
    return them


def erase(them, *, reason="Asked for in writing"):
    return erasing.erase(Caregiver.objects.get(pk=them.pk), reason=reason, now=timezone.now())


def everything_stored() -> str:
    """All rows of all tables, as one text."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                cells = (bytes(one) if isinstance(one, memoryview) else one for one in row)
                found.append(f"{table}: " + " ".join(map(str, cells)))
    return "\n".join(found)


def traces(stored: str) -> list[str]:
    return [line for line in stored.splitlines() if any(one in line for one in TRACES)]


def test_nothing_in_the_database_says_afterwards_who_they_were(someone):
    told = {line.partition(":")[0] for line in traces(everything_stored())}
    # Else the search would prove nothing.
    assert told == {
        *("caregiving_caregiver", "caregiving_inboundmessage", "caregiving_consentchange"),
        *("caregiving_crisisevent", "caregiving_convexperson", "caregiving_conveximport"),
        *("caregiving_importupload", "proactive_message", "proactive_note"),
        *("proactive_carealert", "proactive_auditentry", "proactive_apireceipt"),
        "django_admin_log",
    }

    erase(someone)

    assert traces(everything_stored()) == []


def test_counts_stay_and_nothing_is_owed_any_more(someone):
    erase(someone)

    texts = Message.objects.order_by("stage", "status").values_list("stage", "status")
    assert list(texts) == [
        (1, "delivered"),
        (2, "cancelled"),
        *((stage, "superseded") for stage in range(2, 8)),
    ]
    assert Message.objects.get(status="delivered").sent_at == NOON - 3 * DAY
    assert InboundMessage.objects.filter(caregiver=someone).count() == 2
    assert someone.scores.get().score == 12
    assert someone.crises.get().at == NOON - 4 * DAY
    assert someone.consents.count() == 1
    assert not CareAlert.objects.filter(resolved_at=None).exists()
    gone = Caregiver.objects.get(pk=someone.pk)
    assert (str(gone), gone.journey_phase, gone.erased_at) == ("erased person", "churned", NOON)
    assert gone.opted_out_at == NOON


def test_no_sweep_finds_them_again_and_no_promise_is_lost(someone):
    erase(someone)

    for days in (1, 5, 20, 40, 43, 60):
        with time_machine.travel(NOON + days * DAY, tick=False):
            assert sweep(NOON + days * DAY) == []
            assert check_promises(now=NOON + days * DAY).unaccounted == 0
    assert not CareAlert.objects.filter(resolved_at=None).exists()


def test_a_late_report_about_a_text_brings_nothing_back(someone):
    text = Message.objects.get(status="delivered")
    erase(someone)

    assert not apply_report(text, Report("SMourtext", "delivered"), now=NOON + HOUR)

    text.refresh_from_db()
    assert (text.provider_sid, text.status) == (None, "delivered")
    assert not CareAlert.objects.filter(resolved_at=None).exists()


@pytest.mark.parametrize("status", [Status.SENDING, Status.UNKNOWN])
def test_while_nobody_knows_whether_a_text_went_out_it_waits(someone, status):
    Message.objects.filter(stage=2).update(status=status, attempt_started_at=NOON)

    with pytest.raises(Refused, match="has a text under way or of unknown outcome: wait"):
        erase(someone)

    assert Caregiver.objects.get(pk=someone.pk).first_name == "Wilhelmina"


def test_a_legal_hold_comes_first(someone):
    Caregiver.objects.filter(pk=someone.pk).update(
        legal_hold_since=NOON, legal_hold_reason="Case 12"
    )

    with pytest.raises(Refused, match=r"is under legal hold since 2027-01-05 \(Case 12\)"):
        erase(someone)

    assert Note.objects.exists()


@pytest.mark.parametrize(
    "reason", ["wilhelmina asked", "Bartholomew's wife", "(415) 555-2671 asked"]
)
def test_a_reason_that_names_them_is_refused(someone, reason):
    with pytest.raises(Refused, match="is named in the reason, which is kept"):
        erase(someone, reason=reason)


# --- Their STOP ---


def stopped_and_erased(someone):
    events.record_opt_out(someone, at=NOON - HOUR, source="text")
    erase(someone)


def added_in_the_admin():
    staff = User.objects.get(username="lee")
    profiles.save_added(Caregiver(phone_number=NUMBER), ["phone_number"], by=staff, now=NOON)


def added_over_the_api():
    profiles.save_added(
        Caregiver(phone_number=NUMBER), ["phone_number"], via="API: assistant", now=NOON
    )


def moved_to():
    other = person(phone_number="+14155550001")
    other.phone_number = NUMBER
    staff = User.objects.get(username="lee")
    profiles.save_edited(other, ["phone_number"], by=staff, now=NOON)


def imported(tmp_path):
    path = tmp_path / "people.csv"
    with path.open("w") as file:
        csv.writer(file).writerows([["phone_number", "first_name"], [NUMBER, "Willa"]])
    assert import_caregivers(path).new == 1


@pytest.mark.parametrize("add", [added_in_the_admin, added_over_the_api, moved_to, imported])
def test_whoever_said_stop_has_opted_out_if_somebody_adds_the_number_again(someone, add, tmp_path):
    stopped_and_erased(someone)

    add(tmp_path) if add is imported else add()

    again = Caregiver.objects.get(phone_number=NUMBER)
    assert again.opted_out_at == NOON - HOUR
    assert again.consents.get().source == "before erasure"


def test_a_start_that_is_newer_than_their_stop_counts(someone):
    stopped_and_erased(someone)
    added_in_the_admin()
    again = Caregiver.objects.get(phone_number=NUMBER)

    events.record_opt_in(again, at=NOON - 2 * HOUR, source="form")
    assert again.opted_out_at is not None
    events.record_opt_in(again, at=NOON + HOUR, source="form")

    assert again.opted_out_at is None


def test_of_whoever_had_not_opted_out_nothing_is_kept(someone):
    erase(someone)

    added_in_the_admin()

    assert Caregiver.objects.get(phone_number=NUMBER).opted_out_at is None
    assert not ErasedOptOut.objects.exists()


def test_a_key_under_which_nobody_finds_them_any_more_is_an_error(someone, settings):
    stopped_and_erased(someone)
    assert opt_outs_of_the_erased_can_be_found(databases=["default"]) == []

    settings.OPT_OUT_KEY = "another"

    assert opt_outs.opt_outs_of([NUMBER]) == {}
    (error,) = opt_outs_of_the_erased_can_be_found(databases=["default"])
    assert error.id == "proactive.E003"


def test_a_new_secret_key_is_no_matter_where_the_key_is_its_own(someone, settings):
    settings.OPT_OUT_KEY = "its own"
    stopped_and_erased(someone)

    settings.SECRET_KEY = "rotated"

    assert opt_outs.opt_outs_of([NUMBER]) == {NUMBER: NOON - HOUR}


# --- In the admin ---


def test_a_lead_erases_and_the_audit_names_nobody(client, someone):
    lead = member(client, "Clinical lead")

    looked = lead.get(page(someone, "erase")).content.decode()
    assert "It cannot be undone" in looked and "the words of 2 texts to them" in looked
    lead.post(page(someone, "erase"), {"reason": "Asked for in writing"})

    entry = AuditEntry.objects.order_by("pk").last()
    assert (entry.action, entry.by.username) == ("erase", "Clinical lead")
    assert (entry.reason, entry.target_label, entry.changes) == (
        *("Asked for in writing", "erased person"),
        {},
    )
    assert traces(entry.says) == []


def test_nothing_can_be_done_to_whoever_was_erased(client, someone):
    erase(someone)
    lead = member(client, "Clinical lead")
    change = reverse("admin:caregiving_caregiver_change", args=[someone.pk])

    html = lead.get(change).content.decode()

    assert "erased person" in html
    assert "/act/" not in html
    assert lead.get(page(someone, "opt_in")).status_code == 404
    assert lead.post(change, {"first_name": "Back"}).status_code == 403
    note = reverse("admin:caregiving_caregiver_note", args=[someone.pk])
    assert lead.post(note, {"body": "x"}).status_code == 404


# --- On the command line ---


def command(*arguments) -> dict:
    out = StringIO()
    call_command("erase_caregiver", *map(str, arguments), "--json", stdout=out)
    return json.loads(out.getvalue())


def test_a_dry_run_says_what_would_go_and_changes_nothing(someone):
    before = everything_stored()

    said = command(NUMBER, "--reason", "x", "--dry-run")

    assert "the words of 2 texts to them and 1 from them" in said["says"]
    assert everything_stored() == before


@pytest.mark.parametrize("whom", ["(415) 555-2671", "key"])
def test_an_operator_erases_by_number_or_key(someone, whom):
    command(someone.pk if whom == "key" else whom, "--reason", "Asked for in writing")

    assert traces(everything_stored()) == []
    entry = AuditEntry.objects.get(action="erase")
    assert (entry.by, entry.caregiver_id) == (None, someone.pk)


def test_an_operator_is_told_why_not(someone):
    Caregiver.objects.filter(pk=someone.pk).update(legal_hold_since=NOON)

    with pytest.raises(CommandError, match=r"is under legal hold .* Nothing was done\."):
        command(NUMBER, "--reason", "x")


def test_archives_lose_their_lines_and_keep_those_of_others(someone, tmp_path):
    other = MessageFactory(body="Somebody else's")
    path = tmp_path / "old.jsonl.gz"
    with archiving.opened(path, now=NOON) as archive:
        archive.keep([*Message.objects.filter(caregiver=someone), other])

    said = command(NUMBER, "--reason", "x", "--archive", path)

    assert said["archived_lines"] == 2
    assert [row["id"] for row in archiving.read(path)] == [str(other.pk)]
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_an_archive_that_was_found_later_loses_them_too(someone, tmp_path):
    path = tmp_path / "old.jsonl.gz"
    with archiving.opened(path, now=NOON) as archive:
        archive.keep(Message.objects.filter(caregiver=someone))
    erase(someone)

    assert command(someone.pk, "--reason", "x", "--archive", path)["archived_lines"] == 2


def test_every_model_that_refers_to_a_person_is_known_here():
    """A new one must be erased too: say in proactive/erasing.py what becomes of it."""
    referring = {
        model._meta.label
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if field.related_model is Caregiver
    }
    assert referring == {
        *("caregiving.WellnessScore", "caregiving.InboundMessage", "caregiving.CrisisEvent"),
        *("caregiving.ConsentChange", "caregiving.ConvexPerson", "proactive.Message"),
        *("proactive.CareAlert", "proactive.AuditEntry", "proactive.Note"),
    }
