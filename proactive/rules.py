"""The named conditions under which a text may go out.

A rule is a sentence and a `Q`. The sweep filters by the conjunction of a step's rules, `explain`
annotates one row with each, and `forecast` reads them for later instants: one declaration, so the
three cannot disagree.

To keep a `Q` readable for all of them, rules are written without negation, compare a field with
`now` minus a duration, and say what null means.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache, reduce
from operator import and_
from zoneinfo import ZoneInfo

from django.db.models import Case, CharField, Exists, F, OuterRef, Q, When

from caregiving import zones
from caregiving.models import BurnoutBand, Caregiver, JourneyPhase
from proactive import matching
from proactive.clocks import CRISIS, DAY, HOUR, SILENCE, Window, duration, local, places
from proactive.lookups import OneOf, row_by_row
from proactive.models import WAITING, Message
from proactive.prepared import Moment, Placeholder, Values

GATE = 24 * HOUR
CHURN_AFTER = 31 * DAY
CASCADE = 42 * DAY  # from a crisis until its last follow-up has had its time
RECENT_CRISIS = 7 * DAY


@dataclass(frozen=True)
class Rule:
    """One condition.

    `condition(now)` is the `Q` that a row must meet. `says(caregiver, now)` puts the state of the
    row into a sentence with its numbers, true whether the rule holds or not. `means`: the condition
    in general terms, said of nobody in particular. `asked_again` tells whether delivery asks once
    more; it does not where the claim itself has changed the answer.
    """

    name: str
    condition: Callable[[datetime], Q]
    says: Callable[[Caregiver, datetime], str]
    asked_again: bool = True
    # Only where SQL asks what Python knows already of one person:
    test: Callable[[Caregiver, datetime], bool] | None = None
    changes: Callable[[Caregiver, datetime], Iterator[datetime]] | None = None
    means: str = ""

    def holds(self, caregiver: Caregiver, now: datetime) -> bool:
        return self._test(now)(caregiver)

    def parted(
        self, people: list[Caregiver], now: datetime
    ) -> tuple[list[Caregiver], list[Caregiver]]:
        """For whom it `holds`, and for whom not: what it compares with is worked out once."""
        test = self._test(now)
        they: list[Caregiver] = []
        others: list[Caregiver] = []
        for one in people:
            (they if test(one) else others).append(one)
        return they, others

    def _test(self, now: datetime) -> Callable[[Caregiver], bool]:
        if (test := self.test) is not None:
            return lambda caregiver: test(caregiver, now)
        return matching.test(self.condition(now))

    def next_change(self, caregiver: Caregiver, now: datetime) -> datetime | None:
        """The first instant after `now` at which the answer may differ; None if never."""
        if self.changes is not None:
            instants = self.changes(caregiver, now)
        elif self.test is not None:
            return None
        else:
            instants = matching.turning_points(self.condition(now), caregiver, now=now)
        return min((instant for instant in instants if instant > now), default=None)


def conjunction(rules: tuple[Rule, ...], now: datetime) -> Q:
    return reduce(and_, (rule.condition(now) for rule in rules))


# --- What a person's other texts say ---


@dataclass(frozen=True)
class Standing:
    """What two rules ask of the messages of one person; SQL asks with a subquery instead."""

    is_waiting: bool = False
    taken: frozenset[tuple[str, int | None, datetime | None]] = frozenset()


def look_up_standing(caregiver: Caregiver) -> None:
    """Read a person's standing, for `explain`, `forecast` and what staff do."""
    look_up_standings([caregiver])


