"""A changed policy: what can be written, what it says, and that everything lives by it."""

import re
from datetime import timedelta

import pytest

from proactive import cadences
from proactive.cadences import BY_NAME, CADENCES, WELLNESS
from proactive.clocks import MINUTE, Window
from proactive.explaining import explain
from proactive.forecasting import forecast
from proactive.models import CadenceSwitch
from proactive.simulation import policy
from proactive.sweeps import run_sweep
from tests.proactive.people import DAY, HOUR, MOMENT, NOON, due_for, person, sweep, undone

pytestmark = pytest.mark.django_db


def changed(*texts):
    return policy.changed(policy.parse(texts))


def declared():
    """All that today's policy is, down to what is worked out of it."""
    return [
        (
            *(one.tiers, one.window, one.quiet, one.due),
            *((step.due, step.limit, *_meant(one.rules(step))) for step in one.steps),
        )
        for one in CADENCES
    ]


def _meant(rules):
    return [rule.means for rule in rules]


# --- As it is written ---


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("wellness.high.every=4d", 4 * DAY),
        ("wellness.high.silence=36h", 36 * HOUR),
        ("assessment_reminder.quiet=90m", 90 * MINUTE),
        (" crisis_followup.window = 9-20 ", Window(9, 20)),
        ("crisis_followup.window=09:00-20:00", Window(9, 20)),
        ("onboarding_nudge.due=2d, 4d", (2 * DAY, 4 * DAY)),
        ("dormant_reactivation=off", False),
        ("everything=on", True),
        ("reservation.within=6h", 6 * HOUR),
    ],
)
def test_a_change_is_read_as_it_is_written(text, value):
    [change] = policy.parse([text])
    assert change.value == value
    assert policy.parse([str(change)]) == [change]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("wellness", "does not say to what it is changed: write wellness.high.every=4d"),
        ("wellness.high.every=", "does not say to what it is changed"),
        (
            "welness.high.every=4d",
            "There is no cadence 'welness': choose from everything, crisis_followup, wellness, "
            "dormant_reactivation, assessment_reminder, onboarding_nudge, reservation.",
        ),
        (
            "wellness.higher.every=4d",
            "wellness has no tier 'higher': choose from crisis_recent, crisis, high, moderate, "
            "well.",
        ),
        (
            "crisis_followup.silence=4d",
            "There is no crisis_followup.silence to change: choose from crisis_followup.due, "
            "crisis_followup.window, crisis_followup.quiet, or write crisis_followup=off.",
        ),
        ("everything.window=9-20", "write everything=off or everything=on"),
        ("reservation=off", "choose from reservation.within."),
        ("wellness.high.every=four days", "is no length of time: write 36h, 3d or 90m"),
        ("wellness.high.every=4.5d", "is no length of time"),
        ("wellness.high.every=-4d", "is no length of time"),
        ("wellness.high.every=23h", "too short: write 1d or more. Nobody gets two texts within"),
        ("wellness.high.silence=366d", "too long: write at most 365d"),
        ("crisis_followup.window=20-9", "closes before it opens"),
        ("crisis_followup.window=9-9", "closes before it opens"),
        ("crisis_followup.window=9-24", "ends too late: write at most 23"),
        ("crisis_followup.window=9:30-20", "write whole hours, such as 9-20"),
        ("onboarding_nudge.due=2d", "has 2 stages, and 2d names 1: write 2 lengths of time"),
        ("onboarding_nudge.due=4d,2d", "is not in order"),
        ("onboarding_nudge.due=2d,2d", "is not in order"),
        ("onboarding_nudge.due=0d,2d", "too short: write 1m or more."),
        (
            "onboarding_nudge.due=2d,6d",
            "the last stage falls due after 6 days, but all is over after 6 days: write less "
            "than 6d",
        ),
        ("dormant_reactivation=false", "is on or off, not 'false'"),
    ],
)
def test_what_cannot_be_changed_says_what_to_write_instead(text, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        policy.parse([text])


def test_one_setting_is_changed_once():
    with pytest.raises(ValueError, match=r"wellness\.high\.every is changed twice: write it once"):
        policy.parse(["wellness.high.every=4d", "wellness.high.every=5d"])


def test_every_setting_can_be_written_as_it_is_today_and_changes_nothing():
    settings = policy.settable()
    changes = policy.parse(f"{one.key}={one.text}" for one in settings)
    assert [(one.key, one.value) for one in changes] == [(one.key, one.value) for one in settings]
    before = declared()
    with policy.changed(changes):
        assert declared() == before


def test_each_cadence_and_each_tier_can_be_changed():
    keys = {one.key for one in policy.settable()}
    for cadence in CADENCES:
        assert {cadence.name, f"{cadence.name}.window", f"{cadence.name}.quiet"} <= keys
        assert (f"{cadence.name}.due" in keys) == bool(cadence.due)
        for tier in cadence.tiers:
            name = f"{cadence.name}.{tier.name}"
            assert {f"{name}.every", f"{name}.silence"} <= keys


# --- In words ---


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "wellness.high.every=4d",
            "Wellness check-in, tier high: every 4 days instead of 3 days",
        ),
        (
            "wellness.crisis_recent.silence=90m",
            "Wellness check-in, tier crisis recent: after 1 hour 30 minutes of silence instead of "
            "2 days",
        ),
        (
            "crisis_followup.window=9-20",
            "Crisis follow-up: texts go out 09:00-20:00 instead of 08:00-21:00",
        ),
        (
            "onboarding_nudge.due=2d,4d",
            "Onboarding nudge: due 2 days and 4 days after sign-up instead of 2 days and 5 days",
        ),
        (
            "assessment_reminder.quiet=12h",
            "Assessment reminder: whoever wrote is left alone for 12 hours instead of 24 hours",
        ),
        ("dormant_reactivation=off", "Dormant reactivation: off instead of on"),
        (
            "reservation.within=0h",
            "Reservation: the slot is kept free from 0 minutes before a crisis follow-up instead "
            "of 12 hours",
        ),
        ("wellness.high.every=72h", "Wellness check-in, tier high: every 3 days, as today"),
    ],
)
def test_a_change_is_told_with_what_it_is_instead_of(text, words):
    [change] = policy.parse([text])
    assert policy.in_words(change) == words


