"""What is old goes and what is needed stays, whatever its age."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from caregiving import events
from caregiving.intents import Intent
from caregiving.models import Caregiver, ConsentChange, CrisisEvent, InboundMessage, WellnessScore
from proactive import accounting, archiving, blast_guard, figures, pruning, stopping
from proactive.cadences import CADENCES
from proactive.models import AuditEntry, CareAlert, Message, Note, Status, Sweep
from proactive.promises import check_promises
from proactive.pruning import SHORTEST, prune
from proactive.reconciliation import reconcile
from proactive.sweeps import run_sweep
from proactive.tasks import tidy_up
from tests.factories import MessageFactory
from tests.proactive.calling import report_on
from tests.proactive.people import DAY, DUE, HOUR, MOMENT, NOON, due_for, person

pytestmark = pytest.mark.django_db

YEARS = 730 * DAY
OLD = NOON - YEARS
# Of an occasion that no row tells of any more.
GONE_BY = OLD - 3 * DAY
ENDED = {"sent", "delivered", "undelivered", "failed", "cancelled", "superseded"}
STAGED = [cadence for cadence in CADENCES if cadence.due]


def text(**fields):
    """An old text with an end, of which nothing asks any more."""
    defaults = {"status": "delivered", "queued_at": OLD, "occasion": GONE_BY}
    caregiver = fields.pop("caregiver", None) or person()
    return MessageFactory(caregiver=caregiver, **defaults | fields)


def wrote(**fields):
    number = InboundMessage.objects.count()
    defaults = {"from_number": "+14155550001", "body": "Mom fell", "received_at": OLD}
    return InboundMessage.objects.create(**defaults | {"provider_sid": f"SM{number}"} | fields)


def gone(kind="texts", **options):
    return prune(now=NOON, **options).kinds[kind].gone


def stays(row, **options):
    prune(now=NOON, **options)
    return type(row)._default_manager.filter(pk=row.pk).exists()


# --- By age ---


def test_a_text_stays_until_its_retention_is_over_to_the_microsecond():
    text()
    kept = text(queued_at=OLD + MOMENT)

    assert gone() == 1
    assert list(Message.objects.all()) == [kept]


@pytest.mark.parametrize(
    "news", ["attempt_started_at", "sent_at", "delivered_at", "replied_at", "occasion"]
)
def test_news_about_a_text_keep_it_for_as_long_again(news):
    assert stays(text(**{news: OLD + MOMENT}))
    assert not stays(text(**{news: OLD}))


def test_each_table_has_a_retention_of_its_own(settings):
    settings.RETENTION_MESSAGES_DAYS = 100
    settings.RETENTION_INBOUND_DAYS = 200
    settings.RETENTION_SWEEPS_DAYS = 300
    someone = person()
    for days in (101, 201, 301):
        at = NOON - days * DAY
        text(caregiver=someone, queued_at=at, occasion=at)
        wrote(received_at=at)
        Sweep.objects.create(now=at, started_at=at)
        CareAlert.objects.create(kind="duplicate", opened_at=at, resolved_at=at)

    report = prune(now=NOON)

    counts = {name: (one.gone, one.stays) for name, one in report.kinds.items()}
    assert counts == {
        "texts": (3, 0),
        "received texts": (2, 0),
        "alerts": (3, 0),
        "sweeps": (1, 0),
    }
    assert gone("received texts", older_than=100 * DAY) == 1


@pytest.mark.parametrize("too_short", [DAY, SHORTEST - MOMENT])
def test_less_than_90_days_is_refused_before_anything_goes(settings, too_short):
    text()
    with pytest.raises(ValueError, match="90 days"):
        prune(now=NOON, older_than=too_short)
    settings.RETENTION_SWEEPS_DAYS = 89
    with pytest.raises(ValueError, match="90 days"):
        prune(now=NOON)
    assert Message.objects.count() == 1


def test_whatever_looks_back_looks_back_less_far_than_that():
    lasting = max(cadence.until for cadence in STAGED)
    looks = [accounting.REMEMBERED, lasting, blast_guard.HISTORY, (figures.DAYS + 1) * DAY]
    assert max(looks) < SHORTEST


# --- Texts that stay ---


@pytest.mark.parametrize("status", Status.values)
def test_only_what_has_an_end_goes(status):
    assert stays(text(status=status)) == (status not in ENDED)


def test_what_the_provider_is_to_be_asked_about_stays():
    assert stays(text(status="sent", look_up_at=NOON - 700 * DAY))


@pytest.mark.parametrize("cadence", STAGED, ids=lambda cadence: cadence.name)
def test_nobody_becomes_due_for_a_stage_that_they_have_had(cadence):
    """Whatever the counters say: it is the text alone that keeps it from going out again."""
    people = [due_for(cadence.name) for _ in range(2)]
    (first, *_) = (step.stage for step in cadence.steps)
    for someone, occasion in zip(people, (cadence.anchor.of(people[0]), GONE_BY), strict=True):
        text(caregiver=someone, cadence=cadence.name, stage=first, occasion=occasion)

    def due():
        planned = run_sweep(now=NOON, dry_run=True).planned
        return [(one.phone_number, one.stage) for one in planned if one.cadence == cadence.name]

    before = due()
    assert before == [(people[1].phone_number, first)]

    assert gone() == 1  # that of the occasion gone by
    assert due() == before


@pytest.mark.parametrize("cadence", STAGED, ids=lambda cadence: cadence.name)
def test_texts_of_an_occasion_that_the_row_tells_of_stay_however_old_it_is(cadence):
    long_ago = OLD - 100 * DAY
    fields = ("created_at", "last_contact_at", *cadence.anchor.fields)
    someone = person(**dict.fromkeys(fields, long_ago))
    texts = [
        text(caregiver=someone, cadence=cadence.name, stage=step.stage, occasion=long_ago)
        for step in cadence.steps
    ]

    assert gone() == 0

    Caregiver.objects.filter(pk=someone.pk).update(**dict.fromkeys(fields, NOON - DAY))
    assert gone() == len(texts)


def test_the_texts_of_a_replaced_crisis_stay_until_it_is_settled():
    kept = text()
    crisis = CrisisEvent.objects.create(caregiver=kept.caregiver, at=GONE_BY, replaced_at=OLD)
    assert stays(kept)

    CrisisEvent.objects.filter(pk=crisis.pk).update(settled_at=OLD)
    assert not stays(kept)
    assert CrisisEvent.objects.count() == 1


@pytest.mark.parametrize(
    ("resolved_at", "goes"), [(None, False), (OLD + MOMENT, False), (OLD, True)]
)
def test_a_text_goes_with_its_alerts_once_all_were_resolved_long_ago(resolved_at, goes):
    about = text(status="undelivered")
    for kind, at in (("followup_failed", OLD), ("duplicate", resolved_at)):
        CareAlert.objects.create(
            kind=kind, caregiver=about.caregiver, message=about, opened_at=OLD, resolved_at=at
        )

    foreseen = prune(now=NOON, dry_run=True)
    report = prune(now=NOON)

    assert report.kinds["texts"].gone == goes
    assert report.kinds["alerts"].gone == 2 * goes
    assert CareAlert.objects.count() == 2 * (not goes)
    assert report.kinds == foreseen.kinds


def test_the_promises_count_the_same_afterwards():
    for _ in range(3):
        due_for("crisis_followup")
    run_sweep(now=NOON)
    Message.objects.update(status="delivered", sent_at=NOON, attempt_started_at=NOON)
    later = NOON + 82 * DAY
    run_sweep(now=later)
    before = check_promises(now=later).outcomes
    assert before.total() == 21

    prune(now=later, older_than=SHORTEST)

    assert check_promises(now=later).outcomes == before


# --- Legal hold ---


def test_nothing_of_whoever_is_under_legal_hold_goes():
    held = person(legal_hold_since=NOON)
    rows = [
        text(caregiver=held),
        wrote(caregiver=held),
        CareAlert.objects.create(
            kind="cascade_unanswered", caregiver=held, opened_at=OLD, resolved_at=OLD
        ),
    ]
    text(caregiver=person())
    wrote(caregiver=person())

    report = prune(now=NOON)

    assert report.on_hold == 1
    assert [report.kinds[name].gone for name in ("texts", "received texts", "alerts")] == [1, 1, 0]
    assert all(type(row)._default_manager.filter(pk=row.pk).exists() for row in rows)

    events.lift_legal_hold(held)
    report = prune(now=NOON)
    assert [report.kinds[name].gone for name in ("texts", "received texts", "alerts")] == [1, 1, 1]


# --- What people wrote ---


@pytest.mark.parametrize("intent", Intent.values)
@pytest.mark.parametrize("known", [True, False], ids=["known", "stranger"])
def test_what_people_wrote_goes_but_for_their_stop_and_start(intent, known):
    row = wrote(intent=intent, caregiver=person() if known else None)
    assert stays(row) == (intent in ("stop", "start"))


def test_a_strangers_stop_holds_when_somebody_gets_the_number_years_later():
    wrote(intent="stop", body="STOP")
    prune(now=NOON)

    someone = events.record_new_number(person(phone_number="+14155550001"))

    assert someone.opted_out_at == OLD


# --- The rest ---


def test_a_sweep_goes_with_its_last_text_and_the_last_that_ended_stays():
    old = {"now": OLD, "started_at": OLD}
    with_text, *_without_end = (Sweep.objects.create(**old) for _ in range(3))
    last = Sweep.objects.create(**old, finished_at=OLD)
    kept = text(sweep=with_text, look_up_at=NOON)

    assert gone("sweeps") == 2
    assert set(Sweep.objects.all()) == {with_text, last}

    Message.objects.filter(pk=kept.pk).update(look_up_at=None)
    report = prune(now=NOON)
    assert (report.kinds["texts"].gone, report.kinds["sweeps"].gone) == (1, 1)
    assert list(Sweep.objects.all()) == [last]


def test_an_alert_about_no_text_goes_once_it_was_resolved_long_ago():
    common = {"kind": "followup_missed", "opened_at": OLD}
    ages = [None, OLD + MOMENT, OLD]
    rows = [CareAlert.objects.create(**common, caregiver=person(), resolved_at=at) for at in ages]
    rows.append(
        CareAlert.objects.create(
            **common, caregiver=person(), resolved_at=OLD, occasion=OLD + MOMENT
        )
    )

    assert gone("alerts") == 1
    assert set(CareAlert.objects.all()) == {rows[0], rows[1], rows[3]}


def test_what_is_proof_stays_for_good():
    someone = person()
    about = text(caregiver=someone)
    events.record_crisis_event(someone, at=GONE_BY)
    events.record_opt_out(someone, at=OLD)
    AuditEntry.objects.create(
        at=OLD,
        action="it_arrived",
        says="settled",
        caregiver=someone,
        target_type="proactive.message",
        target_id=str(about.pk),
    )
    WellnessScore.objects.create(caregiver=someone, score=5, burnout_band="crisis", created_at=OLD)
    nurse = User.objects.create_user("nurse")
    Note.objects.create(caregiver=someone, by=nurse, at=OLD, body="Called.")
    models = (Caregiver, CrisisEvent, ConsentChange, AuditEntry, WellnessScore, Note)
    before = [model.objects.count() for model in models]

    prune(now=NOON + 20 * 365 * DAY)

    assert [model.objects.count() for model in models] == before
    assert min(before) == 1


# --- How it goes ---


def test_a_dry_run_says_the_same_and_changes_nothing():
    for _ in range(3):
        about = text()
        wrote(caregiver=about.caregiver)
    kept = text(status="unknown")
    CareAlert.objects.create(
        kind="duplicate", message=about, caregiver=about.caregiver, opened_at=OLD, resolved_at=OLD
    )

    foreseen = prune(now=NOON, dry_run=True)
    assert Message.objects.count() == 4
    assert InboundMessage.objects.count() == 3

    assert prune(now=NOON).kinds == foreseen.kinds
    assert foreseen.kinds["texts"].stays == 1
    assert list(Message.objects.all()) == [kept]
    assert sum(one.gone for one in prune(now=NOON).kinds.values()) == 0


def many(count):
    someone = person()
    rows = MessageFactory.build_batch(
        count, caregiver=someone, to_number="+14155550001", status="delivered", occasion=None
    )
    for i, row in enumerate(rows):
        row.stage = None
        # Several share an instant, across the pages too.
        row.queued_at = OLD - (i // 3) * HOUR
    Message.objects.bulk_create(rows)


def test_pages_miss_nothing_and_each_batch_costs_the_same(monkeypatch):
    monkeypatch.setattr(pruning, "BATCH", 4)
    many(10)
    kept = [text(status="unknown", queued_at=OLD - i * HOUR) for i in range(4)]

    def queries(count):
        many(count)
        with CaptureQueriesContext(connection) as asked:
            assert gone() == count
        return len(asked)

    assert gone() == 10
    assert queries(18) - queries(10) == queries(26) - queries(18)
    assert set(Message.objects.all()) == set(kept)


def test_asked_to_stop_it_ends_after_a_batch_and_the_next_run_goes_on(monkeypatch):
    monkeypatch.setattr(pruning, "BATCH", 2)
    many(7)
    stopping.ask()
    try:
        report = prune(now=NOON)
    finally:
        stopping.forget()

    assert (report.kinds["texts"].gone, report.stopped) == (2, "it was asked to stop")
    assert gone() == 5


def test_it_ends_when_its_time_is_up(monkeypatch):
    monkeypatch.setattr(pruning, "BATCH", 2)
    many(7)

    report = prune(now=NOON, budget=timedelta())

    assert (report.kinds["texts"].gone, report.stopped) == (2, "its time was up")


def test_its_progress_goes_from_nothing_to_all_and_never_back(monkeypatch):
    monkeypatch.setattr(pruning, "BATCH", 2)
    many(20)
    wrote()
    seen = []

    prune(now=NOON, progress=lambda done, total: seen.append((done, total)))

    parts = [done / total for done, total in seen]
    assert parts == sorted(parts)
    assert parts[0] == 0
    assert max(parts) <= 1
    assert len(parts) == 11


# --- With an archive ---


def archived(path):
    return [(row["table"], row["id"]) for row in archiving.read(path)]


def test_every_row_that_goes_is_in_the_archive_its_alerts_too(tmp_path):
    path = tmp_path / "gone.jsonl.gz"
    about, inbound = text(), wrote()
    alert = CareAlert.objects.create(
        kind="duplicate", message=about, caregiver=about.caregiver, opened_at=OLD, resolved_at=OLD
    )
    text(status="unknown")

    with archiving.opened(path, now=NOON) as archive:
        prune(now=NOON, archive=archive)

    assert archived(path) == [
        ("proactive.carealert", alert.pk),
        ("proactive.message", str(about.pk)),
        ("caregiving.inboundmessage", inbound.pk),
    ]


@pytest.mark.parametrize("where", ["keep", "delete"])
def test_what_fails_in_the_middle_loses_nothing(tmp_path, monkeypatch, where):
    monkeypatch.setattr(pruning, "BATCH", 2)
    many(5)
    everything = {
        ("proactive.message", str(pk)) for pk in Message.objects.values_list("pk", flat=True)
    }
    done = []

    def fails_the_second_time(function):
        def attempt(*arguments):
            done.append(True)
            if len(done) == 2:
                raise OSError("the disk is full") if where == "keep" else OperationalError("gone")
            return function(*arguments)

        return attempt

    if where == "keep":
        keep = archiving.Archive.keep
        monkeypatch.setattr(archiving.Archive, "keep", fails_the_second_time(keep))
    else:
        delete = Message._default_manager.all().delete.__func__
        monkeypatch.setattr(
            type(Message._default_manager.all()), "delete", fails_the_second_time(delete)
        )
    first, second = tmp_path / "1.gz", tmp_path / "2.gz"
    with (
        pytest.raises((OSError, OperationalError)),
        archiving.opened(first, now=NOON) as archive,
    ):
        prune(now=NOON, archive=archive)

    left = {("proactive.message", str(pk)) for pk in Message.objects.values_list("pk", flat=True)}
    assert len(left) == 3
    assert set(archived(first)) | left == everything

    with archiving.opened(second, now=NOON) as archive:
        prune(now=NOON, archive=archive)
    assert set(archived(second)) == left
    assert set(archived(first)) | set(archived(second)) == everything


# --- Beside the others ---


def test_a_late_report_about_a_text_that_is_gone_gets_404_and_harms_nobody(settings):
    settings.PUBLIC_BASE_URL = "https://outreach.example.org"
    settings.TWILIO_AUTH_TOKEN = "the-account-token"
    about = text(provider_sid="SM1", status="sent")
    other = due_for("wellness")
    prune(now=NOON)
    before = list(Caregiver.objects.order_by("pk").values())

    assert report_on(about, "delivered") == 404

    assert list(Caregiver.objects.order_by("pk").values()) == before
    assert not CareAlert.objects.exists()
    assert other in Caregiver.objects.all()


def test_sweeps_and_reconciliation_go_on_afterwards(gateway):
    for cadence in DUE:
        someone = due_for(cadence)
        text(caregiver=someone, cadence=cadence)
    planned = [(one.phone_number, one.cadence) for one in run_sweep(now=NOON, dry_run=True).planned]

    assert gone() == len(DUE)

    run_sweep(now=NOON)
    queued = Message.objects.queued().values_list("to_number", "cadence")
    assert sorted(queued) == sorted(planned)
    assert reconcile(now=NOON).alerts == 0


# --- Every day ---


def test_housekeeping_prunes_only_where_it_is_told_to(settings):
    text(queued_at=timezone.now() - 731 * DAY, occasion=None)

    tidy_up()
    assert Message.objects.count() == 1

    settings.PRUNE_DAILY = True
    tidy_up()
    assert Message.objects.count() == 0


def test_what_housekeeping_logs_names_nobody(settings, caplog):
    caplog.set_level("INFO")
    settings.PRUNE_DAILY = True
    one = text(queued_at=timezone.now() - 731 * DAY, occasion=None)

    tidy_up()

    assert "pruned {'texts': 1}" in caplog.text
    assert str(one.to_number) not in caplog.text
