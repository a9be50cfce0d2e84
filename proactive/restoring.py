"""After a backup was restored: what happened since it was made, as the provider knows it.

A restored database has forgotten all that came after the dump. Its queue still holds texts that
have gone out, its counters say that stages are owed which people have had, and whoever said STOP
since has not said so. The provider remembers: its list has every text in both directions. Before
the first tick it is asked, and what it has is put on record:

- what people wrote is received as if it came by webhook, at its own time; a STOP holds;
- a text of ours that is queued here is marked as taken by the provider;
- a text that was planned after the dump is told by its words: the very words that a step of the
  policy has for this person, at a time that fits. It gets its row, its stage counts;
- any other text of ours cannot be told: the person is paused and somebody is asked.

The list may lag by minutes, seldom by hours, and what our own systems told over the API since is
not in it. Safe to run again: what is on record is passed over.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from caregiving import events
from caregiving.fields import masked
from caregiving.models import Caregiver, InboundMessage
from proactive import alerts
from proactive.cadences import CADENCES
from proactive.cascades import dealt_with
from proactive.claiming import Draft, claim
from proactive.declaring import Cadence, Step
from proactive.marking import give_back
from proactive.models import CareAlert, Message, Status
from proactive.receiving import Received, receive
from proactive.reports import apply_report
from proactive.sms.gateway import Keeping, Listed, Report
from proactive.wording import Wording

# Time for somebody to look, well beyond the time of any text that was about to go out.
PAUSE = timedelta(days=7)
BATCH = 500


@dataclass
class Recovered:
    """`known`: on record already. `taken`: queued here, and gone out. `told`: planned after the
    dump, and put on record by their words. `asked`: texts of which nobody can tell what they were;
    each paused its person and opened an alert. `strangers`: ours to nobody we know. `received`:
    what people wrote."""

    known: int = 0
    taken: int = 0
    told: int = 0
    asked: int = 0
    strangers: int = 0
    received: int = 0


def recover(gateway: Keeping, *, since: datetime, now: datetime) -> Recovered:
    """Put on record what the provider has from `since`, when the dump was begun, on.

    To be run while nothing ticks. Keeps one entry in memory for each text since then, as the
    oldest must come first and the provider begins with the newest. Raises SmsError when its list
    cannot be read; what was put on record before stays.
    """
    report = Recovered()
    wording = Wording.load()
    listed = sorted(gateway.since(since), key=lambda one: one.created_at)
    for start in range(0, len(listed), BATCH):
        batch = listed[start : start + BATCH]
        known = _known([one.sid for one in batch])
        for one in batch:
            if one.sid in known:
                report.known += 1
            elif one.inbound:
                receive(Received(one.sid, one.number, one.body), now=one.created_at)
                report.received += 1
            else:
                _record(one, wording, report, now)
    return report


def _known(sids: list[str]) -> set[str]:
    ours = Message.objects.filter(provider_sid__in=sids).values_list("provider_sid", flat=True)
    theirs = InboundMessage.objects.filter(provider_sid__in=sids)
    return {sid for sid in ours if sid} | set(theirs.values_list("provider_sid", flat=True))


def _record(one: Listed, wording: Wording, report: Recovered, now: datetime) -> None:
    news = Report(one.sid, one.status, one.code)
    with transaction.atomic():
        people = Caregiver.objects.select_for_update().filter(phone_number=one.number)
        caregiver = people.first()
        if caregiver is None:
            report.strangers += 1
            return
        same = caregiver.messages.filter(
            body=one.body,
            to_number=one.number,
            provider_sid__isnull=True,
            status__in=(Status.QUEUED, Status.SENDING, Status.UNKNOWN),
        ).first()
        if same is not None:
            apply_report(same, news, now=one.created_at)
            report.taken += 1
            return
        _withdraw_waiting(caregiver)
        if found := _told_by_its_words(one, caregiver, wording):
            cadence, step = found
            draft = Draft(caregiver, one.body, because="found at the provider after a restore")
            (key,) = claim(cadence, {step: [draft]}, now=one.created_at).texts
            apply_report(Message.objects.get(pk=key), news, now=one.created_at)
            report.told += 1
            return
        report.asked += _ask(one, caregiver, now)


def _withdraw_waiting(caregiver: Caregiver) -> None:
    """What was queued before the dump is not sent after something that went out since: it is
    planned anew if it is still owed."""
    for waiting in caregiver.messages.queued():
        if waiting.mark_cancelled(reason="restored from a backup: another text has gone out since"):
            waiting.caregiver = caregiver
            give_back(waiting)


def _told_by_its_words(
    one: Listed, caregiver: Caregiver, wording: Wording
) -> tuple[Cadence, Step] | None:
    """Which step of the policy it was; None if none has these words for them, or fits the time."""
    for cadence in CADENCES:
        for step in cadence.steps:
            if wording.compose(caregiver, cadence, step) != one.body:
                continue
            if step.stage is None or _fits(cadence, step, one, caregiver):
                return cadence, step
    return None


def _fits(cadence: Cadence, step: Step, one: Listed, caregiver: Caregiver) -> bool:
    since = cadence.anchor.of(caregiver)
    if since is None or step.stage is None or step.due is None or step.limit is None:
        return False
    standing = caregiver.messages.standing().filter(
        cadence=cadence.name, occasion=since, stage=step.stage
    )
    in_its_time = since + step.due <= one.created_at <= since + step.limit + timedelta(hours=1)
    return in_its_time and step.stage > dealt_with(cadence, caregiver) and not standing.exists()


def _ask(one: Listed, caregiver: Caregiver, now: datetime) -> int:
    """Pause them, and have somebody look; 0 if that was done before."""
    kind = CareAlert.Kind.DUPLICATE
    about = CareAlert.objects.filter(kind=kind, caregiver=caregiver, occasion=one.created_at)
    if about.exists():
        return 0
    Caregiver.objects.move_gate(caregiver.pk, to=one.created_at)
    until = max(now + PAUSE, caregiver.outreach_paused_until or now)
    events.record_pause(caregiver, until=until)
    alerts.open_for_people(
        kind,
        [
            (
                caregiver,
                one.created_at,
                f"After a backup was restored the provider has a text to {masked(one.number)} of "
                f"{one.created_at:%Y-%m-%d %H:%M} UTC that is not on record ({one.sid}). Read it "
                "there, correct what is owed to them (record the crisis, end a series), and end "
                "the pause.",
            )
        ],
        now=now,
    )
    return 1
