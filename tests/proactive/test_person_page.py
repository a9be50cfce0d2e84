"""A person's page: what a nurse sees before she calls, what she may edit, and her notes."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from caregiving import events
from caregiving.models import Caregiver, InboundMessage, WellnessScore
from proactive.models import AuditEntry, CareAlert, Message, MessageTemplate, Note
from proactive.profiles import save_edited
from tests.factories import CaregiverFactory, MessageFactory

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
REFUSED = "You may not read this"


@pytest.fixture
def log_in(client):
    def log_in(role):
        user = User.objects.create_user(role, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        client.force_login(user)
        return client

    return log_in


@pytest.fixture
def coordinator(log_in):
    return log_in("Care coordinator")


def url(someone, name="change"):
    return reverse(f"admin:caregiving_caregiver_{name}", args=[someone.pk])


def page(client, someone, query=""):
    answer = client.get(url(someone) + query)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def in_crisis(**fields):
    """Somebody to whom the second follow-up falls due in two days."""
    crisis = timezone.now() - DAY - HOUR
    defaults = {"last_contact_at": crisis, "created_at": crisis, "crisis_followup_count": 1}
    return CaregiverFactory(**{"last_crisis_event_at": crisis} | defaults | fields)


def values(client, someone):
    form = client.get(url(someone)).context["adminform"].form
    known = {name: form.initial.get(name) for name in form.fields}
    return {name: value for name, value in known.items() if value not in (None, False)}


# --- At the top ---


def test_it_says_what_comes_next_when_for_them_and_why(coordinator):
    html = page(coordinator, in_crisis(first_name="Ada"))
    assert "Next: Crisis follow-up 2" in html
    assert "their time (in " in html
    assert "2 of 7 is due" in html
    assert "call or text 988" in html
    assert "(America/Chicago)" in html


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"opted_out_at": timezone.now()}, "opted out"),
        ({"unreachable_at": timezone.now(), "unreachable_reason": "a landline"}, "a landline"),
        ({"journey_phase": "churned"}, "journey phase is churned"),
    ],
)
def test_it_says_what_stops_everything(coordinator, fields, says):
    html = page(coordinator, in_crisis(**fields))
    top = html.split("Nothing will go out")[1].split("</section>")[0]
    assert says in top


def test_what_one_can_do_stands_beside_what_goes_out_or_why_nothing_does(coordinator):
    for someone, act in (
        (in_crisis(), "opt_out"),
        (in_crisis(opted_out_at=timezone.now()), "opt_in"),
    ):
        top = page(coordinator, someone).split('id="person-next"')[1].split("</section>")[0]
        assert f'href="{url(someone)[: -len("change/")]}act/{act}/"' in top


def test_a_pause_beyond_the_forecast_says_so_and_until_when(coordinator):
    until = timezone.now() + 39 * DAY
    html = page(coordinator, in_crisis(burnout_band="high", outreach_paused_until=until))
    assert "Nothing within 35 days; at the earliest" in html
    assert "paused by staff until" in html


def test_each_rule_is_told_in_words_whether_it_holds(coordinator):
    html = page(coordinator, in_crisis(opted_out_at=timezone.now()))
    assert "does not hold</strong> · consent: opted out" in html
    assert "holds · reachable: nothing says that the number cannot be texted" in html


def test_open_alerts_about_them_stand_at_the_top_and_resolved_ones_do_not(coordinator):
    someone = in_crisis()
    CareAlert.objects.create(kind="followup_missed", caregiver=someone)
    CareAlert.objects.create(
        kind="cascade_unanswered", caregiver=someone, resolved_at=timezone.now()
    )
    html = page(coordinator, someone)
    top = html.split("Open alerts")[1].split("</section>")[0]
    assert "A crisis follow-up did not go out in time" in top
    assert "claimed by nobody" in top
    assert "ended without an answer" not in top


def test_the_last_thirty_scores_are_a_chart_and_a_table(coordinator):
    someone = in_crisis()
    for n in range(31):
        someone.scores.create(
            score=n, burnout_band="high", created_at=timezone.now() - (40 - n) * DAY
        )
    html = page(coordinator, someone)
    table = html.split("Table of scores")[1].split("</table>")[0]
    assert table.count('<th scope="row">') == 30
    assert "<td>30</td><td>High</td>" in table
    assert "<td>0</td>" not in table
    assert "&quot;data&quot;: [1, 2, 3," in html


# --- Who may see what ---


def test_whoever_may_not_read_sees_that_something_was_written_but_not_what(log_in):
    someone = in_crisis(first_name="Ada", opted_out_at=None)
    MessageTemplate.objects.filter(cadence="crisis_followup").update(body="secret to come")
    MessageFactory(caregiver=someone, body="secret sent", status="sent", sent_at=timezone.now())
    InboundMessage.objects.create(
        caregiver=someone, from_number=someone.phone_number, body="secret said", provider_sid="1"
    )
    author = User.objects.create_user("author")
    Note.objects.create(caregiver=someone, by=author, body="secret note")

    html = page(log_in("Viewer"), someone)

    assert "secret" not in html
    assert html.count(REFUSED) >= 3
    assert "They wrote" in html
    assert someone.phone_number not in html
    assert someone.masked_number in html
    assert "Add note" not in html


def test_a_coordinator_reads_all_of_it(coordinator):
    someone = in_crisis()
    MessageFactory(caregiver=someone, body="we asked", status="sent", sent_at=timezone.now())
    InboundMessage.objects.create(
        caregiver=someone, from_number=someone.phone_number, body="she said", provider_sid="1"
    )
    html = page(coordinator, someone)
    assert "we asked" in html
    assert "she said" in html
    assert someone.phone_number in html
    assert REFUSED not in html


# --- The stream ---


def test_one_kind_alone_can_be_looked_at_and_an_unknown_one_shows_all(coordinator):
    someone = in_crisis()
    someone.scores.create(score=34, burnout_band="high")
    events.record_opt_out(someone, source="text")
    alone = page(coordinator, someone, "?kind=scores").split('id="stream"')[1]
    assert "Wellness score 34: High" in alone
    assert "Opted out" not in alone
    everything = page(coordinator, someone, "?kind=nonsense&before=nonsense").split('id="stream"')[
        1
    ]
    assert "Wellness score 34: High" in everything
    assert "Opted out" in everything


def test_older_happenings_are_a_link_away(coordinator):
    someone = in_crisis()
    author = User.objects.create_user("author")
    Note.objects.bulk_create(
        Note(caregiver=someone, by=author, at=timezone.now() - n * HOUR, body=f"note {n}.")
        for n in range(60)
    )
    first = coordinator.get(url(someone) + "?kind=notes")
    older = first.context["person"]["stream"]["older"]
    html = page(coordinator, someone, older.removesuffix("#stream"))
    assert "note 49." in first.content.decode()
    assert "note 50." not in first.content.decode()
    assert "note 50." in html
    assert "note 59." in html
    assert "note 49." not in html


# --- Notes ---


def test_a_note_is_kept_with_its_author_and_shown_in_the_stream(coordinator):
    someone = in_crisis()
    answer = coordinator.post(url(someone, "note"), {"body": " Her sister calls back. "})
    assert answer.url == f"{url(someone)}#stream"
    note = Note.objects.get()
    assert (note.body, note.by.username, note.caregiver) == (
        "Her sister calls back.",
        "Care coordinator",
        someone,
    )
    assert "Her sister calls back." in page(coordinator, someone)


def test_an_empty_note_and_a_look_at_the_address_keep_nothing(coordinator):
    someone = in_crisis()
    answer = coordinator.post(url(someone, "note"), {"body": " "}, follow=True)
    assert "The note was not kept: This field is required." in answer.content.decode()
    assert coordinator.get(url(someone, "note")).url == f"{url(someone)}#stream"
    assert not Note.objects.exists()


def test_whoever_may_not_add_notes_is_refused(log_in):
    someone = in_crisis()
    viewer = log_in("Viewer")
    assert viewer.post(url(someone, "note"), {"body": "x"}).status_code == 403
    assert viewer.get(url(someone, "note")).status_code == 403
    assert not Note.objects.exists()


def test_a_note_about_nobody_is_not_found(coordinator):
    address = reverse("admin:caregiving_caregiver_note", args=[4711])
    assert coordinator.post(address, {"body": "x"}).status_code == 404


# --- The profile ---


def test_an_edit_saves_what_changed_and_tells_the_audit_from_what_to_what(coordinator):
    someone = in_crisis(first_name="Ada", zip_code="60601")
    answer = coordinator.post(
        url(someone), values(coordinator, someone) | {"first_name": "Bea", "zip_code": "94103"}
    )
    assert answer.status_code == 302
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.says, entry.caregiver) == (
        "change_caregiver",
        "edited first name, ZIP code",
        someone,
    )
    assert entry.changes == {"first_name": ["Ada", "Bea"], "zip_code": ["60601", "94103"]}
    assert entry.by.username == "Care coordinator"
    assert "Edited first name, ZIP code" in page(coordinator, someone)


def as_shown(client, someone):
    """All that a browser posts of the form: what is in it, and what it was shown with."""
    form = client.get(url(someone)).context["adminform"].form
    html = form.as_p()
    shown = {name: "" if form[name].value() is None else form[name].value() for name in form.fields}
    assert all(f'name="initial-{name}"' in html for name in shown)
    shown = {name: value for name, value in shown.items() if value is not False}
    return shown | {f"initial-{name}": value for name, value in shown.items()}


def test_a_page_that_was_opened_a_while_ago_does_not_undo_what_a_colleague_corrected(coordinator):
    someone = in_crisis(phone_number="+14155550111", zip_code="60601", time_zone="")
    opened = as_shown(coordinator, someone)
    coordinator.post(
        url(someone),
        as_shown(coordinator, someone) | {"phone_number": "+14155550122", "zip_code": "10001"},
    )

    coordinator.post(url(someone), opened | {"first_name": "Bea", "relationship": ""})

    someone.refresh_from_db()
    assert (str(someone.phone_number), someone.zip_code) == ("+14155550122", "10001")
    assert (someone.first_name, someone.relationship) == ("Bea", "")
    assert AuditEntry.objects.latest("pk").says == "edited first name, relationship"


def test_the_zones_follow_from_what_is_recorded_and_not_from_an_old_copy():
    someone = CaregiverFactory(phone_number="+13125550111", zip_code="60601", time_zone="")
    old = Caregiver.objects.get(pk=someone.pk)
    someone.zip_code = "94103"
    someone.save()
    old.phone_number = "+13125550122"

    saved = save_edited(
        old, ["phone_number"], by=User.objects.create_user("nurse"), now=timezone.now()
    )

    assert (saved.zip_code, saved.derived_zones) == ("94103", "America/Los_Angeles")
    assert Caregiver.objects.get(pk=someone.pk).derived_zones == "America/Los_Angeles"


def test_saving_without_a_change_leaves_no_trace(coordinator):
    someone = in_crisis(first_name="Ada")
    coordinator.post(url(someone), values(coordinator, someone) | {"first_name": "Ada "})
    assert not AuditEntry.objects.exists()


def test_adding_a_person_is_in_the_audit(coordinator):
    coordinator.post(
        reverse("admin:caregiving_caregiver_add"),
        {"phone_number": "+14155552671", "first_name": "Ana", "language": "en"},
    )
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.caregiver) == ("add_caregiver", Caregiver.objects.get())
    assert entry.changes["phone_number"] == ["", "+14155552671"]


def test_a_number_is_not_changed_by_whoever_may_not_see_it(client):
    someone = in_crisis()
    user = User.objects.create_user("typist", is_staff=True)
    user.user_permissions.set(
        Group.objects.get(name="Care coordinator").permissions.exclude(codename="see_number")
    )
    client.force_login(user)
    before = someone.phone_number

    client.post(url(someone), values(client, someone) | {"phone_number": "+14155550199"})

    someone.refresh_from_db()
    assert someone.phone_number == before
    assert before not in page(client, someone)


def test_a_viewer_edits_nothing(log_in):
    someone = in_crisis(first_name="Ada")
    answer = log_in("Viewer").post(url(someone), {"first_name": "Bea", "language": "en"})
    someone.refresh_from_db()
    assert (answer.status_code, someone.first_name) == (403, "Ada")


def test_what_was_refused_is_shown_again_while_the_page_tells_what_is_recorded(coordinator):
    someone = in_crisis(time_zone="America/Chicago")
    answer = coordinator.post(
        url(someone), values(coordinator, someone) | {"time_zone": "Mars/Base"}
    )
    html = answer.content.decode()
    assert "is not an IANA time zone" in html
    assert "(America/Chicago)" in html
    profile = html.split('id="profile"')[1].split("is not an IANA")[0]
    assert "<details>" not in profile  # else nobody would see what is wrong


# --- What leads on ---


def something_of_each(someone):
    text = MessageFactory(caregiver=someone)
    alert = CareAlert.objects.create(kind="duplicate", caregiver=someone, message=text)
    inbound = InboundMessage.objects.create(
        caregiver=someone,
        from_number=someone.phone_number,
        received_at=timezone.now(),
        provider_sid="SM1",
    )
    AuditEntry.objects.create(
        action="pause",
        says="paused",
        caregiver=someone,
        target_type="caregiving.caregiver",
        target_id=str(someone.pk),
    )
    return [
        reverse(f"admin:{name}_change", args=[row.pk])
        for name, row in (
            ("proactive_message", text),
            ("proactive_carealert", alert),
            ("caregiving_inboundmessage", inbound),
        )
    ]


def test_texts_and_alerts_of_the_history_lead_to_their_pages(coordinator):
    someone = in_crisis()
    pages = something_of_each(someone)

    stream = page(coordinator, someone).split('id="stream"')[1]

    for one in pages:
        assert f'<a href="{one}">' in stream
        assert coordinator.get(one).status_code == 200
    assert f'<a href="{url(someone)}">' not in stream


def test_nobody_is_led_to_what_they_may_not_open(client):
    someone = in_crisis()
    pages = something_of_each(someone)
    user = User.objects.create_user("reader", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_caregiver"))
    client.force_login(user)

    stream = page(client, someone).split('id="stream"')[1]

    assert not [one for one in pages if one in stream]


# --- Its cost ---


def test_it_costs_the_same_queries_whatever_the_history_and_however_many_others(admin_client):
    someone = in_crisis()
    author = User.objects.get()
    now = timezone.now()

    def fill(count):
        at = [now - n * HOUR for n in range(count)]
        Message.objects.bulk_create(
            MessageFactory.build(
                caregiver=someone,
                to_number="+1",
                status="sent",
                queued_at=when,
                occasion=when - count * DAY,
            )
            for when in at
        )
        texts = list(someone.messages.order_by("-queued_at")[:count])
        CareAlert.objects.bulk_create(
            CareAlert(
                kind="outcome_unknown",
                caregiver=someone,
                message=text,
                opened_at=text.queued_at,
                claimed_by=author,
                claimed_at=now,
            )
            for text in texts
            if not text.alerts.exists()
        )
        WellnessScore.objects.bulk_create(
            WellnessScore(caregiver=someone, score=5, burnout_band="crisis", created_at=when)
            for when in at
        )
        InboundMessage.objects.bulk_create(
            InboundMessage(
                caregiver=someone, from_number="+1", received_at=when, provider_sid=f"{count}{when}"
            )
            for when in at
        )
        Note.objects.bulk_create(
            Note(caregiver=someone, by=author, at=when, body="x") for when in at
        )
        AuditEntry.objects.bulk_create(
            AuditEntry(caregiver=someone, by=author, action="edit", says="x", at=when)
            for when in at
        )

    def queries():
        with CaptureQueriesContext(connection) as captured:
            page(admin_client, someone)
        return len(captured)

    fill(10)
    queries()  # some things are asked once a process
    few = queries()
    fill(1000)
    Caregiver.objects.bulk_create(CaregiverFactory.build_batch(10_000))
    assert queries() == few


# --- Who it is, and what can be done ---


def test_the_number_to_call_stands_at_the_top(coordinator):
    someone = in_crisis(first_name="Ada", relationship="daughter", care_recipient_name="Rosa")
    top = page(coordinator, someone).split("Next: ")[0]
    assert f'href="tel:{someone.phone_number}"' in top
    assert "daughter of Rosa" in top


def test_whoever_may_not_see_numbers_sees_it_masked_there(log_in):
    someone = in_crisis()
    html = page(log_in("Viewer"), someone)
    assert someone.masked_number in html
    assert str(someone.phone_number) not in html


def test_what_keeps_texts_away_is_marked_beside_the_name(coordinator):
    html = page(coordinator, in_crisis(opted_out_at=timezone.now()))
    assert "Opted out</span>" in html.split("Nothing will go out")[0]


def test_what_is_rarely_done_stands_behind_more(coordinator):
    html = page(coordinator, in_crisis())
    frequent, rare = html.split('aria-label="What you can do"')[1].split("</nav>")[0].split("More<")
    for label in ("Send a text now", "Record a contact", "Record a crisis", "Pause", "Opt out"):
        assert label in frequent
    for label in ("Reset the crisis counter", "End a series of texts", "crisis follow-ups again"):
        assert label in rare
        assert label not in frequent


def test_of_a_long_forecast_the_first_four_are_shown_and_the_rest_folded(coordinator):
    html = page(coordinator, in_crisis(crisis_followup_count=1, burnout_band="crisis"))
    shown, folded = (
        html.split('aria-labelledby="forecast"')[1].split("</section>")[0].split("<details>")
    )
    assert shown.count("<li") == 4
    assert "more, until" in folded
    assert folded.count("<li") > 1
