"""Far more texts than usual: nothing goes out, and a person is asked."""

import logging

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from caregiving.models import Caregiver
from proactive import blast_guard
from proactive.cadences import CADENCES
from proactive.models import CadenceSwitch, CareAlert, Message, Status, Sweep
from proactive.sweeps import run_sweep
from tests.proactive.people import DAY, DUE, FIRST, HOUR, MOMENT, NOON, due_for, person, sweep

pytestmark = pytest.mark.django_db

NOTHING = dict.fromkeys(DUE, 0)
MINUTE = HOUR / 60


@pytest.fixture(autouse=True)
def at_most_two(settings, monkeypatch):
    settings.SWEEP_CEILING = 2
    settings.SWEEP_MULTIPLE = 3
    monkeypatch.setattr(blast_guard, "FLOOR", 1)


def history(*sweeps: tuple, **fields) -> None:
    """Sweeps that took place `ago` before NOON and queued so many texts."""
    Sweep.objects.bulk_create(
        Sweep(now=NOON - ago, texts_queued=count, **fields) for ago, count in sweeps
    )


def most(now=NOON) -> int | None:
    limit = blast_guard.limit(now=now)
    return limit and limit.people


def held_with_three_due() -> Sweep:
    for _ in range(3):
        due_for("wellness")
    return run_sweep(now=NOON)


# --- The limit ---


def test_without_history_the_ceiling_applies():
    assert most() == 2


def test_with_history_it_is_a_multiple_of_the_most_that_one_sweep_queued():
    history((13 * DAY, 4), (5 * DAY, 7), (HOUR, 1))
    assert most() == 21


@pytest.mark.parametrize(
    ("oldest", "limit"), [(3 * DAY, 12), (3 * DAY - MOMENT, 2)], ids=["3 days", "a moment less"]
)
def test_history_begins_with_three_days(oldest, limit):
    history((oldest, 4), (MINUTE, 1))
    assert most() == limit


@pytest.mark.parametrize(
    ("last", "limit"), [(14 * DAY, 30), (14 * DAY + MOMENT, 12)], ids=["14 days", "a moment more"]
)
def test_what_was_14_days_ago_is_still_usual(last, limit):
    history((last, 10), (4 * DAY, 4))
    assert most() == limit


def test_neither_a_dry_run_nor_a_sweep_that_is_yet_to_come_is_usual():
    history((4 * DAY, 1))
    history((4 * DAY, 50), dry_run=True)
    history((0 * DAY, 50), (-DAY, 50))
    assert most() == 3


def test_sweeps_that_queued_nothing_are_no_history():
    history((4 * DAY, 0), (MINUTE, 9))
    assert most() == 2


def test_what_went_through_by_force_is_not_usual():
    history((4 * DAY, 1))
    for _ in range(5):
        due_for("wellness", NOON - HOUR)
    forced = run_sweep(now=NOON - HOUR, force=True)
    assert (forced.texts_queued, forced.counts["unlimited"]) == (5, True)
    assert most() == 3


def test_what_went_through_after_an_approval_is_not_usual():
    history((4 * DAY, 1))
    for _ in range(4):
        due_for("wellness", NOON - 2 * HOUR)
    held = run_sweep(now=NOON - 2 * HOUR)
    assert approve(held, NOON - 2 * HOUR)
    let_go_on = run_sweep(now=NOON - 2 * HOUR)
    assert (let_go_on.texts_queued, let_go_on.counts["unlimited"]) == (4, True)
    assert most() == 3


def test_a_small_service_is_not_stopped_by_a_busy_day(monkeypatch):
    monkeypatch.setattr(blast_guard, "FLOOR", 200)
    history((4 * DAY, 3))
    assert most() == 200


def test_what_a_sweep_queued_is_the_usual_of_the_next():
    due_for("wellness", NOON - 4 * DAY)
    run_sweep(now=NOON - 4 * DAY)
    assert Sweep.objects.get().texts_queued == 1
    assert most() == 3