def test_a_switch_that_is_off_is_told_as_it_is():
    CadenceSwitch.objects.create(cadence="wellness", is_on=False)
    changes = policy.parse(["wellness=on", "everything=on"])
    assert policy.describe(changes) == [
        "Wellness check-in: on instead of off",
        "All sending: on, as today",
    ]


# --- Applied ---


def test_a_longer_interval_lets_a_check_in_wait_a_day_more():
    person(burnout_band="high", last_proactive_message_at=NOON - 3 * DAY)
    with undone():
        assert sweep() == [("wellness", "high")]
    with changed("wellness.high.every=4d"):
        assert sweep() == []
        assert sweep(NOON + DAY - MOMENT) == []
        assert sweep(NOON + DAY) == [("wellness", "high")]


def test_a_longer_silence_lets_it_wait_for_that():
    person(burnout_band="high", last_contact_at=NOON - 2 * DAY)
    with changed("wellness.high.silence=60h"):
        assert sweep(NOON + 12 * HOUR - MOMENT - 5 * HOUR) == []
        assert sweep(NOON + DAY) == [("wellness", "high")]
    assert sweep(NOON) == []


def test_another_tier_stays_as_it_is():
    person(
        burnout_band="moderate",
        last_proactive_message_at=NOON - 7 * DAY,
        last_contact_at=NOON - 4 * DAY,
        created_at=NOON - 90 * DAY,
    )
    with changed("wellness.high.every=30d"):
        assert sweep() == [("wellness", "moderate")]


def test_a_narrower_window_lets_texts_wait_until_it_opens():
    due_for("crisis_followup", NOON)
    with changed("crisis_followup.window=14-20"):
        assert sweep() == []
        assert sweep(NOON + 2 * HOUR) == [("crisis_followup", 1)]


def test_a_wider_window_lets_them_go_earlier():
    early = NOON - 5 * HOUR
    due_for("crisis_followup", early)
    with undone():
        assert sweep(early) == []
    with changed("crisis_followup.window=7-21"):
        assert sweep(early) == [("crisis_followup", 1)]


def test_a_stage_falls_due_when_the_change_says():
    someone = person(first_name="", created_at=NOON - 4 * DAY, onboarding_nudge_count=1)
    with undone():
        assert sweep() == []
    with changed("onboarding_nudge.due=2d,4d"):
        assert sweep() == [("onboarding_nudge", 2)]
        told = {one["cadence"]: one for one in explain(someone, now=NOON - DAY)["cadences"]}
        assert told["onboarding_nudge"]["stage"] == 1


