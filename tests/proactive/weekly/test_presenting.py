"""A week is told beside the one before it, in words, without anything about a person."""

from datetime import timedelta

import pytest

from proactive.models import CareAlert, Sweep
from proactive.weekly import presenting
from proactive.weekly.presenting import LENGTH, MONEY, PER_THOUSAND, SHARE, Row
from proactive.weekly.remembering import remember
from proactive.weekly.weeks import Week
from tests.factories import CaregiverFactory, MessageFactory
from tests.proactive.people import DAY, HOUR, NOON

WEEK = Week.parse("2026-W53")
PRIVATE = ("Josefina", "Rosa", "5552671", "Only for whoever", "Mom fell")


def a_life(*weeks):
    """In each of the weeks some of everything."""
    for n, week in enumerate(weeks, start=1):
        for i in range(n):
            someone = CaregiverFactory(
                first_name="Josefina",
                burnout_band="crisis",
                last_crisis_event_at=week.begins - HOUR,
                opted_out_at=week.begins + DAY,
            )
            text = MessageFactory(
                caregiver=someone,
                status="delivered",
                body="Only for whoever may read it",
                occasion=week.begins - HOUR,
                queued_at=week.begins + DAY,
                attempt_started_at=week.begins + DAY,
                sent_at=week.begins + DAY,
                replied_at=week.begins + DAY + (i + 1) * HOUR,
            )
            CareAlert.objects.create(
                kind="followup_failed",
                message=text,
                caregiver=someone,
                opened_at=week.begins + DAY,
                claimed_at=week.begins + DAY + timedelta(minutes=5),
                detail="Josefina's number 4155552671 is a landline",
            )
        counts = {"deferred": {"wellness": {"gate": 1}}, "queued": {"wellness": 3}}
        Sweep.objects.create(started_at=week.begins, now=week.begins, counts=counts)


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        (Row("", 1234, 1000), ("1,234", "1,000", "+234")),
        (Row("", 0, 7), ("0", "7", "−7")),
        (Row("", 7, 7), ("7", "7", "same")),
        (Row("", 7, None), ("7", "–", "–")),
        (Row("", None, 7), ("–", "7", "–")),
        (Row("", 0.25, 0.205, SHARE), ("25.0%", "20.5%", "+4.5 points")),
        (Row("", 0.25001, 0.25, SHARE), ("25.0%", "25.0%", "same")),
        (Row("", 0.0015, 0.00225, PER_THOUSAND), ("1.50", "2.25", "−0.75")),
        (Row("", 5400, 40, LENGTH), ("1 h 30 min", "40 s", "+1 h 29 min")),
        (Row("", 1234.5, 0, MONEY), ("$1,234.50", "$0.00", "+$1,234.50")),
    ],
)
def test_a_value_stands_beside_the_one_before_with_the_difference(row, cells):
    assert row.cells == cells


@pytest.mark.django_db
def test_everything_that_was_asked_for_is_told_beside_the_week_before():
    a_life(WEEK.before, WEEK)

    said = {
        row.label: row.cells
        for section in presenting.sections(remember(WEEK, now=NOON))
        for row in section.rows
        if not row.is_part
    }

    assert said["Fell due"][:2] == ("7", "3")  # three of each in their week, a fourth one later
    assert said["Crisis follow-up"] == ("2", "1", "+1")
    assert said["Reply rate"] == ("100.0%", "100.0%", "same")
    assert said["Gate hit rate"] == ("25.0%", "25.0%", "same")
    assert said["Per thousand texts sent"] == ("1000.00", "1000.00", "same")
    assert said["Opened"] == ("2", "1", "+1")
    assert said["Median time to claim"] == ("5 min", "5 min", "same")
    assert said["Segments"] == ("2", "1", "+1")
    assert said["Everybody"] == ("3", "–", "–")
    assert {"Sent", "Sent late", "Share", "Median time to reply", "Cost", "Crisis"} <= set(said)


@pytest.mark.django_db
def test_it_holds_nothing_about_a_person_and_fits_a_terminal():
    a_life(WEEK.before, WEEK)

    text = presenting.as_text(remember(WEEK, now=NOON))

    assert "Week 2026-W53, 28 Dec 2026 to 3 Jan 2027" in text
    assert not [one for one in PRIVATE if one in text]
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.django_db
def test_an_empty_service_has_a_report_too():
    report = remember(WEEK, now=NOON)

    assert presenting.sections(report)[0].title == "Crisis follow-ups"
    assert [one.name for one in presenting.charts(report)] == ["texts"]
