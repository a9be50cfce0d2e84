"""When ticks stay away somebody is told: once, by a process that is not the worker."""

import json
import smtplib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.core.management import CommandError
from django.db import OperationalError, connection, transaction

from proactive import scheduling, ticking, watching
from proactive.models import Sweep, TickOutage, TickPart
from proactive.watching import look
from tests.proactive.commanding import run, run_json
from tests.proactive.people import NOON

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


class FailingBackend(EmailBackend):
    def send_messages(self, messages):
        raise smtplib.SMTPServerDisconnected("Connection unexpectedly closed")


@pytest.fixture(autouse=True)
def on_call(settings, tmp_path, monkeypatch):
    settings.ALERT_ESCALATION_EMAIL = ["on-call@example.org"]
    settings.VAR_DIR = tmp_path
    # A process that has just begun remembers nothing.
    monkeypatch.setattr(watching, "_unwritten", None)


def tick(at=NOON, *, succeeded=True):
    ticking.note(TickPart.TICK, seconds=1, succeeded=succeeded, now=at)


def subjects():
    return [sent.subject.removeprefix("[CareCheck] ") for sent in mail.outbox]


GONE = "No tick goes through"
BACK = "Ticks go through again"


def test_nobody_is_told_before_ten_minutes_are_over():
    tick()

    assert look(now=NOON + 10 * MINUTE).ok
    assert not look(now=NOON + 10 * MINUTE + SECOND).ok

    assert subjects() == [GONE]


def test_the_minutes_can_be_chosen(settings):
    settings.TICK_OVERDUE_MINUTES = 3
    tick()

    assert look(now=NOON + 3 * MINUTE).ok
    assert not look(now=NOON + 4 * MINUTE).ok


def test_it_is_told_once_and_once_more_when_it_is_over():
    tick()
    for minutes in range(9, 60):
        look(now=NOON + minutes * MINUTE)
    assert subjects() == [GONE]

    tick(NOON + 60 * MINUTE)
    for minutes in range(60, 70):
        look(now=NOON + minutes * MINUTE)

    assert subjects() == [GONE, BACK]
    assert mail.outbox[0].to == ["on-call@example.org"]
    assert "since 2027-01-05 12:00 UTC, for 11 minutes" in mail.outbox[0].body
    assert "may hang" in mail.outbox[0].body
    assert "from 2027-01-05 12:00 UTC to about 2027-01-05 13:00 UTC" in mail.outbox[1].body


def test_each_outage_is_told():
    for hours in range(3):
        tick(NOON + hours * 60 * MINUTE)
        look(now=NOON + hours * 60 * MINUTE)
        look(now=NOON + hours * 60 * MINUTE + 20 * MINUTE)

    assert subjects() == [GONE, BACK, GONE, BACK, GONE]


def test_a_tick_of_which_a_part_fails_every_time_is_none():
    tick()
    ticking.note("run_sweep", seconds=1, succeeded=False, now=NOON + 20 * MINUTE)
    tick(NOON + 20 * MINUTE, succeeded=False)

    assert not look(now=NOON + 20 * MINUTE).ok

    assert "these parts of it failed when they last did: run_sweep." in mail.outbox[0].body
    assert "nobody new gets a text, crisis follow-ups among them" in mail.outbox[0].body
    assert "texts do not go out" not in mail.outbox[0].body


@pytest.mark.parametrize("part", ["reconcile", "escalate", "remember_tallies"])
def test_where_texts_go_out_all_the_same_nobody_is_told_that_they_do_not(part):
    tick()
    ticking.note(part, seconds=1, succeeded=False, now=NOON + 20 * MINUTE)
    tick(NOON + 20 * MINUTE, succeeded=False)

    look(now=NOON + 20 * MINUTE)

    assert "Texts go out all the same." in mail.outbox[0].body
    assert "texts do not go out" not in mail.outbox[0].body
    assert f"- {part}: {watching.MISSING[part]}." in mail.outbox[0].body


def test_a_worker_that_died_after_only_figures_had_failed_is_told_as_such():
    ticking.note("remember_tallies", seconds=1, succeeded=False, now=NOON)
    tick(NOON - MINUTE)
    tick(NOON, succeeded=False)

    look(now=NOON + 20 * MINUTE)

    assert "texts do not go out, crisis follow-ups among them" in mail.outbox[0].body
    assert "Restart the worker" in mail.outbox[0].body


def test_ticks_that_are_broken_off_each_time_are_told_as_such():
    tick()
    tick(NOON + 20 * MINUTE, succeeded=False)

    look(now=NOON + 20 * MINUTE)

    assert "broken off before they are done" in mail.outbox[0].body


def test_a_tick_that_is_switched_off_in_the_schedule_is_told_as_such():
    scheduling.sync_schedules()
    scheduling.set_enabled(scheduling.tick_entry(), False)
    tick()

    look(now=NOON + 20 * MINUTE)

    assert "switched off in the schedule" in mail.outbox[0].body


def test_a_system_that_has_never_ticked_is_not_watched_yet():
    assert look(now=NOON).ok
    assert mail.outbox == []


