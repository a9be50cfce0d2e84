"""What is commonly written about who is texted when, and costs somebody a text."""

from enum import StrEnum


class Habit(StrEnum):
    """What is commonly written, and why. Mended: what is written once it has hurt."""

    # `days == 7` reads like the plan it was written from, and nobody is found twice.
    # Mended: from its milestone until the next; the latest one counts.
    WINDOWS = "one-day windows"
    # `count == stage - 1` keeps the stages in order. Mended: `count < stage`.
    IN_STEP = "counters in step"
    # The column came later and is filled by the event that begins the cadence; the silence of
    # people who never wrote begins without an event. Mended: a counter that is not there is 0.
    UNDEFINED = "undefined counters"
    # "Already texted today? Then skip": the job is done with this person.
    # Mended: whoever is blocked is put aside, and tried again in each run until the next stage.
    DROPS = "blocked is dropped"
    # One check for all: who has just talked to us needs no text from a machine.
    # Mended: a crisis follow-up waits only while a conversation is live (60 minutes).
    CONTACT = "contact blocks everything"
    # One failed text must not stop the job: caught, logged, next. Mended: a text that was
    # certainly not taken is put aside; any other outcome counts as sent.
    NO_RETRY = "errors are only logged"
    # A cron job has no memory of runs that did not happen.
    # Mended: a run that was missed is made up as soon as there is a tick.
    MISSED = "missed runs stay missed"
    # A crontab line knows one zone. Mended: everybody's run is at 11:00 where they live, or when
    # it is made up, before 20:00.
    UTC_HOURS = "hours of UTC"


# What everybody asks about first: the policy is told once more without each of these.
NAMED = (Habit.WINDOWS, Habit.UNDEFINED, Habit.DROPS, Habit.CONTACT)
# Harsher than it needs to be: whoever misses one stage gets no other. So it is told apart.
HARSH = Habit.IN_STEP


def variants() -> dict[str, list[str]]:
    """Rows of the comparison by name, each with the habits that are mended in it."""
    return {
        "the policy as commonly written": [HARSH.value],
        **{f"- without {habit}": [HARSH.value, habit.value] for habit in NAMED},
        "- without any of its habits": [habit.value for habit in Habit],
        f"- and with {HARSH}": [],
    }