def look_up_standings(people: list[Caregiver]) -> None:
    """The same for several at once, in one query.

    Of texts that are over, only those of occasions that a row still tells of: an anchor is one of
    its instants, so no rule asks for others, and in years they become thousands.
    """
    values = (
        getattr(caregiver, field.attname)
        for caregiver in people
        for field in Caregiver._meta.concrete_fields
    )
    occasions = {value for value in values if isinstance(value, datetime)}
    rows = (
        Message.objects.standing()
        .filter(Q(status__in=WAITING) | Q(occasion__in=occasions), caregiver__in=people)
        .values_list("caregiver_id", "cadence", "stage", "occasion", "status")
    )
    texts: dict[int, list[tuple[str, int | None, datetime | None, str]]] = {}
    for key, *text in rows:
        texts.setdefault(key, []).append(tuple(text))  # type: ignore[arg-type]
    for caregiver in people:
        own = texts.get(caregiver.pk, [])
        caregiver.standing = Standing(  # type: ignore[attr-defined]
            is_waiting=any(status in WAITING for *_, status in own),
            taken=frozenset((cadence, stage, occasion) for cadence, stage, occasion, _ in own),
        )


def standing(caregiver: Caregiver) -> Standing:
    return getattr(caregiver, "standing", Standing())


# --- Rules over all cadences ---


def _consent_says(caregiver: Caregiver, now: datetime) -> str:
    if caregiver.opted_out_at is None:
        return "has not opted out"
    return f"opted out {local(caregiver.opted_out_at, caregiver)}"


CONSENT = Rule(
    "consent",
    lambda now: Q(opted_out_at__isnull=True),
    _consent_says,
    means="has not opted out",
)


def _pause_says(caregiver: Caregiver, now: datetime) -> str:
    until = caregiver.outreach_paused_until
    if until is None:
        return "not paused by staff"
    verb = "paused" if until > now else "was paused"
    return f"{verb} by staff until {local(until, caregiver)}"


PAUSE = Rule(
    "pause",
    lambda now: Q(outreach_paused_until__isnull=True) | Q(outreach_paused_until__lte=now),
    _pause_says,
    means="texts to them are not paused by staff",
)


def _reachable_says(caregiver: Caregiver, now: datetime) -> str:
    since = caregiver.unreachable_at
    if since is None:
        return "nothing says that the number cannot be texted"
    because = f": {caregiver.unreachable_reason}" if caregiver.unreachable_reason else ""
    return f"cannot be texted since {local(since, caregiver)}{because}"


REACHABLE = Rule(
    "reachable",
    lambda now: Q(unreachable_at__isnull=True),
    _reachable_says,
    means="their number can be texted",
)


def _gate_says(caregiver: Caregiver, now: datetime) -> str:
    last = caregiver.last_proactive_message_at
    if last is None:
        return "no proactive message so far"
    return (
        f"last proactive message {local(last, caregiver)}, "
        f"next possible {local(last + GATE, caregiver)}"
    )


GATE_OPEN = Rule(
    "gate",
    lambda now: (
        Q(last_proactive_message_at__isnull=True) | Q(last_proactive_message_at__lte=now - GATE)
    ),
    _gate_says,
    asked_again=False,
    means=f"had no proactive text in the last {duration(GATE)}",
)

# While a text waits the gate is normally closed as well; this holds when delivery has been down
# for longer than the gate lasts.
NOTHING_WAITING = Rule(
    "queue",
    lambda now: row_by_row(Q(~Exists(Message.objects.waiting().filter(caregiver=OuterRef("pk"))))),
    lambda caregiver, now: (
        "another text is waiting to be sent"
        if standing(caregiver).is_waiting
        else "no other text is waiting"
    ),
    asked_again=False,
    test=lambda caregiver, now: not standing(caregiver).is_waiting,
    means="no other text to them is waiting to be sent",
)


def conversation(quiet: timedelta) -> Rule:
    """Whoever wrote within `quiet` is in a conversation and is left alone."""

    def says(caregiver: Caregiver, now: datetime) -> str:
        last = caregiver.last_contact_at
        if last is None:
            return "has never written"
        return (
            f"last wrote {local(last, caregiver)}; left alone until "
            f"{local(last + quiet, caregiver)} ({duration(quiet)})"
        )

    return Rule(
        "conversation",
        lambda now: Q(last_contact_at__isnull=True) | Q(last_contact_at__lte=now - quiet),
        says,
        means=f"has not written in the last {duration(quiet)}",
    )


