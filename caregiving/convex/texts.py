"""Documents of `conversations`: what people wrote, and by it when they were heard from.

What they asked for (no more texts) holds here too. What the assistant wrote is passed over.
"""

from collections import defaultdict
from datetime import datetime

from caregiving.convex import documents, opt_outs
from caregiving.convex.merging import hear_from, heed
from caregiving.convex.opt_outs import OTHERS, WORDS
from caregiving.convex.people import nobody
from caregiving.convex.reports import Report
from caregiving.convex.roster import BY_TEXT, SOURCE, Entry, Roster
from caregiving.convex.scores import when
from caregiving.convex.snapshot import TEXTS, Line
from caregiving.intents import Intent, read_intent
from caregiving.models import ConsentChange, InboundMessage

# As different versions of the original name whoever wrote, and its words.
_PEOPLE = {"user", "inbound", "caregiver"}
_IDENTIFIERS = ("messageSid", "twilioMessageSid", "twilioSid")


def take_texts(lines: list[Line], report: Report, *, now: datetime) -> None:
    """A batch. To be called in a transaction."""
    read = []
    rejected = []
    for line in lines:
        try:
            if line.reason:
                raise ValueError(line.reason)
            if _is_ours(line.document):
                report.of(TEXTS).passed += 1
                continue
            read.append((line, documents.key(line.document, "userId"), _text(line, now)))
        except ValueError as error:
            rejected.append((line, str(error)))
    refusals = [
        *opt_outs.whose(TEXTS, rejected, report, now=now),
        *opt_outs.whose(TEXTS, [(line, "") for line, _, _ in read], report, now=now),
    ]
    roster = Roster(
        [*(key for _, key, _ in read), *(one.key for one in refusals)],
        [one.number for one in refusals if one.number],
    )
    found: list[tuple[Entry, InboundMessage]] = []
    for line, key, text in read:
        entry = roster.find(key)
        if entry is None:
            rejected.append((line, nobody(key)))
            continue
        text.caregiver, text.from_number = entry.person, entry.person.phone_number
        found.append((entry, text))
    known = set(
        InboundMessage.objects.filter(
            provider_sid__in=[text.provider_sid for _, text in found]
        ).values_list("provider_sid", flat=True)
    )
    new = []
    for entry, text in sorted(found, key=lambda one: one[1].received_at):
        is_new = text.provider_sid not in known
        report.count(TEXTS, is_new=is_new, is_changed=False)
        if is_new:
            known.add(text.provider_sid)
            new.append((entry, text))
        if hear_from(entry.person, text.received_at, entry.taken):
            entry.changed |= {"last_contact_at", "reactivation_message_count", "journey_phase"}
    InboundMessage.objects.bulk_create([text for _, text in new])
    _heed(roster, new)
    opt_outs.hold(TEXTS, rejected, roster, report, now=now)
    roster.save()


def _heed(roster: Roster, texts: list[tuple[Entry, InboundMessage]]) -> None:
    """In the order in which they were written."""
    wishes: dict[str, list[tuple[datetime, Intent]]] = defaultdict(list)
    entries = {}
    for entry, text in texts:
        if text.intent in (Intent.STOP, Intent.START):
            entries[entry.convex_id] = entry
            wishes[entry.convex_id].append((text.received_at, Intent(text.intent)))
    if not wishes:
        return
    people = [entry.person for entry in entries.values()]
    refusals: dict[int, dict[datetime, str]] = defaultdict(dict)
    for one in ConsentChange.objects.filter(caregiver__in=people, opted_in=False):
        refusals[one.caregiver_id][one.at] = one.source
    for key, theirs in wishes.items():
        entry, person = entries[key], entries[key].person
        others = [at for at, source in refusals[person.pk].items() if source != BY_TEXT]
        if person.opted_out_at is not None and person.opted_out_at not in refusals[person.pk]:
            others.append(person.opted_out_at)
        if heed(person, theirs, refused_here_at=max(others, default=None)):
            entry.changed |= {"opted_out_at", "opted_in_at"}
        for at, wish in theirs:
            is_in = wish == Intent.START
            roster.note_consent(person, at, opted_in=is_in, source=SOURCE if is_in else BY_TEXT)


def _is_ours(document: documents.Document) -> bool:
    """Whether it is a text to the person. Raises ValueError where nobody can tell."""
    role = document.get("role", document.get("direction"))
    if role in OTHERS:
        return True
    if not isinstance(role, str) or role not in _PEOPLE:
        raise ValueError(f"role: {role!r} is none of {', '.join(sorted([*_PEOPLE, *OTHERS]))}")
    return False


def _text(line: Line, now: datetime) -> InboundMessage:
    """Raises ValueError for what is no text."""
    document = line.document
    words = next((document[name] for name in WORDS if document.get(name) is not None), "")
    if not isinstance(words, str):
        raise ValueError("text: is not text")
    sids = (document.get(name) for name in _IDENTIFIERS)
    sid = next((one for one in sids if isinstance(one, str) and 0 < len(one) <= 64), "")
    # The provider's own, so that what also came by the webhook is kept once.
    sid = documents.text(sid) or f"convex:{documents.key(document, '_id')}"[:64]
    body = documents.text(words)
    return InboundMessage(
        body=body,
        intent=read_intent(body),
        received_at=when(document, "timestamp", now),
        provider_sid=sid,
    )
