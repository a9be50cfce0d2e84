"""Documents of `wellnessScores`: kept as history, with the instants that they had there.

Nothing is earned by them: a crisis is one where the person's own document has it, or where
`backfill_crisis_events` would date it.
"""

from datetime import datetime, timedelta

from caregiving.convex import documents
from caregiving.convex.merging import assess
from caregiving.convex.people import nobody
from caregiving.convex.reports import Report
from caregiving.convex.roster import Roster
from caregiving.convex.snapshot import SCORES, Line
from caregiving.models import BurnoutBand, WellnessScore

# As in the CSV import: clocks differ a little.
AHEAD = timedelta(minutes=5)


def take_scores(lines: list[Line], report: Report, *, now: datetime) -> None:
    """A batch. To be called in a transaction."""
    read = []
    for line in lines:
        try:
            if line.reason:
                raise ValueError(line.reason)
            read.append((line, documents.key(line.document, "userId"), _score(line, now)))
        except ValueError as error:
            report.reject(SCORES, line, str(error))
    roster = Roster([key for _, key, _ in read])
    found = []
    for line, key, score in read:
        entry = roster.find(key)
        if entry is None:
            report.reject(SCORES, line, nobody(key))
            continue
        score.caregiver = entry.person
        found.append((entry, score))
    known = set(
        WellnessScore.objects.filter(
            caregiver__in={entry.person.pk for entry, _ in found},
            created_at__in={score.created_at for _, score in found},
        ).values_list("caregiver_id", "created_at", "score", "burnout_band")
    )
    new = []
    for entry, score in sorted(found, key=lambda one: one[1].created_at):
        this = (entry.person.pk, score.created_at, score.score, score.burnout_band)
        report.count(SCORES, is_new=this not in known, is_changed=False)
        if this not in known:
            known.add(this)
            new.append(score)
        if assess(entry.person, score.created_at, score.burnout_band, entry.taken):
            entry.changed |= {
                *("last_assessment_at", "assessment_reminder_count", "burnout_band"),
                *("last_contact_at", "reactivation_message_count", "journey_phase"),
            }
    WellnessScore.objects.bulk_create(new)
    roster.save()


def _score(line: Line, now: datetime) -> WellnessScore:
    """Raises ValueError for what is no score."""
    document = line.document
    value = documents.plain(document.get("overallScore", document.get("score")))
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise ValueError(f"overallScore: {value!r} is not a number from 0 to 100")
    band = document.get("band", document.get("burnoutBand"))
    if band not in BurnoutBand.values:
        raise ValueError(f"band: {band!r} is none of {', '.join(BurnoutBand.values)}")
    return WellnessScore(
        score=round(value), burnout_band=band, created_at=when(document, "recordedAt", now)
    )


def when(document: documents.Document, name: str, now: datetime) -> datetime:
    """The instant in the field `name`, else when Convex stored the document. ValueError."""
    for one in (name, "createdAt", "_creationTime"):
        if document.get(one) is not None:
            at = documents.instant(document[one])
            if at > now + AHEAD:
                raise ValueError(f"{one}: {at.isoformat()!r} is in the future")
            return at
    raise ValueError(f"{name}: is absent, so nobody knows when it was")