def test_a_dry_run_queued_nothing():
    due_for("wellness")
    run_sweep(now=NOON, dry_run=True)
    assert Sweep.objects.get().texts_queued == 0


def test_what_was_overtaken_is_no_text():
    due_for("crisis_followup", last_crisis_event_at=NOON - 22 * DAY)
    assert run_sweep(now=NOON).texts_queued == 1


# --- Held ---


def test_exactly_the_limit_is_queued():
    due_for("wellness")
    due_for("crisis_followup")
    swept = run_sweep(now=NOON)
    assert (swept.held, swept.texts_queued, CareAlert.objects.count()) == ("", 2, 0)


@pytest.mark.parametrize("batch", [1, 2, 1000])
def test_one_more_than_the_limit_holds_everything(monkeypatch, batch):
    monkeypatch.setattr("proactive.sweeps.BATCH", batch)
    for cadence in ("crisis_followup", "wellness", "onboarding_nudge"):
        due_for(cadence)
    person(last_contact_at=NOON - 40 * DAY, reactivation_message_count=3)
    before = list(Caregiver.objects.order_by("pk").values())
    swept = Sweep.objects.get(pk=run_sweep(now=NOON).pk)
    assert swept.held == (
        "More than 2 people are due a text at once; there is no usual yet, which takes 3 days of "
        "texts."
    )
    assert swept.counts == {"queued": NOTHING, "superseded": NOTHING, "churned": 0}
    assert (swept.texts_queued, swept.finished_at is None, swept.error) == (0, False, "")
    assert Message.objects.count() == 0
    # No gate, no counter, and nobody let go of.
    assert list(Caregiver.objects.order_by("pk").values()) == before


def test_what_is_held_names_the_usual():
    history((4 * DAY, 1))
    for _ in range(4):
        due_for("wellness")
    assert run_sweep(now=NOON).held == (
        "More than 3 people are due a text at once; the usual is 1, the most that one sweep queued "
        "in the 14 days before."
    )


def test_history_admits_what_the_ceiling_would_not():
    history((4 * DAY, 1))
    assert held_with_three_due().held == ""


def test_somebody_who_is_due_in_two_cadences_counts_once():
    for _ in range(2):
        due_for("wellness", last_contact_at=NOON - 8 * DAY)  # and silent for long enough
    assert sweep() == [("wellness", "high")] * 2


@pytest.mark.parametrize("name", [cadence.name for cadence in CADENCES])
def test_a_cadence_that_is_off_does_not_count(name):
    CadenceSwitch.objects.create(cadence=name, is_on=False)
    for _ in range(3):
        due_for(name)
    other = "onboarding_nudge" if name == "wellness" else "wellness"
    due_for(other)
    assert sweep() == [FIRST[other]]


def test_only_the_cadences_that_were_asked_for_count():
    due_for("wellness")
    for _ in range(3):
        due_for("onboarding_nudge")
    assert sweep(cadences=["wellness"]) == [("wellness", "high")]


def test_the_guard_costs_an_idle_sweep_two_queries():
    def queries(**options):
        with CaptureQueriesContext(connection) as captured:
            run_sweep(now=NOON, **options)
        return len(captured)

    run_sweep(now=NOON)  # counts who is deferred, which the next ones need not

    assert queries() == queries(force=True) + 2


# --- A person is asked ---


def test_a_held_sweep_opens_one_alert_and_the_log_warns_each_time(caplog):
    caplog.set_level(logging.WARNING, "proactive")
    held_with_three_due()
    run_sweep(now=NOON + MINUTE)
    (alert,) = CareAlert.objects.all()
    assert (alert.kind, alert.caregiver, alert.opened_at) == ("sweep_held", None, NOON)
    assert alert.detail == (
        "More than 2 people are due a text at once; there is no usual yet, which takes 3 days of "
        "texts. Nothing is queued until fewer are or somebody lets it go on. Look at who is due "
        "with manage.py sweep --dry-run. If it is as it should be, run manage.py sweep --force, or "
        "open the sweep in the admin under Sweeps and let it go on."
    )
    assert [record.getMessage() for record in caplog.records] == [
        f"sweep {swept.pk} queued nothing and asks a person: {swept.held}"
        for swept in Sweep.objects.order_by("pk")
    ]