def test_a_system_whose_first_tick_never_ended_is():
    Sweep.objects.create(now=NOON, started_at=NOON)

    assert not look(now=NOON + 11 * MINUTE).ok
    assert subjects() == [GONE]


def test_ticks_that_fail_from_the_first_one_on_are_told_whatever_somebody_sweeps_by_hand():
    Sweep.objects.create(now=NOON, started_at=NOON)
    tick(succeeded=False)
    by_hand = NOON + 20 * MINUTE
    Sweep.objects.create(now=by_hand, started_at=by_hand, finished_at=by_hand)

    assert not look(now=by_hand).ok
    assert subjects() == [GONE]


def test_a_mail_server_that_fails_is_asked_again(settings, caplog):
    working = settings.EMAIL_BACKEND
    tick()
    settings.EMAIL_BACKEND = f"{__name__}.FailingBackend"
    look(now=NOON + 11 * MINUTE)
    assert "no email could be sent (SMTPServerDisconnected)" in caplog.text
    settings.EMAIL_BACKEND = working

    look(now=NOON + 12 * MINUTE)
    look(now=NOON + 13 * MINUTE)

    assert subjects() == [GONE]


def test_an_outage_that_ended_before_anybody_could_be_told_is_not_told_any_more(settings):
    working = settings.EMAIL_BACKEND
    tick()
    settings.EMAIL_BACKEND = f"{__name__}.FailingBackend"
    look(now=NOON + 11 * MINUTE)
    settings.EMAIL_BACKEND = working

    tick(NOON + 12 * MINUTE)
    look(now=NOON + 12 * MINUTE)

    assert mail.outbox == []


def test_a_watcher_that_died_while_it_told_leaves_it_to_another():
    tick()
    now = NOON + 20 * MINUTE
    TickOutage.objects.create(began_at=NOON, telling_until=now + MINUTE)

    look(now=now)
    assert mail.outbox == []
    look(now=now + MINUTE)

    assert subjects() == [GONE]


@pytest.mark.django_db(transaction=True)
def test_several_watchers_at_once_tell_it_once():
    tick()

    def watch(_):
        try:
            return look(now=NOON + 20 * MINUTE).ok
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as watchers:
        assert list(watchers.map(watch, range(8))) == [False] * 8

    assert subjects() == [GONE]


def test_without_an_address_the_log_says_so(settings, caplog):
    settings.ALERT_ESCALATION_EMAIL = []
    tick()

    assert not look(now=NOON + 20 * MINUTE).ok

    assert "ALERT_ESCALATION_EMAIL is empty: nobody is told" in caplog.text


# --- The database itself ---


def gone(*_):
    raise OperationalError("the server at 10.0.0.7 is gone")


def look_without_database(minutes):
    with connection.execute_wrapper(gone):
        return look(now=NOON + minutes * MINUTE)


AWAY = "The database does not answer"
ANSWERS = "The database answers again"


def test_a_database_that_does_not_answer_is_told_once_and_once_that_it_is_back():
    tick()
    for minutes in range(60):
        assert not look_without_database(minutes).ok
    assert subjects() == [AWAY]
    assert "since 2027-01-05 12:00 UTC" in mail.outbox[0].body
    assert "10.0.0.7" not in mail.outbox[0].body

    tick(NOON + 60 * MINUTE)
    look(now=NOON + 60 * MINUTE)
    look(now=NOON + 61 * MINUTE)

    assert subjects() == [AWAY, ANSWERS]
    assert "for 1 hour" in mail.outbox[1].body


def test_a_database_that_was_only_started_again_is_not_told():
    tick()
    look_without_database(1)
    look(now=NOON + 2 * MINUTE)
    look_without_database(5)

    assert mail.outbox == []


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no server to hang")
@pytest.mark.django_db(transaction=True)
def test_a_database_that_hangs_does_not_answer(monkeypatch):
    monkeypatch.setattr(watching, "STATEMENT_MAY_TAKE", timedelta(milliseconds=200))
    tick()

    def watch():
        try:
            return look(now=NOON)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as watcher:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {TickPart._meta.db_table}")
            found = watcher.submit(watch).result(timeout=30)
        assert (found.ok, found.says) == (False, "The database does not answer (OperationalError).")

        assert watcher.submit(watch).result(timeout=30).ok


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no such limit")
@pytest.mark.django_db(transaction=True)
def test_the_limit_of_a_statement_is_left_to_nobody_who_gets_the_connection_next():
    tick()
    look(now=NOON + 20 * MINUTE)

    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)


@pytest.mark.parametrize(
    "note", ["", "[]", "{}", '{"since": "soon"}', '{"since": "2027-01-05T11:00:00"}']
)
def test_a_note_that_broke_is_begun_anew(settings, note):
    (settings.VAR_DIR / "database-away.json").write_text(note)

    for minutes in range(5):
        look_without_database(minutes)

    assert subjects() == [AWAY]


