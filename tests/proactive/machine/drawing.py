"""What hypothesis draws for the machine: people, steps of time, answers, interruptions."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from tests.proactive.machine.interruptions import Interruption
from tests.proactive.machine.numbers import WINDOWS
from tests.proactive.machine.provider import Answer
from tests.proactive.people import DAY, HOUR, MOMENT

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)

# Noons near a change of the clocks somewhere, or far from any.
BEGINNINGS = [
    datetime(2027, 1, 5, 12, tzinfo=UTC),
    datetime(2027, 3, 13, 12, tzinfo=UTC),  # New York goes ahead on the 14th, 07:00 UTC
    datetime(2026, 10, 31, 12, tzinfo=UTC),  # and back on the 1st, 06:00 UTC
    datetime(2026, 10, 3, 12, tzinfo=UTC),  # Sydney goes ahead at 16:00 UTC
    datetime(2027, 4, 3, 12, tzinfo=UTC),  # and back at 16:00 UTC
]
# Each of those changes with the places of PLACES, by number, that it happens in.
WHERE_CLOCKS_CHANGE = [(1, 0), (1, 4), (2, 0), (2, 4), (3, 1), (4, 1)]
CHANGES_OF_CLOCKS = [
    datetime(2026, 10, 3, 16, tzinfo=UTC),
    datetime(2026, 11, 1, 6, tzinfo=UTC),
    datetime(2027, 3, 14, 7, tzinfo=UTC),
    datetime(2027, 4, 3, 16, tzinfo=UTC),
]
# Fields of a new person, and where they are then.
PLACES = [
    ({"time_zone": "America/New_York"}, ["America/New_York"]),
    ({"time_zone": "Australia/Sydney"}, ["Australia/Sydney"]),
    ({"time_zone": "Asia/Kolkata"}, ["Asia/Kolkata"]),
    ({"zip_code": "96813"}, ["Pacific/Honolulu"]),
    ({"zip_code": "10001"}, ["America/New_York"]),
]
STEPS = [
    *(timedelta(), MOMENT, MINUTE, 10 * MINUTE, HOUR - SECOND, HOUR, 12 * HOUR),
    *(DAY - MOMENT, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 31 * DAY),
]
# How late the news of something comes.
LATE = [timedelta(), timedelta(), timedelta(), MOMENT, MINUTE, HOUR, DAY, 3 * DAY, 8 * DAY]
BANDS = ["crisis", "crisis", "high", "moderate", "mild"]
NEWS = ["contact", "contact", "a crisis", "a crisis", *BANDS]
WORDS = ["STOP", "START", "START", "thank you", "HELP", "stop it please"]
ABOUT_A_NUMBER = ["opted out", "opted in", "opted in", "dead", "alive"]
ACTS = [
    *("end", "reset", "reset", "restart", "reactivate", "clear", "pause", "no pause"),
    *("number", "profile"),
]
# Whose counter staff can set to 0.
RESETTABLE = ("crisis_followup", "dormant_reactivation")
CARE = ["off", "on", "on", "pause", "mend", "mend", "go on", "resolve"]
# Twilio's words with a code, one of the future among them.
REPORTS = [
    *(("delivered", ""), ("delivered", ""), ("sent", ""), ("queued", ""), ("read", "")),
    *(("undelivered", "30005"), ("undelivered", "30008"), ("failed", "21610"), ("failed", "30034")),
    *(("canceled", ""), ("pondering", "")),
]

cadences = st.sampled_from(list(WINDOWS))
steps = st.sampled_from(STEPS)
places = st.sampled_from(range(len(PLACES)))
late = st.sampled_from(LATE)
few = st.integers(1, 3)
# When something is done: at once, after a while, as soon as somebody is due by the reference, or at
# the next instant at which something may begin or end for anybody.
DUE, EDGE = "due", "edge"
moments = st.sampled_from(
    [*(DUE, DUE, DUE, DUE, EDGE, EDGE, EDGE), *(timedelta(), timedelta(), MINUTE, 13 * HOUR)]
)

meanwhile = st.sampled_from(["", "", "tick", "report", "stop", "crisis", "wrote", "off", "sweep"])
answers = st.one_of(
    st.builds(
        Answer,
        says=st.just("accepted"),
        seconds=st.sampled_from([0, 0, 1, 45]),
        meanwhile=meanwhile,
        lag=st.sampled_from([timedelta(), 3 * HOUR]),
    ),
    st.builds(
        Answer,
        takes=st.booleans(),
        says=st.sampled_from(["unknown", "crash"]),
        seconds=st.sampled_from([0, 15]),
        meanwhile=meanwhile,
        lag=st.sampled_from([timedelta(), 90 * MINUTE, 3 * HOUR, 30 * HOUR]),
    ),
    st.builds(
        lambda refusal, meanwhile: Answer(False, *refusal, meanwhile=meanwhile),
        st.sampled_from(
            [
                ("opted out", "21610"),
                ("rejected", "21614"),
                ("rejected", "30007"),
                ("misconfigured", "30034"),
                ("busy", "20429"),
                ("busy", "20429"),
            ]
        ),
        meanwhile,
    ),
)
scripts = st.lists(answers, min_size=1, max_size=3)


def interruptions(most: int) -> st.SearchStrategy:
    """Mostly none, else one at a statement up to the number `most`."""
    at = st.integers(1, most)
    seconds = st.sampled_from([1, 3, 400, 25 * 3600])
    others = st.sampled_from(["tick", "sweep", "stop", "crisis", "wrote", "reconcile", "off"])
    return st.one_of(
        st.none(),
        st.none(),
        st.none(),
        st.builds(Interruption, st.sampled_from(["before", "after", "error"]), at),
        st.builds(Interruption, st.just("stall"), at, seconds),
        st.builds(Interruption, st.just("meanwhile"), at, st.just(0), others),
    )
