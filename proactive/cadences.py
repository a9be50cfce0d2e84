"""The whole policy on one screen: the five cadences, highest priority first.

Durations are exact (a day is 24 hours, counted in UTC); windows are local hours of the recipient.
A stage is current from its due time until the next stage's, so the time since the anchor alone
names the one current stage, and it is owed while the counter is below it.
"""

from proactive.clocks import (
    ASSESSMENT,
    CRISIS,
    DAY,
    HOUR,
    LAST_TEXT,
    MINUTE,
    SIGN_UP,
    SILENCE,
    Window,
)
from proactive.declaring import Cadence, Tier, reserved_for
from proactive.rules import (
    ACTIVE,
    BAND_HIGH,
    BAND_MODERATE,
    CASCADE,
    CHURN_AFTER,
    IN_LASTING_CRISIS,
    IN_RECENT_CRISIS,
    NO_OPEN_CASCADE,
    NOT_CHURNED,
    PROFILE_INCOMPLETE,
    SIGNED_UP,
    WELL_AND_ASKED,
)

CRISIS_FOLLOWUP = Cadence(
    name="crisis_followup",
    label="Crisis follow-up",
    purpose="Seven texts over five weeks after a crisis.",
    who=(NOT_CHURNED,),
    anchor=CRISIS,
    due=(24 * HOUR, 72 * HOUR, 7 * DAY, 14 * DAY, 21 * DAY, 28 * DAY, 35 * DAY),
    until=CASCADE,
    counter="crisis_followup_count",
    window=Window(8, 21),
    quiet=60 * MINUTE,
    vital=True,
)

# Every other cadence keeps the slot free from so long before a crisis follow-up falls due.
KEPT_FREE = 12 * HOUR
RESERVATION = reserved_for(CRISIS_FOLLOWUP, within=KEPT_FREE)

WELLNESS = Cadence(
    name="wellness",
    label="Wellness check-in",
    purpose="As often as the person's burnout band calls for.",
    who=(ACTIVE,),
    anchor=LAST_TEXT,
    tiers=(
        Tier("crisis_recent", IN_RECENT_CRISIS, every=1 * DAY, silence=2 * DAY),
        Tier("crisis", IN_LASTING_CRISIS, every=7 * DAY, silence=3 * DAY),
        Tier("high", BAND_HIGH, every=3 * DAY, silence=2 * DAY),
        Tier("moderate", BAND_MODERATE, every=7 * DAY, silence=3 * DAY),
        Tier("well", WELL_AND_ASKED, every=14 * DAY, silence=3 * DAY),
    ),
    window=Window(9, 20),
    quiet=24 * HOUR,
    yields=(RESERVATION,),
)

DORMANT_REACTIVATION = Cadence(
    name="dormant_reactivation",
    label="Dormant reactivation",
    purpose="Three texts after silence, then it stops for good.",
    who=(ACTIVE, NO_OPEN_CASCADE),
    anchor=SILENCE,
    due=(7 * DAY, 14 * DAY, 30 * DAY),
    until=CHURN_AFTER,
    counter="reactivation_message_count",
    window=Window(11, 20),
    quiet=24 * HOUR,
    yields=(RESERVATION,),
    ends_in_churn=True,
)

ASSESSMENT_REMINDER = Cadence(
    name="assessment_reminder",
    label="Assessment reminder",
    purpose="Two reminders that it is time for a new self-assessment.",
    who=(ACTIVE,),
    anchor=ASSESSMENT,
    due=(7 * DAY, 14 * DAY),
    until=21 * DAY,
    counter="assessment_reminder_count",
    window=Window(9, 20),
    quiet=24 * HOUR,
    yields=(RESERVATION,),
)

ONBOARDING_NUDGE = Cadence(
    name="onboarding_nudge",
    label="Onboarding nudge",
    purpose="Two nudges to complete a profile that was begun.",
    who=(SIGNED_UP, PROFILE_INCOMPLETE),
    anchor=SIGN_UP,
    due=(48 * HOUR, 5 * DAY),
    until=6 * DAY,
    counter="onboarding_nudge_count",
    window=Window(9, 20),
    quiet=24 * HOUR,
    yields=(RESERVATION,),
)

CADENCES: tuple[Cadence, ...] = (
    CRISIS_FOLLOWUP,
    WELLNESS,
    DORMANT_REACTIVATION,
    ASSESSMENT_REMINDER,
    ONBOARDING_NUDGE,
)
BY_NAME: dict[str, Cadence] = {cadence.name: cadence for cadence in CADENCES}
