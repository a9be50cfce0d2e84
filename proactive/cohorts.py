"""Groups of people whom staff look at together, each with a name, a sentence and a condition.

The list of people has a tab for each, and what the home page counts links to it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from caregiving.models import BurnoutBand, Caregiver, CaregiverQuerySet, JourneyPhase
from proactive.cadences import CADENCES
from proactive.clocks import CRISIS, DAY, SILENCE, midnight
from proactive.declaring import Cadence
from proactive.models import CareAlert
from proactive.rules import CASCADE
from proactive.sweeps import owed
from proactive.switches import Switchboard

SILENT_AFTER = 7 * DAY


@dataclass(frozen=True)
class Cohort:
    """`of(now)` is the `Q` that its people meet at `now`."""

    name: str
    label: str
    explains: str
    of: Callable[[datetime], Q]

    def people(self, *, now: datetime) -> CaregiverQuerySet:
        return Caregiver.objects.filter(self.of(now))


def end_of_day(now: datetime) -> datetime:
    """Midnight that ends the day of `now` in the service's own zone."""
    return midnight(timezone.localdate(now) + timedelta(days=1))


def _needs_attention(now: datetime) -> Q:
    return Q(Exists(CareAlert.objects.filter(caregiver=OuterRef("pk"), resolved_at=None)))


def _in_crisis(now: datetime) -> Q:
    return Q(burnout_band=BurnoutBand.CRISIS) | CRISIS.less_than(CASCADE, now)


def owed_before_midnight(cadences: Iterable[Cadence], now: datetime) -> Q:
    first, *others = (
        owed(cadence, step, by=end_of_day(now)).order_by().values("pk")
        for cadence in cadences
        for step in cadence.steps
    )
    return Q(pk__in=first.union(*others))


def _due_today(now: datetime, cadences: tuple[Cadence, ...] = CADENCES) -> Q:
    return owed_before_midnight(map(Switchboard.load().limited, cadences), now)


def _silent(now: datetime) -> Q:
    return Q(journey_phase=JourneyPhase.ACTIVE) & SILENCE.at_least(SILENT_AFTER, now)


COHORTS = (
    Cohort("attention", "Needs attention", "An alert about them is open.", _needs_attention),
    Cohort(
        "crisis",
        "In crisis",
        "Their burnout band is crisis, or a crisis was less than 42 days ago.",
        _in_crisis,
    ),
    Cohort("due", "Due today", "A text is owed to them before midnight.", _due_today),
    Cohort("silent", "Silent", "Active, and nothing heard for seven days.", _silent),
    Cohort(
        "opted-out",
        "Opted out",
        "They asked for silence.",
        lambda now: Q(opted_out_at__isnull=False),
    ),
    Cohort(
        "unreachable",
        "Unreachable",
        "No text can reach their number.",
        lambda now: Q(unreachable_at__isnull=False),
    ),
    Cohort(
        "churned",
        "Churned",
        "Silent after the last reactivation: they hear nothing until they write.",
        lambda now: Q(journey_phase=JourneyPhase.CHURNED),
    ),
    Cohort(
        "legal-hold",
        "Legal hold",
        "Nothing that was written to or by them is deleted.",
        lambda now: Q(legal_hold_since__isnull=False),
    ),
)


def due_of(cadence: Cadence) -> Cohort:
    """Of those who are due today: the ones to whom this cadence owes it."""
    return Cohort(
        f"due-{cadence.name}",
        f"Due today: {cadence.label.lower()}",
        "A text of this cadence is owed to them before midnight.",
        lambda now: _due_today(now, (cadence,)),
    )


# Those of one cadence have no tab: the home page links to them.
BY_NAME = {cohort.name: cohort for cohort in (*COHORTS, *map(due_of, CADENCES))}