def in_window(window: Window) -> Rule:
    """The wall clock of the person, wherever they may be, is within `window`."""

    def says(caregiver: Caregiver, now: datetime) -> str:
        there = places(caregiver)
        if not there:
            return f"time zone {caregiver.time_zone!r} is unknown: correct it or leave it empty"
        clocks = ", ".join(sorted({f"{now.astimezone(zone):%H:%M}" for zone in there}))
        where = there[0].key if len(there) == 1 else f"{len(there)} possible time zones"
        return f"local time {clocks} ({where}), texts go out {window}"

    return Rule(
        "window",
        lambda now: _in_places(window, now),
        says,
        test=lambda caregiver, now: window.is_open(places(caregiver), now),
        changes=lambda caregiver, now: window.openings(places(caregiver), now),
        means=f"it is {window} where they live, in every zone that they may be in",
    )


# Where a person is, by the name or names of their zones: the database keeps names and no clocks.
CLOCK = Case(When(time_zone="", then=F("derived_zones")), default=F("time_zone"))


class OpenPlaces(Placeholder):
    """The `open_places` of a prepared query."""

    def __init__(self, window: Window) -> None:
        super().__init__(output_field=CharField())
        self.window = window

    def value(self, values: Values) -> frozenset[str]:
        return open_places(self.window, values["now"])


def _in_places(window: Window, now: datetime) -> Q:
    names = OpenPlaces(window) if isinstance(now, Moment) else open_places(window, now)
    return Q(OneOf(CLOCK, names))


def open_places(window: Window, now: datetime) -> frozenset[str]:
    """The names of zones, alone or joined as `derived_zones` may hold them, where it is open."""
    # Clocks differ from UTC by quarters of an hour, and are put forward and back on such a
    # quarter: what is open stays so until the next one. No zone has been an exception since 1972.
    quarter = now - timedelta(
        minutes=now.minute % 15, seconds=now.second, microseconds=now.microsecond
    )
    return _open_places(window, quarter)


@lru_cache(maxsize=16)
def _open_places(window: Window, now: datetime) -> frozenset[str]:
    given = frozenset(
        zone.key
        for same_clock in _zones_by_clock(now)
        if window.is_open(same_clock[:1], now)
        for zone in same_clock
    )
    return given | {names for names, there in _derivable_places() if there and there <= given}


@lru_cache(maxsize=2)
def _zones_by_clock(now: datetime) -> list[list[ZoneInfo]]:
    """All zones, together those whose clocks show the same at `now`: every window asks of them."""
    by_clock: dict[datetime, list[ZoneInfo]] = {}
    for zone in _known_zones():
        by_clock.setdefault(now.astimezone(zone).replace(tzinfo=None), []).append(zone)
    return list(by_clock.values())


@cache
def _known_zones() -> list[ZoneInfo]:
    return [ZoneInfo(name) for name in zones.known()]


@cache
def _derivable_places() -> list[tuple[str, frozenset[str]]]:
    """What `derived_zones` may hold, with the zones that each of it stands for."""
    return [
        (names, frozenset(zone.key for zone in zones.of(time_zone="", derived_zones=names)))
        for names in (*zones.derivable(), "")
    ]


# --- Who a cadence is for ---


def _phase_says(caregiver: Caregiver, now: datetime) -> str:
    return f"journey phase is {caregiver.journey_phase or 'not set'}"


NOT_CHURNED = Rule(
    "journey",
    lambda now: Q(journey_phase__in=(JourneyPhase.ONBOARDING, JourneyPhase.ACTIVE)),
    _phase_says,
    means="is onboarding or active, not churned",
)


def lapsed(now: datetime) -> Q:
    """Silent for so long that the sweep makes them churned; not while a crisis cascade is open."""
    return SILENCE.at_least(CHURN_AFTER, now) & _cascade_over(now)


def _cascade_over(now: datetime) -> Q:
    return Q(last_crisis_event_at__isnull=True) | CRISIS.at_least(CASCADE, now)


def _not_lapsed(now: datetime) -> Q:
    return SILENCE.less_than(CHURN_AFTER, now) | CRISIS.less_than(CASCADE, now)