def test_the_alert_opens_again_after_it_was_resolved():
    held_with_three_due()
    CareAlert.objects.update(resolved_at=NOON)
    run_sweep(now=NOON + MINUTE)
    run_sweep(now=NOON + 2 * MINUTE)
    opened = CareAlert.objects.filter(kind="sweep_held").order_by("opened_at")
    assert [alert.opened_at for alert in opened] == [NOON, NOON + MINUTE]


def test_follow_ups_that_run_late_while_it_is_held_are_alerted_about_one_by_one():
    late = due_for("crisis_followup", last_crisis_event_at=NOON - 4 * DAY)
    for _ in range(2):
        due_for("crisis_followup")  # in time, and no reason for an alert
    assert run_sweep(now=NOON).held
    (alert,) = CareAlert.objects.filter(kind="followup_missed")
    assert (alert.caregiver, alert.detail) == (
        late,
        "Its time has passed, and it is held up: the sweep is held: more than 2 people are due a "
        "text at once.",
    )


def test_a_cascade_that_is_over_is_accounted_for_while_the_sweep_is_held():
    over = due_for("crisis_followup", last_crisis_event_at=NOON - 43 * DAY, crisis_followup_count=6)
    swept = held_with_three_due()
    assert swept.held
    assert swept.counts["superseded"] == NOTHING | {"crisis_followup": 1}
    row = Message.objects.get()
    assert (row.caregiver, row.stage, row.status) == (over, 7, Status.SUPERSEDED)


# --- It goes on ---


def test_with_force_it_goes_on():
    held_with_three_due()
    assert sweep(force=True) == [("wellness", "high")] * 3


def approve(swept: Sweep, now) -> bool:
    by = User.objects.get_or_create(username="grace")[0]
    return blast_guard.approve(swept, by=by, reason="the import is right", now=now)


@pytest.mark.parametrize(
    ("later", "goes_on"),
    [(0 * HOUR, True), (HOUR - MOMENT, True), (HOUR, False)],
    ids=["at once", "just within the hour", "an hour later"],
)
def test_an_approval_lasts_an_hour(later, goes_on):
    swept = held_with_three_due()
    assert approve(swept, NOON)
    assert bool(sweep(NOON + later)) == goes_on


def test_an_approval_says_nothing_about_what_was_before_it():
    swept = held_with_three_due()
    approve(swept, NOON + MINUTE)
    assert sweep(NOON) == []


def test_an_approval_resolves_the_alert_and_keeps_who_and_why():
    swept = held_with_three_due()
    assert approve(swept, NOON + MINUTE)
    swept.refresh_from_db()
    alert = CareAlert.objects.get()
    assert (swept.approved_at, swept.approved_by.username) == (NOON + MINUTE, "grace")
    assert (alert.resolved_at, alert.resolved_by.username) == (NOON + MINUTE, "grace")
    assert alert.note == "the import is right"


def test_what_cannot_be_approved_is_left_as_it_is():
    swept = held_with_three_due()
    assert not approve(swept, NOON + DAY)  # too late
    finished = Sweep.objects.create(now=NOON)
    assert not approve(finished, NOON)  # not held
    assert approve(swept, NOON + DAY - MOMENT)
    alert = CareAlert.objects.values().get()
    assert not approve(swept, NOON + DAY - MOMENT)  # done already
    assert CareAlert.objects.values().get() == alert
    assert Sweep.objects.filter(approved_at__isnull=False).get() == swept


def test_an_approval_keeps_what_staff_noted_on_the_alert():
    swept = held_with_three_due()
    CareAlert.objects.update(note="Asked the importer.")
    assert approve(swept, NOON + MINUTE)
    assert CareAlert.objects.get().note == "Asked the importer.\nthe import is right"


# --- The alert is over when a sweep goes through ---


