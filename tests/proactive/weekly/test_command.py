"""`manage.py weekly_report`: text, JSON, and by email if it was not sent yet."""

import pytest
from django.core import mail
from django.core.management import CommandError

from proactive.models import WeeklyReport
from tests.proactive.commanding import run, run_json
from tests.proactive.people import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def tuesday(time_machine):
    time_machine.move_to(NOON, tick=False)


def test_it_prints_the_last_week_that_is_over_and_keeps_it():
    printed = run("weekly_report")

    assert "Week 2026-W53, 28 Dec 2026 to 3 Jan 2027" in printed
    assert "Gate hit rate" in printed
    assert WeeklyReport.objects.count() == 2  # and the week before
    assert mail.outbox == []


def test_it_prints_any_week_for_machines():
    printed = run_json("weekly_report", "--week", "2026-W48")

    assert printed["week"] == "2026-W48"
    assert printed["begins"] == "2026-11-23T00:00:00+00:00"
    assert set(printed["figures"]) == set(printed["before"])
    assert printed["figures"]["people"] is None
    assert printed["sent_at"] is None


@pytest.mark.parametrize(
    ("week", "says"), [("2026-48", "write it as 2026-W48"), ("2027-W01", "is not over")]
)
def test_a_week_that_has_none_is_told_apart(week, says):
    with pytest.raises(CommandError, match=says):
        run("weekly_report", "--week", week)


def test_it_is_sent_once(settings):
    settings.WEEKLY_REPORT_EMAIL = ["lead@example.org"]

    sent_at = run_json("weekly_report", "--send")["sent_at"]
    run("weekly_report", "--send")

    assert sent_at == NOON.isoformat()
    assert len(mail.outbox) == 1


def test_sending_to_nobody_is_refused():
    with pytest.raises(CommandError, match="set WEEKLY_REPORT_EMAIL"):
        run("weekly_report", "--send")