def test_the_forecast_follows():
    someone = person(
        first_name="",
        created_at=NOON - 3 * DAY,
        onboarding_nudge_count=1,
        last_contact_at=NOON - 2 * DAY,
    )
    with changed("onboarding_nudge.due=2d,4d"):
        texts = forecast(someone, now=NOON, days=2)["messages"]
    assert [(text["at"], text["cadence"], text["stage"]) for text in texts] == [
        (NOON + DAY, "onboarding_nudge", 2)
    ]


def test_whoever_wrote_is_left_alone_for_as_long_as_the_change_says():
    due_for("assessment_reminder", last_contact_at=NOON - 13 * HOUR)
    with undone():
        assert sweep() == []
    with changed("assessment_reminder.quiet=12h"):
        assert sweep() == [("assessment_reminder", 1)]


def test_a_slot_is_kept_free_for_as_long_as_the_change_says():
    """A follow-up falls due in eight hours; a check-in is due now."""
    person(
        burnout_band="high",
        created_at=NOON - 90 * DAY,
        last_contact_at=NOON - 64 * HOUR,
        last_crisis_event_at=NOON - 64 * HOUR,
        crisis_followup_count=1,
    )
    with undone():
        assert sweep() == []
    with changed("reservation.within=6h"), undone():
        assert sweep() == [("wellness", "high")]
    # Also the rule of a follow-up that falls due at another time.
    with changed("crisis_followup.due=1d,4d,7d,14d,21d,28d,35d"):
        assert sweep() == [("wellness", "high")]


def test_a_cadence_that_is_off_sends_nothing_and_the_others_do():
    due_for("dormant_reactivation")
    due_for("assessment_reminder")
    with changed("dormant_reactivation=off"):
        swept = run_sweep(now=NOON, dry_run=True)
        assert swept.counts["queued"]["dormant_reactivation"] == 0
        assert swept.counts["queued"]["assessment_reminder"] == 1
        assert swept.counts["deferred"]["dormant_reactivation"] == {"switch": 1}


def test_a_switch_that_is_off_today_can_be_on():
    CadenceSwitch.objects.create(cadence="everything", is_on=False, halted=True, reason="broken")
    due_for("dormant_reactivation")
    with changed("everything=on"), undone():
        assert sweep() == [("dormant_reactivation", 1)]
    assert sweep() == []


# --- Put back ---


def test_everything_is_put_back():
    before, reservation = declared(), cadences.RESERVATION
    texts = [
        "wellness.high.every=4d",
        "crisis_followup.window=9-20",
        "assessment_reminder.quiet=12h",
        "onboarding_nudge.due=2d,4d",
        "reservation.within=6h",
    ]
    with changed(*texts):
        during = declared()
        assert [one.text for one in policy.settable() if f"{one.key}={one.text}" in texts] == [
            text.partition("=")[2] for text in sorted(texts, key=_declared_first)
        ]
    assert during != before
    assert declared() == before
    assert (12 * HOUR, reservation) == (cadences.KEPT_FREE, cadences.RESERVATION)


def _declared_first(text):
    return [one.key for one in policy.settable()].index(text.partition("=")[0])


def test_it_is_put_back_also_where_the_block_breaks():
    with pytest.raises(RuntimeError), changed("wellness.high.every=4d"):
        raise RuntimeError
    assert {tier.name: tier.every for tier in WELLNESS.tiers}["high"] == timedelta(days=3)


def test_switches_are_put_back():
    CadenceSwitch.objects.create(cadence="wellness", is_on=False, reason="on holiday")
    with changed("wellness=on", "dormant_reactivation=off"):
        states = CadenceSwitch.objects.order_by("cadence").values_list("cadence", "is_on")
        assert list(states) == [("dormant_reactivation", False), ("wellness", True)]
    rows = CadenceSwitch.objects.values_list("cadence", "is_on", "reason")
    assert list(rows) == [("wellness", False, "on holiday")]


def test_the_declarations_stay_the_same_objects():
    objects = [id(one) for one in CADENCES]
    with changed("wellness.high.every=4d"):
        assert [id(one) for one in BY_NAME.values()] == objects
