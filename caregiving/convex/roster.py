"""The people of one batch: read and locked at once, written at once."""

from collections.abc import Collection, Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import OuterRef, Subquery

from caregiving import erasing, events
from caregiving.convex.merging import Merged, Taken
from caregiving.convex.models import ConvexPerson
from caregiving.models import Caregiver, ConsentChange, CrisisEvent

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
        self._crises: list[tuple[Caregiver, datetime | None]] = []

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
        if "last_crisis_event_at" in merged.changed:
            self._crises.append((entry.person, merged.earlier_crisis_at))

    def note_consent(self, person: Caregiver, at: datetime, *, opted_in: bool, source: str) -> None:
        self._opt_outs.append(
            ConsentChange(caregiver=person, opted_in=opted_in, at=at, source=source)
        )

    def save(self) -> None:
        entries = list(self._entries.values())
        new = [one.person for one in entries if one.is_new]
        Caregiver.objects.bulk_create(new)
        _write(
            [one.person for one in entries if one.changed and not one.is_new],
            {name for one in entries if not one.is_new for name in one.changed},
        )
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
        events = []
        for person, earlier in self._crises:
            if earlier is not None:
                events.append(CrisisEvent(caregiver=person, at=earlier))
            assert person.last_crisis_event_at is not None
            events.append(
                CrisisEvent(caregiver=person, at=person.last_crisis_event_at, source=SOURCE)
            )
        CrisisEvent.objects.bulk_create(events, ignore_conflicts=True)
        if any(earlier for _, earlier in self._crises):
            latest = Caregiver.objects.filter(pk=OuterRef("caregiver"))
            crisis = Subquery(latest.values("last_crisis_event_at")[:1])
            CrisisEvent.objects.filter(
                caregiver__in=[person.pk for person, _ in self._crises],
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
