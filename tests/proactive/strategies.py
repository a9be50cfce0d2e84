"""Random people, near the edges of the policy so that something is often due."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from caregiving.models import BurnoutBand, Caregiver
from proactive.cadences import BY_NAME
from proactive.models import Status
from tests.factories import MessageFactory
from tests.proactive.people import DAY, DUE, HOUR, MOMENT, person

# Every duration in the policy, and a few that are none.
EDGES = [
    *(hours * HOUR for hours in (0, 1, 12, 24, 36, 48, 60, 72)),
    *(days * DAY for days in (4, 5, 6, 6.5, 7, 8, 10, 13.5, 14, 16, 20.5, 21, 25, 28, 30)),
    *(days * DAY for days in (30.5, 31, 33, 35, 40, 42, 50, 84, 100)),
]
NEAR = [timedelta(), -MOMENT, MOMENT, HOUR, -HOUR, 5 * HOUR, -7 * HOUR]
ZONES = ["UTC", "America/New_York", "America/Chicago", "Pacific/Honolulu", "Asia/Kolkata"]


def checked(examples: int) -> Any:
    """Repeatable, and without a deadline: how fast a machine is says nothing about the policy."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        # Not shrunk: an example costs a sweep, and the people in it can be read as they are.
        phases=[Phase.explicit, Phase.generate, Phase.target],
        suppress_health_check=list(HealthCheck),
    )


def mostly(usual: Any, other: st.SearchStrategy) -> st.SearchStrategy:
    return st.one_of(st.just(usual), st.just(usual), st.just(usual), other)


# Around both changes of the clocks in the United States, and mostly at times of day at which
# something may be sent.
instants = st.builds(
    lambda day, seconds: datetime(2027, 1, 1, tzinfo=UTC) + day * DAY + timedelta(seconds=seconds),
    st.sampled_from([4, 70, 72, 73, 200, 309, 310, 311]),
    st.one_of(
        st.sampled_from([15 * 3600, 16 * 3600, 17 * 3600]),
        st.integers(11 * 3600, 20 * 3600),
        st.integers(0, 86399),
    ),
)


def ago(now: datetime) -> st.SearchStrategy:
    return st.builds(
        lambda edge, near: now - edge + near, st.sampled_from(EDGES), st.sampled_from(NEAR)
    )


def fields(now: datetime) -> st.SearchStrategy:
    past = ago(now)
    count = lambda most: st.one_of(st.none(), st.integers(0, most))  # noqa: E731
    return st.fixed_dictionaries(
        {
            "journey_phase": mostly("active", st.sampled_from(["onboarding", "churned"])),
            "burnout_band": st.sampled_from(["", *BurnoutBand.values]),
            "wellness_opt_in": st.booleans(),
            "first_name": mostly("Ada", st.just("")),
            "time_zone": mostly("UTC", st.sampled_from([*ZONES, "", "America/Chicgo"])),
            "zip_code": mostly("60601", st.just("")),
            "created_at": past,
            "last_contact_at": st.one_of(st.none(), past, past),
            "last_crisis_event_at": st.one_of(st.none(), past),
            "last_assessment_at": st.one_of(st.none(), past),
            "last_proactive_message_at": st.one_of(st.none(), past, past),
            "crisis_followup_count": count(7),
            "reactivation_message_count": count(3),
            "assessment_reminder_count": count(2),
            "onboarding_nudge_count": count(2),
            "opted_out_at": mostly(None, past),
            "unreachable_at": mostly(None, past),
            "outreach_paused_until": mostly(
                None, st.sampled_from([now - DAY, now, now + MOMENT, now + 3 * DAY])
            ),
        }
    )


def nearly_due(now: datetime) -> st.SearchStrategy:
    """Fields that make one cadence due at about `now`, with some others changed at random."""
    return st.builds(
        lambda cadence, later, noise, changed: (
            {"created_at": now - 2 * DAY}
            | DUE[cadence](now - later)
            | {field: noise[field] for field in changed}
        ),
        st.sampled_from(list(DUE)),
        mostly(0 * HOUR, st.sampled_from([2 * HOUR, -5 * HOUR, DAY, 6 * DAY])),
        fields(now),
        st.sets(st.sampled_from(FIELDS), max_size=2),
    )


FIELDS = [
    *("journey_phase", "burnout_band", "wellness_opt_in", "first_name", "time_zone", "zip_code"),
    *("last_contact_at", "last_crisis_event_at", "last_assessment_at"),
    *("last_proactive_message_at", "crisis_followup_count", "reactivation_message_count"),
    *("assessment_reminder_count", "onboarding_nudge_count", "opted_out_at"),
    *("outreach_paused_until", "unreachable_at"),
]

earlier_texts = st.lists(
    st.tuples(
        st.sampled_from(["crisis_followup", "dormant_reactivation", "onboarding_nudge"]),
        st.integers(1, 2),
        st.sampled_from(Status.values),
    ),
    max_size=2,
    unique_by=lambda text: text[:2],
)


def populations(now: datetime, *, most: int, texts: bool = True) -> st.SearchStrategy:
    """Lists of (fields, earlier texts), for `create`."""
    return st.lists(
        st.tuples(
            st.one_of(fields(now), nearly_due(now), nearly_due(now)),
            mostly([], earlier_texts) if texts else st.just([]),
        ),
        min_size=most // 2,
        max_size=most,
    )


def create(population: list[tuple[dict[str, Any], list]], now: datetime) -> dict[str, Caregiver]:
    """Those people, by their numbers, each with at most one text that is waiting."""
    people = {}
    for own, texts in population:
        someone = person(**own)
        waiting = False
        for cadence, stage, status in texts:
            if status in ("queued", "sending"):
                status, waiting = ("sent" if waiting else status), True
            MessageFactory(
                caregiver=someone,
                cadence=cadence,
                stage=stage,
                status=status,
                occasion=BY_NAME[cadence].anchor.of(someone) or now - 9 * DAY,
                queued_at=now - 2 * DAY,
            )
        people[someone.phone_number] = someone
    return people
