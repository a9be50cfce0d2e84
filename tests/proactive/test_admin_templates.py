"""The editor of words: shown as phones would show them, saved with a reason, never lost."""

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from proactive.default_copy import DEFAULT_COPY
from proactive.models import AuditEntry, CadenceSwitch, MessageTemplate
from proactive.sms.gateway import Outcome, SmsError
from tests.factories import CaregiverFactory

LIST = reverse("admin:proactive_messagetemplate_changelist")
ORIGINAL = DEFAULT_COPY["crisis_followup", "1"]["en"]
NEW = "Hi $first_name, how are things? Call or text 988."
NEWER = "Hi $first_name, how is it going? Call or text 988."
PHONE = "+12025550143"

pytestmark = pytest.mark.django_db


def sign_in(client, role):
    user, is_new = User.objects.get_or_create(username=role.replace(" ", "-"), is_staff=True)
    if is_new:
        user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    return client


@pytest.fixture
def lead(client):
    return sign_in(client, "Clinical lead")


@pytest.fixture
def template():
    return MessageTemplate.objects.get(cadence="crisis_followup", stage=1, language="en")


def url(template, page="change", *args):
    return reverse(f"admin:proactive_messagetemplate_{page}", args=[template.pk, *args])


def save(client, template, body=NEW, **typed):
    seen_at = template.updated_at.isoformat()
    return client.post(
        url(template), {"body": body, "reason": "shorter", "seen_at": seen_at} | typed
    )


def saved(template):
    return MessageTemplate.objects.get(pk=template.pk).body


# --- Reading and saving ---


def test_the_words_stand_beside_what_phones_would_show(lead, template):
    html = lead.get(url(template)).content.decode()

    assert ORIGINAL in html
    assert "CareCheck: Hi Alex, how are you holding up today?" in html
    assert "1 segment, 117 GSM-7 characters; $0.0079 each, $7.90 for 1,000" in html
    assert "Nobody has changed these words yet." in html


def test_words_are_saved_with_a_reason_and_their_history_stands_below(lead, template):
    assert save(lead, template).url == url(template)

    assert saved(template) == NEW
    entry = AuditEntry.objects.get()
    assert (entry.by.username, entry.reason) == ("Clinical-lead", "shorter")
    assert entry.changes == {"body": [ORIGINAL, NEW]}
    html = lead.get(url(template)).content.decode()
    assert "Clinical-lead: words changed. shorter" in html
    assert "<ins>things? Call </ins>or text " in html


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"reason": ""}, "This field is required"),
        ({"body": ""}, "This field is required"),
        ({"body": "Hi $frist_name"}, "Unknown placeholder: $frist_name"),
        ({"body": ORIGINAL}, "Nothing was changed: these are the words already."),
    ],
)
def test_what_cannot_be_saved_says_why_and_changes_nothing(lead, template, typed, says):
    answer = save(lead, template, **typed)

    assert answer.status_code == 200
    assert says in answer.content.decode()
    assert saved(template) == ORIGINAL
    assert not AuditEntry.objects.exists()


def test_what_somebody_else_saved_meanwhile_is_shown_and_not_written_over(lead, template):
    save(lead, template, NEW)

    answer = save(lead, template, NEWER)

    html = answer.content.decode()
    assert "Clinical-lead changed these words meanwhile" in html
    assert f'<p class="policy-bubble">{NEW}</p>' in html
    assert f"{NEWER}</textarea>" in html
    assert saved(template) == NEW
    # Whoever saves again has seen it.
    seen_at = answer.context["seen_at"]
    assert save(lead, template, NEWER, seen_at=seen_at).status_code == 302
    assert saved(template) == NEWER


@pytest.mark.parametrize("again", [{"reason": ""}, {"_preview": "1"}, {"_tidy": "1"}])
def test_a_detour_does_not_make_one_overlook_somebody_elses_words(lead, template, again):
    before = template.updated_at.isoformat()
    save(lead, template, NEW)

    answer = save(lead, template, NEWER, **again)

    assert answer.context["seen_at"] == before


