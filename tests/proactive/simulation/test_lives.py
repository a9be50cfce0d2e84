import itertools
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from caregiving.intents import Intent, read_intent
from caregiving.models import Caregiver
from proactive.simulation.answers import STOPS, WORDS, answer
from proactive.simulation.happenings import Kind, Person
from proactive.simulation.lives import happenings
from proactive.simulation.people import draw_people
from proactive.simulation.spec import Spec

DAY = timedelta(days=1)
SPEC = Spec(seed=7, people=1000, days=120, starts=datetime(2027, 1, 10, tzinfo=UTC))
PEOPLE = draw_people(SPEC)
LIVES = {one.key: list(happenings(one, SPEC)) for one in PEOPLE}
EVERYTHING = [happening for life in LIVES.values() for happening in life]


def of(kind: Kind, happened=EVERYTHING) -> list:
    return [one for one in happened if one.kind == kind]


def texter(**traits) -> Person:
    row = {"created_at": SPEC.starts, "journey_phase": "active", "language": "en"}
    return Person(key=1, number="+12125550001", zone="Europe/London", row=row, **traits)


# --- What happens ---


def test_the_same_specification_gives_the_same_lives():
    assert {one.key: list(happenings(one, SPEC)) for one in draw_people(SPEC)} == LIVES


def test_a_life_is_the_same_in_every_shard():
    shards = [replace(SPEC, shards=2, shard=shard) for shard in range(2)]

    assert {
        one.key: list(happenings(one, spec)) for spec in shards for one in draw_people(spec)
    } == LIVES


def test_in_a_silent_world_nothing_happens():
    silent = replace(SPEC, silent=True)

    assert all(list(happenings(one, silent)) == [] for one in PEOPLE[:50])
    assert answer(texter(answers=1.0), silent, nth=1, at=SPEC.starts) is None


def test_happenings_are_told_in_order_never_two_at_once_and_within_the_world():
    for life in LIVES.values():
        instants = [happening.at for happening in life]
        assert instants == sorted(set(instants))
        assert all(SPEC.starts <= at < SPEC.ends for at in instants)


def test_every_kind_happens():
    assert set(Counter(one.kind for one in EVERYTHING)) == set(Kind)


def test_whoever_is_not_there_signs_up_before_anything_else():
    for one in PEOPLE:
        kinds = [happening.kind for happening in LIVES[one.key]]
        assert kinds.count(Kind.SIGN_UP) == (not one.is_there)
        if not one.is_there:
            assert kinds[0] == Kind.SIGN_UP
            assert LIVES[one.key][0].at == one.row["created_at"]


def test_there_are_as_many_of_each_kind_as_in_a_real_service():
    """A hundred people in 120 days."""
    a_hundred = {kind: len(of(kind)) / 10 for kind in Kind}

    assert 450 < a_hundred[Kind.TEXT] < 750
    assert 30 < a_hundred[Kind.CRISIS] < 50
    assert 60 < a_hundred[Kind.SCORE] < 150
    assert 0.7 < a_hundred[Kind.NUMBER_DIES] < 2.5
    assert 0.7 < sum(_says(one) == Intent.STOP for one in of(Kind.TEXT)) / 10 < 2.5


def test_people_write_as_many_texts_a_week_as_is_theirs():
    year = replace(SPEC, days=364)
    for a_week in (0.25, 2.0):
        people = [replace(texter(writes=a_week), key=key) for key in range(200)]
        texts = sum(len(of(Kind.TEXT, happenings(one, year))) for one in people)

        # A little less where they fall silent, a little more after a crisis.
        assert 0.85 * a_week < texts / 200 / 52 < 1.25 * a_week


def test_people_in_crisis_have_more_crises_than_those_who_thrive():
    def rate(band: str) -> float:
        people = [one for one in PEOPLE if one.row["burnout_band"] == band]
        return sum(len(of(Kind.CRISIS, LIVES[one.key])) for one in people) / len(people)

    assert rate("crisis") > 2 * rate("moderate") > 2 * rate("thriving")


def test_some_have_another_crisis_while_the_cascade_of_the_first_is_open():
    close = 0
    for life in LIVES.values():
        instants = [one.at for one in of(Kind.CRISIS, life)]
        close += any(later - first < 21 * DAY for first, later in itertools.pairwise(instants))

    assert close > 20


def test_some_write_several_texts_within_an_hour_and_are_silent_for_more_than_a_month():
    bursts = silences = 0
    for life in LIVES.values():
        instants = [one.at for one in of(Kind.TEXT, life)]
        gaps = [later - first for first, later in itertools.pairwise(instants)]
        bursts += any(gap < timedelta(hours=1) for gap in gaps)
        silences += any(gap > 31 * DAY for gap in gaps)

    assert bursts > 200
    assert silences > 50


