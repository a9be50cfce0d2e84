"""What a week's outreach came to, counted by the database: nothing here loads texts or people.

Wherever it can be, a figure is closed with its week: replies count if they came before it ended,
reactivations are those of the texts of the week before, whose seven days are over. So a week that
is counted later comes to the same, and two weeks can be compared. Who is in which band is known of
now only, and what became of a text may still change.
"""

from collections import defaultdict
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any, cast

from django.conf import settings
from django.db.models import (
    Count,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Sum,
)
from django.db.models.expressions import Combinable

from caregiving.models import Caregiver, InboundMessage
from proactive.cadences import CADENCES
from proactive.clocks import DAY, HOUR, SILENCE
from proactive.declaring import Cadence
from proactive.deferring import KEY
from proactive.models import CareAlert, Message, Status, Sweep
from proactive.promises import HEARD_LATE, fell_due
from proactive.rules import GATE_OPEN
from proactive.tallies import TALLIED
from proactive.weekly.weeks import Week

# Somebody is back who writes within so long after a reactivation.
BACK_WITHIN = 7 * DAY
# Later than a closed night, and an hour: there was more in its way than the hour.
GRACE = 1 * HOUR
# Who is where is a figure of the week only while the next one has not ended.
PEOPLE_KNOWN_FOR = 7 * DAY

Figures = dict[str, Any]


def measure(week: Week, *, now: datetime) -> Figures:
    """The figures of `week` as JSON has them; durations are seconds, money is US dollars.

    About 15 statements, each over a range of an index, but for the people, who are all counted,
    and that only if the week ended less than seven days before `now` (else None).
    """
    sent = _handed_over(week)
    texts = sum(sent["sent"].values())
    return {
        "followups": _followups(week, now),
        "texts": sent["outcomes"],
        "replies": _replies(week) | {"sent": texts},
        "reactivated": _reactivated(week),
        "gate": _gate(week),
        "opt_outs": {"people": _opt_outs(week), "sent": texts},
        "alerts": _alerts(week),
        "cost": {"segments": sent["segments"], "per_segment": settings.SMS_SEGMENT_COST},
        "people": _people() if now - week.ends < PEOPLE_KNOWN_FOR else None,
    }


# --- Texts ---


def handed_over_in(begins: datetime, ends: datetime) -> QuerySet[Message]:
    return Message.objects.filter(
        attempt_started_at__gte=begins, attempt_started_at__lt=ends
    ).order_by()


def _handed_over(week: Week) -> dict[str, dict[str, Any]]:
    """By cadence: `outcomes` {status: texts}; `sent` and `segments` of what the provider took.

    Also the outcomes of texts that never got as far, by when they were planned.
    """
    never = Message.objects.filter(
        status__in=(Status.SUPERSEDED, Status.CANCELLED),
        queued_at__gte=week.begins,
        queued_at__lt=week.ends,
        attempt_started_at=None,
    ).order_by()
    outcomes: dict[str, dict[str, int]] = defaultdict(dict)
    sent: dict[str, int] = defaultdict(int)
    segments: dict[str, int] = defaultdict(int)
    for cadence, status, texts, taken, cost in _by_outcome(
        handed_over_in(week.begins, week.ends)
    ) + _by_outcome(never):
        outcomes[cadence][status] = outcomes[cadence].get(status, 0) + texts
        sent[cadence] += taken
        segments[cadence] += cost or 0
    return {"outcomes": dict(outcomes), "sent": dict(sent), "segments": dict(segments)}


def _by_outcome(texts: QuerySet[Message]) -> list[tuple[str, str, int, int, int | None]]:
    taken = Q(**TALLIED["sent"])
    return list(
        texts.values_list("cadence", "status").annotate(
            texts=Count("pk"),
            taken=Count("pk", filter=taken),
            cost=Sum("segments", filter=taken),
        )
    )


def _replies(week: Week) -> Figures:
    replied = (
        handed_over_in(week.begins, week.ends)
        .filter(**TALLIED["sent"], replied_at__lt=week.ends)
        .annotate(took=_between("attempt_started_at", "replied_at"))
    )
    number = replied.count()
    return {"replied": number, "median_seconds": _median(replied, number)}


def _reactivated(week: Week) -> Figures:
    """People who got a reactivation in the week before, and those who wrote within seven days."""
    of_silence = [one.name for one in CADENCES if one.due and one.anchor is SILENCE]
    wrote = InboundMessage.objects.filter(
        caregiver=OuterRef("caregiver"),
        received_at__gt=OuterRef("attempt_started_at"),
        received_at__lte=OuterRef("attempt_started_at") + BACK_WITHIN,
    )
    found = (
        handed_over_in(week.before.begins, week.before.ends)
        .filter(**TALLIED["sent"], cadence__in=of_silence)
        .annotate(is_back=Exists(wrote))
        .aggregate(
            texted=Count("caregiver", distinct=True),
            back=Count("caregiver", distinct=True, filter=Q(is_back=True)),
        )
    )
    return {"texted": found["texted"], "back": found["back"]}


