"""The stream of a person: everything that happened, newest first, once, a page at a time."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from caregiving import events
from caregiving.models import InboundMessage
from proactive import audit
from proactive.admin.alerts import CareAlertAdmin
from proactive.admin.confirming import perform
from proactive.models import CareAlert, Message, Note
from proactive.stream import Kind, read_page
from tests.factories import CaregiverFactory, MessageFactory
from tests.proactive.people import DAY, HOUR, NOON, person

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def told(page):
    return [one.told.says for one in page.happenings]


def pages(someone, per_page):
    """All happenings, page by page until there is no older one."""
    found, cursor = [], ""
    while True:
        page = read_page(someone, before=cursor, per_page=per_page)
        found.append(page.happenings)
        if not (cursor := page.older):
            return found


@pytest.fixture
def nurse():
    return User.objects.create_user("nurse", first_name="Ines", last_name="Vidal")


def one_of_each(someone, nurse):
    """One happening of every source, an hour apart, oldest first."""
    hours = iter(range(20))
    at = lambda: NOON - 3 * DAY + next(hours) * HOUR  # noqa: E731
    events.record_crisis_event(someone, at=at(), source="hotline")
    text = MessageFactory(caregiver=someone, status="sent", queued_at=at(), stage=3)
    InboundMessage.objects.create(
        caregiver=someone,
        from_number=someone.phone_number,
        body="a hard night",
        received_at=at(),
        provider_sid="SM1",
        intent="help",
        media=[{"url": "x"}, {"url": "y"}],
    )
    someone.scores.create(score=34, burnout_band="high", created_at=at())
    events.record_opt_out(someone, at=at(), source="text")
    CareAlert.objects.create(
        kind="outcome_unknown",
        caregiver=someone,
        message=text,
        detail="not on the list",
        opened_at=at(),
        escalated_at=at(),
        claimed_at=at(),
        claimed_by=nurse,
        resolved_at=at(),
        resolved_by=nurse,
        note="she has it",
    )
    audit.record("edit", by=nurse, says="edited first name", now=at(), target=someone)
    Note.objects.create(caregiver=someone, by=nurse, at=at(), body="Call in the morning.")


def test_every_kind_is_told_newest_first(nurse):
    someone = person()
    one_of_each(someone, nurse)
    assert told(read_page(someone)) == [
        "Note",
        "Edited first name",
        "Alert resolved: Nobody knows whether a text arrived",
        "Alert claimed: Nobody knows whether a text arrived",
        "Alert sent on by email: Nobody knows whether a text arrived",
        "Alert: Nobody knows whether a text arrived",
        "Opted out",
        "Wellness score 34: High",
        "They wrote (2 files)",
        "Text: Crisis follow-up 3",
        "Crisis",
    ]


def test_who_wrote_what_and_where_it_came_from_is_kept(nurse):
    someone = person()
    one_of_each(someone, nurse)
    by_says = {one.told.says: one.told for one in read_page(someone).happenings}
    assert (by_says["Note"].body, by_says["Note"].by) == ("Call in the morning.", "Ines Vidal")
    assert by_says["They wrote (2 files)"].body == "a hard night"
    assert by_says["They wrote (2 files)"].remark == "Understood as: Help"
    assert by_says["Opted out"].remark == "Recorded from: text"
    assert by_says["Crisis"].remark == "Recorded from: hotline"
    resolved = by_says["Alert resolved: Nobody knows whether a text arrived"]
    assert (resolved.body, resolved.by) == ("she has it", "Ines Vidal")


def test_what_happened_with_others_is_not_in_it(nurse):
    someone = person()
    one_of_each(person(), nurse)
    assert read_page(someone).happenings == ()


@pytest.mark.parametrize("kind", Kind)
def test_one_kind_alone_is_of_that_kind_only_and_complete(nurse, kind):
    someone = person()
    one_of_each(someone, nurse)
    alone = read_page(someone, kinds=[kind]).happenings
    assert alone == tuple(one for one in read_page(someone).happenings if one.kind is kind)
    assert alone


@pytest.mark.parametrize("per_page", [1, 2, 3, 5])
def test_page_after_page_tells_each_thing_once_also_where_many_share_an_instant(nurse, per_page):
    someone = person()
    one_of_each(someone, nurse)
    for n in range(4):
        MessageFactory(caregiver=someone, status="cancelled", queued_at=NOON, stage=n + 1)
        Note.objects.create(caregiver=someone, by=nurse, at=NOON, body=str(n))
        someone.scores.create(score=n, burnout_band="high", created_at=NOON)

    whole = read_page(someone).happenings
    paged = pages(someone, per_page)

    assert [one for page in paged for one in page] == list(whole)
    assert [len(page) for page in paged[:-1]] == [per_page] * (len(paged) - 1)
    assert len(whole) == 23


def test_what_happens_while_somebody_reads_does_not_shift_the_next_page(nurse):
    someone = person()
    one_of_each(someone, nurse)
    first = read_page(someone, per_page=4)
    before = read_page(someone, before=first.older).happenings
    Note.objects.create(caregiver=someone, by=nurse, at=NOON, body="new")
    assert read_page(someone, before=first.older).happenings == before


@pytest.mark.parametrize(
    "cursor", ["x", "a~b~c", "20270105T120000.000000~out~12", "20270105T120000.000000~fly~1"]
)
def test_a_cursor_that_was_not_made_here_is_refused(cursor):
    with pytest.raises(ValueError, match="not a cursor"):
        read_page(person(), before=cursor)


def steps(**fields):
    text = MessageFactory(caregiver=person(), queued_at=NOON, **fields)
    (one,) = read_page(text.caregiver).happenings
    return [(step.says, step.at) for step in one.told.steps], one.told.remark


def test_a_delivered_text_tells_each_change_of_its_state():
    assert steps(
        status="delivered",
        sent_at=NOON + MINUTE,
        delivered_at=NOON + 2 * MINUTE,
        replied_at=NOON + HOUR,
    ) == (
        [
            ("queued", NOON),
            ("sent", NOON + MINUTE),
            ("delivered", NOON + 2 * MINUTE),
            ("they replied", NOON + HOUR),
        ],
        "",
    )


@pytest.mark.parametrize(
    ("fields", "last"),
    [
        ({"status": "failed", "attempt_started_at": NOON + MINUTE}, ("failed", NOON + MINUTE)),
        (
            {"status": "unknown", "attempt_started_at": NOON + MINUTE},
            ("unknown whether it arrived, tried", NOON + MINUTE),
        ),
        ({"status": "undelivered", "sent_at": NOON + MINUTE}, ("not delivered", None)),
        ({"status": "cancelled"}, ("cancelled", None)),
        ({"status": "queued"}, ("queued", NOON)),
        ({"retry_at": NOON + HOUR}, ("tried, and again from", NOON + HOUR)),
        (
            {"status": "superseded"},
            ("overtaken by a later stage, never sent", NOON),
        ),
    ],
)
def test_a_text_that_did_not_arrive_says_what_became_of_it_and_why(fields, last):
    told_steps, remark = steps(**fields, reason="the carrier is down")
    assert told_steps[-1] == last
    assert remark == "the carrier is down"


def test_a_page_costs_the_same_queries_and_rows_whatever_the_amount_of_history(nurse):
    someone = person()

    def fill(count):
        Message.objects.bulk_create(
            MessageFactory.build(
                caregiver=someone,
                to_number=someone.phone_number,
                status="sent",
                occasion=NOON - n * HOUR,
                queued_at=NOON - n * HOUR,
            )
            for n in range(count, 2 * count)
        )
        Note.objects.bulk_create(
            Note(caregiver=someone, by=nurse, at=NOON - n * HOUR, body="x") for n in range(count)
        )

    def cost():
        with CaptureQueriesContext(connection) as captured:
            page = read_page(someone)
        assert all("LIMIT" in query["sql"] for query in captured)
        return len(captured), len(page.happenings)

    fill(60)
    few = cost()
    fill(3000)
    assert cost() == few == (12, 50)


def test_the_texts_of_a_person_are_read_by_an_index_of_theirs(nurse):
    if connection.vendor != "sqlite":
        pytest.skip("a planner with statistics chooses by size")
    someone = CaregiverFactory()
    for model, field in (
        (Message, "queued_at"),
        (InboundMessage, "received_at"),
        (Note, "at"),
        (CareAlert, "opened_at"),
    ):
        rows = model.objects.filter(caregiver=someone).order_by(f"-{field}", "-pk")[:51]
        assert "of_person" in rows.explain()


# --- What staff did about an alert ---


def acted(nurse, *names, alert):
    """As the pages of the acts do it, an hour apart."""
    acts = {act.name: act for act in CareAlertAdmin.acts}
    for hours, name in enumerate(names):
        alert.refresh_from_db()
        now = NOON + hours * HOUR
        (result,) = perform(acts[name], [alert], {"reason": f"why {name}"}, by=nurse, now=now)
        assert not result.skipped


def test_what_staff_do_about_an_alert_is_told_once_each_time(nurse):
    someone = person()
    alert = CareAlert.objects.create(
        kind="duplicate", caregiver=someone, opened_at=NOON - HOUR, occasion=NOON - HOUR
    )
    acted(nurse, "claim", "add_note", "resolve", "reopen", "release", "claim", alert=alert)

    stream = read_page(someone, kinds=[Kind.ALERT]).happenings

    assert [one.told.says for one in stream] == [
        f"Alert {did}: A text may have gone out twice"
        for did in ("claimed", "released", "reopened", "resolved", "note added", "claimed")
    ] + ["Alert: A text may have gone out twice"]
    assert [one.told.body for one in stream[:3]] == ["why claim", "why release", "why reopen"]
    assert {one.told.by for one in stream[:-1]} == {"Ines Vidal"}
    assert {one.told.about for one in stream} == {("proactive.carealert", str(alert.pk))}
    assert read_page(someone, kinds=[Kind.STAFF]).happenings == ()


def test_what_the_system_resolved_is_told_and_so_is_what_nobody_kept_in_the_audit(nurse):
    someone = person()
    for kind, by in (("duplicate", None), ("followup_failed", nurse)):
        CareAlert.objects.create(
            kind=kind,
            caregiver=someone,
            opened_at=NOON - HOUR,
            resolved_at=NOON,
            resolved_by=by,
        )
    # Of the same instant, but about something else.
    audit.record("edit", by=nurse, says="edited first name", now=NOON, target=someone)

    assert told(read_page(someone))[:3] == [
        "Edited first name",
        "Alert resolved: A crisis follow-up could not be delivered",
        "Alert resolved: A text may have gone out twice",
    ]


def test_a_text_leads_to_its_page_and_so_does_what_staff_did_with_it(nurse):
    someone = person()
    text = MessageFactory(caregiver=someone)
    audit.record("it_arrived", by=nurse, says="it arrived", now=NOON, target=text)

    about = {one.told.says: one.told.about for one in read_page(someone).happenings}

    assert set(about.values()) == {("proactive.message", str(text.pk))}