@pytest.mark.parametrize("seen_at", ["", "yesterday", "2027-13-45T00:00:00"])
def test_without_knowing_what_was_seen_nothing_is_saved(lead, template, seen_at):
    assert save(lead, template, seen_at=seen_at).status_code == 200

    assert saved(template) == ORIGINAL


# --- Trying words ---


def test_a_preview_saves_nothing_and_keeps_what_was_typed(lead, template):
    html = save(lead, template, "It’s me, $first_name.", _preview="1").content.decode()

    assert "It&#x27;s me, Alex." in html
    assert "right single quotation mark" in html
    assert "It’s me, $first_name.</textarea>" in html
    assert "shorter</textarea>" in html
    assert saved(template) == ORIGINAL


def test_plain_characters_are_put_in_by_one_click(lead, template):
    html = save(lead, template, "It’s me… $first_name", _tidy="1").content.decode()

    assert "It&#x27;s me... $first_name</textarea>" in html
    assert saved(template) == ORIGINAL


def test_the_script_gets_a_piece_of_the_page(lead, template):
    answer = lead.post(url(template, "preview"), {"body": "Hi $frist_name – 988"})

    html = answer.content.decode()
    assert "<html" not in html
    assert "It cannot be saved like this." in html
    assert "– (en dash) at position 16" in html
    assert lead.get(url(template, "preview")).status_code == 405


def test_what_was_typed_is_shown_and_not_run(lead, template):
    answer = lead.post(url(template, "preview"), {"body": "<script>alert(1)</script>"})

    assert "<script>" not in answer.content.decode()


# --- Older words ---


@pytest.mark.parametrize("version", ["x", "9" * 30, ""])
def test_an_address_that_names_no_version_offers_the_latest(lead, template, version):
    save(lead, template, NEW)

    page = lead.get(f"{url(template, 'act', 'revert')}?version={version}")

    assert page.status_code == 200
    assert page.context["form"]["version"].value() == str(AuditEntry.objects.latest("pk").pk)


def test_each_change_can_be_taken_back_by_an_act_with_a_reason(lead, template):
    save(lead, template, NEW)
    template.refresh_from_db()
    save(lead, template, NEWER)
    first = AuditEntry.objects.earliest("pk")
    link = f"{url(template, 'act', 'revert')}?version={first.pk}"
    assert link in lead.get(url(template)).content.decode()

    page = lead.get(link)
    assert page.context["form"]["version"].value() == str(first.pk)
    answer = lead.post(
        url(template, "act", "revert"), {"version": first.pk, "reason": "worked better"}
    )

    assert answer.url == url(template)
    assert saved(template) == ORIGINAL
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.reason) == ("revert", "worked better")
    assert entry.changes == {"body": [NEWER, ORIGINAL]}


def test_nobody_goes_back_to_words_of_another_template(lead, template):
    other = MessageTemplate.objects.get(cadence="crisis_followup", stage=2, language="en")
    save(lead, other, NEW)
    entry = AuditEntry.objects.get()

    answer = lead.post(url(template, "act", "revert"), {"version": entry.pk, "reason": "x"})

    assert answer.status_code == 200
    assert saved(template) == ORIGINAL


def test_the_original_words_come_back_by_an_act(lead, template):
    link = url(template, "act", "back_to_original")
    assert link not in lead.get(url(template)).content.decode()
    save(lead, template)
    assert link in lead.get(url(template)).content.decode()
    assert "<del>things? Call </del>" in lead.get(link).content.decode()

    lead.post(link, {"reason": "worked better"})

    assert saved(template) == ORIGINAL
    assert AuditEntry.objects.latest("pk").changes == {"body": [NEW, ORIGINAL]}


# --- A text to one's own phone ---


def test_the_words_go_to_ones_own_phone_as_a_made_up_person_would_get_them(lead, template, gateway):
    CadenceSwitch.objects.create(cadence="everything", is_on=False, halted=True)

    answer = lead.post(
        url(template, "test"), {"phone": "(202) 555-0143", "sample": "first", "reason": "look"}
    )

    assert answer.url == url(template)
    ((to, body),) = [(entry["to"], entry["body"]) for entry in gateway.sent]
    assert to == PHONE
    assert body.startswith("CareCheck: Hi Alex, how are you holding up today?")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target_id, entry.reason) == ("send_test", str(template.pk), "look")
    assert entry.says.startswith("Test text to a number that ends in 0143: The provider took")
    # It is about words: what the system halted stays so.
    assert CadenceSwitch.objects.get().halted is True
    assert "Nobody has changed these words yet." in lead.get(url(template)).content.decode()