# --- Crisis follow-ups ---


def _followups(week: Week, now: datetime) -> Figures:
    """Of the stages that fell due in the week: how many were sent, how many of them late, and what
    became of each, in the words of `promises`."""
    ends = fell_due(begins=week.begins, ends=week.ends, now=now)
    del ends[HEARD_LATE]
    found = [_sent_of(cadence, week) for cadence in CADENCES if cadence.vital]
    return {
        "due": ends.total(),
        "sent": sum(one["sent"] for one in found),
        "late": sum(one["late"] for one in found),
        "ends": dict(ends),
    }


def late_after(cadence: Cadence) -> timedelta:
    """How long after a stage fell due its text is late."""
    closed = 24 - (cadence.window.closes - cadence.window.opens)
    return closed * HOUR + GRACE


def _sent_of(cadence: Cadence, week: Week) -> dict[str, int]:
    of_week, late = [], []
    longest = timedelta()
    for step in cadence.steps:
        assert step.due is not None and step.limit is not None
        of_step = Q(
            stage=step.stage,
            occasion__gte=week.begins - step.due,
            occasion__lt=week.ends - step.due,
        )
        of_week.append(of_step)
        latest = F("occasion") + step.due + late_after(cadence)
        late.append(of_step & Q(attempt_started_at__gt=latest))
        longest = max(longest, step.limit - step.due)
    texts = Message.objects.standing().filter(
        reduce(or_, of_week),
        **TALLIED["sent"],
        cadence=cadence.name,
        # What fell due in the week was queued then, or before its words no longer fitted.
        queued_at__gte=week.begins,
        queued_at__lt=week.ends + longest,
    )
    return cast(
        dict[str, int],
        texts.aggregate(sent=Count("pk"), late=Count("pk", filter=reduce(or_, late))),
    )


# --- What else ---


def _gate(week: Week) -> Figures | None:
    """Over the sweeps that counted: how many people were owed a text, and whom the 24 hours held
    back. None where no sweep did, or they are pruned. A sweep counts every ten minutes at most."""
    owed = held_back = 0
    looked = False
    sweeps = Sweep.objects.filter(
        started_at__gte=week.begins, started_at__lt=week.ends, dry_run=False, counts__has_key=KEY
    ).order_by()
    for counts in sweeps.values_list("counts", flat=True).iterator():
        looked = True
        for by_rule in counts[KEY].values():
            owed += sum(by_rule.values())
            held_back += by_rule.get(GATE_OPEN.name, 0)
        owed += sum(counts.get("queued", {}).values())
    return {"owed": owed, "held_back": held_back} if looked else None


def _opt_outs(week: Week) -> int:
    """Those who opted out and have not come back since."""
    return Caregiver.objects.filter(
        opted_out_at__gte=week.begins, opted_out_at__lt=week.ends
    ).count()


def _alerts(week: Week) -> Figures:
    opened = CareAlert.objects.filter(
        opened_at__gte=week.begins, opened_at__lt=week.ends
    ).order_by()
    kinds = opened.values_list("kind").annotate(Count("pk"))
    claimed = opened.filter(claimed_at__gte=F("opened_at")).annotate(
        took=_between("opened_at", "claimed_at")
    )
    number = claimed.count()
    return {
        "opened": dict(kinds),
        "claimed": number,
        "median_seconds": _median(claimed, number),
        "nobody_yet": opened.filter(claimed_at=None, resolved_at=None).count(),
    }


def _people() -> Figures:
    """{band: {phase: people}}, "" for no band."""
    people: dict[str, dict[str, int]] = defaultdict(dict)
    rows = Caregiver.objects.order_by().values_list("burnout_band", "journey_phase")
    for band, phase, number in rows.annotate(Count("pk")):
        people[band][phase] = number
    return dict(people)


def _between(first: str, last: str) -> Combinable:
    return ExpressionWrapper(F(last) - F(first), output_field=DurationField())


def _median(rows: QuerySet[Any], number: int) -> float | None:
    """In seconds, of `took` of the `number` rows; None without any.

    Sorted in the database, of which one or two come here.
    """
    if not number:
        return None
    middle = rows.order_by("took").values_list("took", flat=True)
    found = list(middle[(number - 1) // 2 : number // 2 + 1])
    if not found:
        return None  # they went between two questions
    return float(sum(one.total_seconds() for one in found) / len(found))