def test_people_mostly_write_when_they_are_awake_where_they_are():
    zones = {one.key: ZoneInfo(one.zone) for one in PEOPLE}
    hours = Counter(one.at.astimezone(zones[one.person]).hour for one in of(Kind.TEXT))
    at_night = sum(hours[hour] for hour in range(1, 6))

    assert 0 < at_night / hours.total() < 0.1


def test_some_instants_are_beats_of_the_clock_and_most_are_odd():
    on_the_beat = sum(
        (one.at - SPEC.starts) % timedelta(minutes=15) == timedelta(0) for one in EVERYTHING
    )
    odd = sum(one.at.microsecond != 0 for one in EVERYTHING)

    assert 0.01 < on_the_beat / len(EVERYTHING) < 0.1
    assert odd / len(EVERYTHING) > 0.85


def test_bands_move_to_their_neighbours_and_into_crisis_and_out_of_it():
    moves = Counter()
    for one in PEOPLE:
        band = one.row["burnout_band"]
        for score in of(Kind.SCORE, LIVES[one.key]):
            moves[band == "crisis", score.data["burnout_band"] == "crisis"] += 1
            band = score.data["burnout_band"]
            assert 0 <= score.data["score"] <= 100

    assert min(moves[before, after] for before in (True, False) for after in (True, False)) > 10


def test_a_dead_number_never_writes_again():
    dead = {one.person: one.at for one in of(Kind.NUMBER_DIES)}

    assert all(one.at < dead.get(one.person, SPEC.ends) for one in of(Kind.TEXT))


def test_after_their_stop_people_write_nothing_but_start():
    said_start = 0
    for life in LIVES.values():
        words = [_says(text) for text in of(Kind.TEXT, life)]
        if Intent.STOP in words:
            after = words[words.index(Intent.STOP) + 1 :]
            assert after == [] or after[0] == Intent.START
            said_start += bool(after)

    assert said_start > 0


def test_a_completed_profile_fills_what_was_missing_and_stays_in_the_zone():
    people = {one.key: one for one in PEOPLE}
    for profile in of(Kind.PROFILE):
        row = people[profile.person].row
        assert all(not row[name] for name in profile.data if name != "journey_phase")
        Caregiver(**row | profile.data, phone_number=people[profile.person].number).clean()
    activated = [one for one in of(Kind.PROFILE) if "journey_phase" in one.data]

    assert {people[one.person].row["journey_phase"] for one in activated} == {"onboarding"}


def _says(text) -> Intent:
    return read_intent(text.data["body"])


# --- What they answer ---


def test_words_are_understood_as_they_are_meant():
    assert {read_intent(words) for words in WORDS} == {Intent.NONE}
    assert {read_intent(words) for words in STOPS} == {Intent.STOP}


def test_an_answer_depends_on_nothing_but_seed_person_and_how_many_texts_they_had():
    one = texter(answers=0.5, stops=0.1)
    answers = [answer(one, SPEC, nth=nth, at=SPEC.starts) for nth in range(50)]

    assert [answer(one, SPEC, nth=nth, at=SPEC.starts) for nth in reversed(range(50))] == answers[
        ::-1
    ]
    later = [answer(one, SPEC, nth=nth, at=SPEC.starts + DAY) for nth in range(50)]
    assert [one and one.at + DAY for one in answers] == [one and one.at for one in later]


def test_people_answer_as_often_as_is_theirs_within_seconds_or_a_day():
    one = texter(answers=0.4, stops=0.25)
    answers = [answer(one, SPEC, nth=nth, at=SPEC.starts) for nth in range(2000)]
    given = [one for one in answers if one]
    delays = [one.at - SPEC.starts for one in given]

    assert 0.35 < len(given) / 2000 < 0.45
    assert 0.18 < sum(_says(one) == Intent.STOP for one in given) / len(given) < 0.32
    assert timedelta(0) < min(delays) < timedelta(minutes=1)
    assert 20 / 24 * DAY < max(delays) <= DAY


def test_nobody_answers_from_a_number_that_is_dead_by_then():
    deaths = [(PEOPLE[one.person - 1], one.at) for one in of(Kind.NUMBER_DIES)]

    for one, at in deaths:
        sure = replace(one, answers=1.0)
        assert answer(sure, SPEC, nth=1, at=at) is None
        assert answer(sure, SPEC, nth=1, at=at - 2 * DAY) is not None
