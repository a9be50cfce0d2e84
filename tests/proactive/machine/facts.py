"""What people, staff and the clock have told the system, as far as it has acknowledged it."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from proactive.models import Message


@dataclass
class Facts:
    """One person as they know themselves: nothing here was asked of the system.

    `crises`: those that began follow-ups, the newest last. `under_way`: the texts that were being
    submitted when they last changed something, at `changed_at`: those may still have gone out.
    """

    key: int
    number: str
    zones: list[str]
    created_at: datetime
    contacts: list[datetime] = field(default_factory=list)
    crises: list[datetime] = field(default_factory=list)
    refusals: list[datetime] = field(default_factory=list)
    consents: list[datetime] = field(default_factory=list)
    paused_until: datetime | None = None
    has_churned: bool = False
    under_way: frozenset[UUID] = frozenset()
    changed_at: datetime | None = None
    # (cadence, occasion) whose counter staff have set to 0.
    resets: set[tuple[str, datetime | None]] = field(default_factory=set)

    @property
    def heard_from(self) -> datetime:
        return max(self.contacts, default=self.created_at)

    @property
    def is_opted_out(self) -> bool:
        """The later word holds; at the same instant it is the refusal, and so is an old consent."""
        if not self.refusals:
            return False
        return not self.consents or max(self.refusals) >= max(self.consents)

    def change(self, now: datetime) -> None:
        """Something of theirs is committed: note which texts can no longer be called back."""
        sending = Message.objects.filter(caregiver=self.key, status="sending")
        self.under_way = frozenset(sending.values_list("pk", flat=True))
        self.changed_at = now

    def contact(self, at: datetime) -> None:
        if not self.contacts or at > max(self.contacts):
            self.has_churned = False
        self.contacts.append(at)

    def crisis(self, at: datetime) -> None:
        self.contact(at)
        if not self.crises or at > self.crises[-1]:
            self.crises.append(at)