def test_no_caregiver_gets_it(lead, template, gateway):
    CaregiverFactory(phone_number=PHONE)

    answer = lead.post(url(template, "test"), {"phone": PHONE, "sample": "usual", "reason": "look"})

    assert "This is a caregiver&#x27;s number" in answer.content.decode()
    assert gateway.tried == []


def test_what_was_not_taken_is_told_and_kept(lead, template, gateway):
    gateway.fails_with = SmsError(Outcome.REJECTED, "The number is a landline (21635)")

    lead.post(url(template, "test"), {"phone": PHONE, "sample": "usual", "reason": "look"})

    (says,) = [str(one) for one in lead.get(url(template)).context["messages"]]
    assert says.startswith("The number is a landline (21635). Check the number")
    assert AuditEntry.objects.get().says.endswith(says)


# --- Who may ---


def test_a_viewer_reads_the_words_and_changes_nothing(client, template, gateway):
    viewer = sign_in(client, "Viewer")

    html = viewer.get(url(template)).content.decode()

    assert ORIGINAL in html
    assert "CareCheck: Hi Alex" in html
    assert "<textarea" not in html
    assert "/act/" not in html and "/test/" not in html
    assert save(viewer, template).status_code == 403
    for page, args in (
        ("preview", ()),
        ("test", ()),
        ("act", ("revert",)),
        ("act", ("back_to_original",)),
    ):
        for method in (viewer.get, viewer.post):
            assert method(url(template, page, *args)).status_code == 403
    assert saved(template) == ORIGINAL
    assert gateway.tried == []


def test_whoever_may_not_even_look_is_refused(client, template):
    client.force_login(User.objects.create_user("nobody", is_staff=True))

    for page in ("change", "preview", "test"):
        assert client.get(url(template, page)).status_code == 403
    assert client.get(LIST).status_code == 403


# --- The list ---


def test_the_list_is_in_the_order_of_the_policy(lead):
    shown = [row.of_what() for row in lead.get(LIST).context["cl"].result_list][::2]

    assert shown[:9] == [
        *(f"Crisis follow-up {n}" for n in range(1, 8)),
        "Wellness check-in, crisis recent",
        "Wellness check-in, crisis",
    ]
    assert shown[-1] == "Onboarding nudge 2"


def test_the_list_says_what_is_amiss_and_who_changed_what(lead, template):
    save(lead, template, "Hello á.")

    html = lead.get(LIST).content.decode()

    assert "1 segment, 8 UCS-2" in html
    assert "The original words have $first_name; these do not." in html
    assert html.count("Clinical-lead") == 2  # once on top, where one signs out


def test_a_template_of_a_cadence_that_is_no_more_is_said_to_be_unused(lead):
    gone = MessageTemplate.objects.create(cadence="gone", stage=1, body="Hi.")

    assert "Not used: no longer part of the policy" in lead.get(LIST).content.decode()
    assert "Not used" in lead.get(url(gone)).content.decode()
    assert lead.get(url(gone, "test")).status_code == 404


def test_list_and_editor_take_as_many_queries_for_many_rows_as_for_few(lead, template):
    def fill(count):
        MessageTemplate.objects.bulk_create(
            MessageTemplate(cadence=f"gone-{count}", stage=n, body="Hi.") for n in range(count)
        )
        AuditEntry.objects.bulk_create(
            AuditEntry(
                action="reword",
                target_type="proactive.messagetemplate",
                target_id=str(template.pk),
                changes={"body": [f"before {n}", f"after {n}"]},
            )
            for n in range(count)
        )

    def queries(address):
        with CaptureQueriesContext(connection) as captured:
            assert lead.get(address).status_code == 200
        return len(captured)

    addresses = (LIST, url(template), url(template, "act", "revert"))
    fill(100)
    few = [queries(address) for address in addresses]
    fill(9_900)

    assert [queries(address) for address in addresses] == few