def test_where_no_note_can_be_kept_it_is_remembered_and_told_once_all_the_same(settings, caplog):
    settings.VAR_DIR = settings.VAR_DIR / "nowhere"
    tick()
    for minutes in range(60):
        assert not look_without_database(minutes).ok
    assert subjects() == [AWAY]
    assert caplog.text.count("could not be noted") == 1

    tick(NOON + 60 * MINUTE)
    look(now=NOON + 60 * MINUTE)
    look(now=NOON + 61 * MINUTE)

    assert subjects() == [AWAY, ANSWERS]


def test_a_note_that_cannot_be_renewed_any_more_does_not_send_an_email_a_round(monkeypatch):
    tick()
    look_without_database(0)

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(watching.os, "replace", full)
    for minutes in range(1, 20):
        look_without_database(minutes)

    assert subjects() == [AWAY]
    assert "since 2027-01-05 12:00 UTC" in mail.outbox[0].body


def test_a_note_that_cannot_be_removed_is_told_no_second_time(monkeypatch):
    tick()
    for minutes in range(40):
        look_without_database(minutes)

    def read_only(*_, **__):
        raise OSError("read-only file system")

    monkeypatch.setattr(watching.os, "replace", read_only)
    monkeypatch.setattr(watching.Path, "unlink", read_only)
    tick(NOON + 40 * MINUTE)
    for minutes in range(40, 50):
        look(now=NOON + minutes * MINUTE)

    assert subjects() == [AWAY, ANSWERS]


def test_a_note_is_written_as_a_whole_or_not_at_all(settings, monkeypatch):
    look_without_database(0)
    path = settings.VAR_DIR / "database-away.json"
    before = path.read_text()
    write_text = watching.Path.write_text

    def half(self, text):
        write_text(self, text[: len(text) // 2])
        raise OSError("no space left on device")

    monkeypatch.setattr(watching.Path, "write_text", half)
    look_without_database(3)

    assert path.read_text() == before
    assert list(settings.VAR_DIR.iterdir()) == [path]


# --- What comes and goes ---


def test_ticks_that_come_and_go_are_told_of_twice_in_half_an_hour_at_most():
    tick()
    for minutes in range(11, 12 * 20, 12):
        look(now=NOON + minutes * MINUTE)
        tick(NOON + (minutes + 1) * MINUTE)
        look(now=NOON + (minutes + 1) * MINUTE)

    hours = 4
    assert len(mail.outbox) <= hours * 2 * 2
    assert subjects() == [GONE, BACK] * (len(mail.outbox) // 2)


def test_an_outage_right_after_another_is_told_if_it_still_lasts_half_an_hour_later():
    tick()
    look(now=NOON + 11 * MINUTE)
    tick(NOON + 12 * MINUTE)
    look(now=NOON + 12 * MINUTE)
    assert subjects() == [GONE, BACK]

    for minutes in range(13, 41):
        look(now=NOON + minutes * MINUTE)
    assert subjects() == [GONE, BACK]
    look(now=NOON + 41 * MINUTE)

    assert subjects() == [GONE, BACK, GONE]


def test_a_database_that_comes_and_goes_is_told_of_twice_in_half_an_hour_at_most():
    for begin in range(0, 60, 5):
        for minutes in range(begin, begin + 4):
            look_without_database(minutes)
        tick(NOON + (begin + 4) * MINUTE)
        look(now=NOON + (begin + 4) * MINUTE)

    assert subjects() == [AWAY, ANSWERS] * 2


def test_of_a_database_that_answers_again_nothing_is_kept_for_long(settings):
    for minutes in range(3):
        look_without_database(minutes)
    tick(NOON + 3 * MINUTE)
    look(now=NOON + 3 * MINUTE)
    assert list(settings.VAR_DIR.iterdir()) != []

    look(now=NOON + 33 * MINUTE)

    assert list(settings.VAR_DIR.iterdir()) == []


# --- The command ---


def test_once_from_cron_it_leaves_with_an_error_when_no_tick_goes_through(time_machine):
    time_machine.move_to(NOON, tick=False)
    tick()
    assert run_json("watch", "--once") == {"ok": True, "says": "Ticks go through."}
    time_machine.move_to(NOON + 20 * MINUTE, tick=False)

    with pytest.raises(CommandError, match="No tick has gone through for 20 minutes"):
        run("watch", "--once")

    assert subjects() == [GONE]


def test_it_looks_again_and_again_until_it_is_asked_to_stop(monkeypatch, time_machine):
    time_machine.move_to(NOON, tick=False)
    tick()
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        time_machine.shift(seconds)
        if len(slept) == 15:
            watching_stops()

    from proactive import stopping

    watching_stops = stopping.ask
    monkeypatch.setattr(stopping, "sleep", sleep)

    run("watch")

    assert slept == [60.0] * 15
    assert subjects() == [GONE]


def test_what_it_keeps_is_small(settings):
    look_without_database(0)

    note = json.loads((settings.VAR_DIR / "database-away.json").read_text())
    assert note == {"since": NOON.isoformat(), "told_at": None}
    assert watching.DATABASE_MAY_BE_AWAY_FOR == 2 * MINUTE