def asks() -> list[tuple]:
    """The alerts that nobody has resolved: when each was opened and what it says."""
    unresolved = CareAlert.objects.filter(kind="sweep_held", resolved_at=None)
    return [(alert.opened_at, alert.detail.partition(";")[0]) for alert in unresolved]


def nobody_resolved() -> tuple:
    alert = CareAlert.objects.exclude(resolved_at=None).get()
    assert alert.resolved_by is None
    return alert.resolved_at, alert.note


def test_a_hold_that_passes_by_itself_resolves_its_alert():
    held_with_three_due()
    somebody = Caregiver.objects.first()
    Caregiver.objects.exclude(pk=somebody.pk).update(burnout_band="")
    run_sweep(now=NOON + MINUTE)
    assert nobody_resolved() == (
        NOON + MINUTE,
        "The sweep of 2027-01-05 12:01 UTC went through: no more than 2 people were due.",
    )


@pytest.mark.parametrize("why", ["everything is off", "it is night"])
def test_a_sweep_in_which_nobody_may_be_texted_says_nothing_about_the_hold(why):
    held_with_three_due()
    if why == "everything is off":
        CadenceSwitch.objects.create(cadence="everything", is_on=False)
    run_sweep(now=NOON + MINUTE if why == "everything is off" else NOON + 10 * HOUR)
    assert asks() == [(NOON, "More than 2 people are due a text at once")]


def test_a_forced_sweep_resolves_the_alert_and_keeps_what_staff_noted_on_it():
    held_with_three_due()
    CareAlert.objects.update(note="Asked the importer.")
    run_sweep(now=NOON + MINUTE, force=True)
    assert nobody_resolved() == (
        NOON + MINUTE,
        "Asked the importer.\nThe sweep of 2027-01-05 12:01 UTC went through: it was forced.",
    )


def test_after_an_approval_an_alert_that_came_too_late_is_resolved():
    swept = held_with_three_due()
    approve(swept, NOON)
    blast_guard.ask_a_person(swept)  # by a sweep that had read the limit before
    run_sweep(now=NOON + MINUTE)
    assert asks() == []
    assert CareAlert.objects.latest("pk").note == (
        "The sweep of 2027-01-05 12:01 UTC went through: somebody had let a held one go on."
    )


def test_the_next_hold_is_news():
    held_with_three_due()
    run_sweep(now=NOON + MINUTE, force=True)
    history((4 * DAY, 1))
    for _ in range(4):
        due_for("wellness", NOON + DAY)
    run_sweep(now=NOON + DAY)
    assert asks() == [(NOON + DAY, "More than 3 people are due a text at once")]


@pytest.mark.parametrize(
    "options",
    [{}, {"dry_run": True}, {"dry_run": True, "force": True}, {"cadences": ["crisis_followup"]}],
    ids=["held again", "dry run", "forced dry run", "one cadence only"],
)
def test_what_did_not_go_through_leaves_the_alert_open(options):
    held_with_three_due()
    run_sweep(now=NOON + MINUTE, **options)
    assert asks() == [(NOON, "More than 2 people are due a text at once")]


# --- Dry run ---


def test_a_dry_run_lists_everybody_and_says_that_a_real_sweep_would_be_held():
    for _ in range(3):
        due_for("wellness")
    dry = run_sweep(now=NOON, dry_run=True)
    assert len(dry.planned) == 3
    assert dry.held == run_sweep(now=NOON).held != ""
    # It is no held sweep itself: nobody is asked about it.
    stored = Sweep.objects.get(pk=dry.pk)
    assert (stored.held, CareAlert.objects.get().opened_at) == ("", NOON)
    assert not blast_guard.may_approve(stored, now=NOON)


@pytest.mark.parametrize("people", [2, 3])
def test_a_dry_run_with_force_or_of_no_more_than_the_limit_says_nothing(people):
    for _ in range(people):
        due_for("wellness")
    assert run_sweep(now=NOON, dry_run=True, force=people > 2).held == ""