def _journey_says(caregiver: Caregiver, now: datetime) -> str:
    since = SILENCE.of(caregiver)
    assert since is not None
    phase = caregiver.journey_phase or "not set"
    return (
        f"journey phase is {phase}, last heard from {local(since, caregiver)} "
        f"(after {duration(CHURN_AFTER)} of silence: churned)"
    )


def _profile_says(caregiver: Caregiver, now: datetime) -> str:
    fields = {"first name": "first_name", "relationship": "relationship", "ZIP code": "zip_code"}
    missing = [words for words, field in fields.items() if not getattr(caregiver, field)]
    return f"missing: {', '.join(missing)}" if missing else "the profile is complete"


def _cascade_says(caregiver: Caregiver, now: datetime) -> str:
    crisis = caregiver.last_crisis_event_at
    if crisis is None:
        return "no crisis on record"
    return f"crisis follow-ups run until {local(crisis + CASCADE, caregiver)}"


_NOT_LAPSED_MEANS = (
    f"heard from in the last {duration(CHURN_AFTER)} (or had a crisis in the last "
    f"{duration(CASCADE)})"
)
ACTIVE = Rule(
    "journey",
    lambda now: Q(journey_phase=JourneyPhase.ACTIVE) & _not_lapsed(now),
    _journey_says,
    means=f"is active, and {_NOT_LAPSED_MEANS}",
)
SIGNED_UP = Rule(
    "journey",
    lambda now: (
        Q(journey_phase=JourneyPhase.ONBOARDING)
        | Q(journey_phase=JourneyPhase.ACTIVE) & _not_lapsed(now)
    ),
    _journey_says,
    means=f"is onboarding; or is active, and {_NOT_LAPSED_MEANS}",
)
NO_OPEN_CASCADE = Rule(
    "cascade", _cascade_over, _cascade_says, means=f"had no crisis in the last {duration(CASCADE)}"
)
PROFILE_INCOMPLETE = Rule(
    "profile",
    lambda now: Q(first_name="") | Q(relationship="") | Q(zip_code=""),
    _profile_says,
    means="first name, relationship or ZIP code is missing",
)


# --- Tiers of check-ins ---


def _band_says(caregiver: Caregiver, now: datetime) -> str:
    if not caregiver.burnout_band:
        return "no burnout band yet, so no check-ins"
    says = f"burnout band is {caregiver.burnout_band}"
    if caregiver.burnout_band == BurnoutBand.CRISIS and caregiver.last_crisis_event_at:
        return f"{says}, last crisis {local(caregiver.last_crisis_event_at, caregiver)}"
    if caregiver.burnout_band in (BurnoutBand.THRIVING, BurnoutBand.MILD):
        asked = "asked" if caregiver.wellness_opt_in else "did not ask"
        return f"{says} and the person {asked} for check-ins"
    return says


def _tier(means: str, condition: Callable[[datetime], Q]) -> Rule:
    return Rule("tier", condition, _band_says, means=means)


IN_CRISIS = Q(burnout_band=BurnoutBand.CRISIS)
# "At most seven days ago" includes the seventh day to the instant.
IN_RECENT_CRISIS = _tier(
    f"burnout band is crisis, and the last crisis was at most {duration(RECENT_CRISIS)} ago",
    lambda now: IN_CRISIS & Q(last_crisis_event_at__gte=now - RECENT_CRISIS),
)
IN_LASTING_CRISIS = _tier(
    f"burnout band is crisis, and no crisis was in the last {duration(RECENT_CRISIS)}",
    lambda now: (
        IN_CRISIS
        & (Q(last_crisis_event_at__isnull=True) | Q(last_crisis_event_at__lt=now - RECENT_CRISIS))
    ),
)
BAND_HIGH = _tier("burnout band is high", lambda now: Q(burnout_band=BurnoutBand.HIGH))
BAND_MODERATE = _tier("burnout band is moderate", lambda now: Q(burnout_band=BurnoutBand.MODERATE))
WELL_AND_ASKED = _tier(
    "burnout band is mild or thriving, and they asked for check-ins",
    lambda now: Q(burnout_band__in=(BurnoutBand.MILD, BurnoutBand.THRIVING), wellness_opt_in=True),
)
