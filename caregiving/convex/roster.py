"""The people of one batch: read and locked at once, written at once."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from hashlib import sha256

from django.db.models import OuterRef, Subquery
from django.utils import timezone

from caregiving import erasing, events
from caregiving.convex.merging import Merged, Taken
from caregiving.convex.models import ConvexPerson
from caregiving.intents import Intent
from caregiving.models import Caregiver, ConsentChange, CrisisEvent, InboundMessage

# Where an entry in the records of consent and of crises comes from.
SOURCE = "convex"
BY_TEXT = "convex text"


@dataclass
class Entry:
    """One person, the document that they are, and what the batch has changed so far."""

    person: Caregiver
    convex_id: str
    taken: Taken = field(default_factory=dict)
    is_new: bool = False
    changed: set[str] = field(default_factory=set)
    _before: Taken | None = None

    def __post_init__(self) -> None:
        # Whoever is not linked yet has nothing that it could be equal to.
        if self.taken:
            self._before = deepcopy(self.taken)

    @property
    def is_linked_anew(self) -> bool:
        return self._before != self.taken


class Roster:
    """Whoever is one of the documents `ids`, or has one of the `numbers`.

    To be made in a transaction, whose end lets them go.
    """

    def __init__(self, ids: Collection[str], numbers: Collection[str] = ()) -> None:
        links = ConvexPerson.objects.filter(convex_id__in=ids)
        keys = set(links.values_list("caregiver_id", flat=True))
        owners = Caregiver.objects.filter(phone_number__in=numbers)
        keys.update(owners.values_list("pk", flat=True))
        # Asked for again under the lock, by key, as everything locks that locks several.
        people = Caregiver.objects.filter(pk__in=keys).order_by("pk").select_for_update()
        self._by_key = {one.pk: one for one in people}
        self._by_number = {one.phone_number: one for one in self._by_key.values()}
        self._entries = {
            one.convex_id: Entry(self._by_key[one.caregiver_id], one.convex_id, one.taken)
            for one in ConvexPerson.objects.filter(caregiver__in=self._by_key)
        }
        self._id_of = {one.person.pk: one.convex_id for one in self._entries.values()}
        self._opt_outs: list[ConsentChange] = []
        self._refusing: dict[int, Caregiver] = {}
        self._strangers: list[InboundMessage] = []
        self._new_crises: list[tuple[Caregiver, Merged]] = []

    def find(self, convex_id: str) -> Entry | None:
        return self._entries.get(convex_id)

    def owner(self, number: str) -> Caregiver | None:
        return self._by_number.get(number)

    def document_of(self, person: Caregiver) -> str:
        """The document that they are; "" for none."""
        if person.pk is None:
            return next(one.convex_id for one in self._entries.values() if one.person is person)
        return self._id_of.get(person.pk, "")

    def add(self, person: Caregiver, convex_id: str) -> Entry:
        """Somebody who is new, or who was here without being that document."""
        entry = self._entries[convex_id] = Entry(person, convex_id, is_new=person.pk is None)
        if person.pk is not None:
            self._id_of[person.pk] = convex_id
        self._by_number[person.phone_number] = person
        return entry

    def renumber(self, entry: Entry, old: str) -> None:
        """They have another number: what kept the old one from being texted is over."""
        self._by_number.pop(old, None)
        self._by_number[entry.person.phone_number] = entry.person
        entry.person.unreachable_at, entry.person.unreachable_reason = None, ""
        entry.changed |= {"unreachable_at", "unreachable_reason"}

    def note(self, entry: Entry, merged: Merged) -> None:
        entry.changed |= merged.changed
        if merged.opted_out_at is not None:
            self.note_consent(entry.person, merged.opted_out_at, opted_in=False, source=SOURCE)
        if merged.crisis_at is not None:
            self.crises_of(entry.person).append(merged.crisis_at)
            self._new_crises.append((entry.person, merged))

    def crises_of(self, person: Caregiver) -> list[datetime]:
        """Their crises on record, those of this batch among them."""
        return self._crises[id(person)]

    @cached_property
    def _crises(self) -> dict[int, list[datetime]]:
        found: dict[int, list[datetime]] = defaultdict(list)
        known = CrisisEvent.objects.filter(caregiver__in=self._by_key)
        for key, at in known.values_list("caregiver_id", "at"):
            found[id(self._by_key[key])].append(at)
        return found

    def note_consent(self, person: Caregiver, at: datetime, *, opted_in: bool, source: str) -> None:
        self._opt_outs.append(
            ConsentChange(caregiver=person, opted_in=opted_in, at=at, source=source)
        )

    def refuse(self, person: Caregiver, at: datetime, *, source: str) -> None:
        """They opted out at `at`, wherever that stands; a newer opt-in holds."""
        self.note_consent(person, at, opted_in=False, source=source)
        newer_consent = person.opted_in_at is not None and person.opted_in_at > at
        if person.opted_out_at is None and not newer_consent:
            person.opted_out_at = at
            self._refusing[id(person)] = person

    def refuse_for_later(self, number: str, at: datetime) -> None:
        """Whoever has `number` one day opted out at `at`."""
        self._strangers.append(
            InboundMessage(
                from_number=number,
                body="(opted out in Convex)",
                intent=Intent.STOP,
                received_at=at,
                # Once for each number, which is not to be read off here.
                provider_sid=f"convex:{sha256(number.encode()).hexdigest()[:48]}",
            )
        )

    def save(self) -> None:
        entries = list(self._entries.values())
        new = [one.person for one in entries if one.is_new]
        Caregiver.objects.bulk_create(new)
        changed = {id(one.person): one.person for one in entries if one.changed and not one.is_new}
        # Those who are new have been written just now.
        written = {id(one) for one in new}
        refusing = {key: one for key, one in self._refusing.items() if key not in written}
        _write(
            (changed | refusing).values(),
            {name for one in entries if not one.is_new for name in one.changed}
            | ({"opted_out_at"} if refusing else set()),
        )
        InboundMessage.objects.bulk_create(self._strangers, ignore_conflicts=True)
        links = [one for one in entries if one.is_linked_anew]
        ConvexPerson.objects.bulk_create(
            [
                ConvexPerson(caregiver=one.person, convex_id=one.convex_id, taken=one.taken)
                for one in links
            ],
            update_conflicts=True,
            unique_fields=["caregiver"],
            update_fields=["taken"],
        )
        ConsentChange.objects.bulk_create(self._opt_outs, ignore_conflicts=True)
        self._save_crises()
        self._heed_the_erased(entries)

    def _heed_the_erased(self, entries: list[Entry]) -> None:
        """Whoever has a number now whose owner had opted out before they were erased."""
        people = {
            str(one.person.phone_number): one.person
            for one in entries
            if one.is_new or "phone_number" in one.changed
        }
        for number, at in erasing.opt_outs_of(people).items():
            events.record_opt_out(people[number], at=at, source="before erasure")

    def _save_crises(self) -> None:
        """As `events.record_crisis_event` puts them on record, but nobody was heard from."""
        if not self._new_crises:
            return
        heard = timezone.now()
        events = []
        for person, merged in self._new_crises:
            assert merged.crisis_at is not None
            event = CrisisEvent(caregiver=person, at=merged.crisis_at, source=SOURCE)
            if merged.crisis_is_late:
                # The newer one has the follow-ups; both instants say that this has earned none.
                event.replaced_at = merged.earlier_crisis_at
                event.recorded_at = event.settled_at = heard
            elif merged.earlier_crisis_at is not None:
                events.append(CrisisEvent(caregiver=person, at=merged.earlier_crisis_at))
            events.append(event)
        CrisisEvent.objects.bulk_create(events, ignore_conflicts=True)
        latest = Caregiver.objects.filter(pk=OuterRef("caregiver"))
        crisis = Subquery(latest.values("last_crisis_event_at")[:1])
        CrisisEvent.objects.filter(
            caregiver__in=[person.pk for person, _ in self._new_crises],
            replaced_at__isnull=True,
            at__lt=crisis,
        ).update(replaced_at=crisis)


def _write(people: Iterable[Caregiver], fields: set[str]) -> None:
    """One statement for all: they are locked, so every row is there to conflict with."""
    if not fields:
        return
    Caregiver.objects.bulk_create(
        people,
        update_conflicts=True,
        unique_fields=["pk"],
        # Who moves, moves with their zones.
        update_fields=sorted(fields | {"derived_zones"}),
    )
