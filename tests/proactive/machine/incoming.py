"""What comes in about people: what they write, what others say of them, what the provider reports.

Each is noted in their facts once it is acknowledged.
"""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import OperationalError

from caregiving import events
from caregiving.models import Caregiver
from proactive.models import CareAlert, Message
from tests.proactive import calling
from tests.proactive.machine.clock import Clock
from tests.proactive.machine.facts import Facts
from tests.proactive.machine.provider import Submission


def row_of(facts: Facts) -> Caregiver:
    return Caregiver.objects.get(pk=facts.key)


@dataclass
class Incoming:
    """`delivered`: the texts that the system has taken in as delivered."""

    clock: Clock
    delivered: set[UUID] = field(default_factory=set)
    texts: int = 0

    def text(self, facts: Facts, body: str, *, times: int = 1, once_more: bool = False) -> None:
        """They write to us, by a signed webhook that comes so often; Twilio repeats what broke.

        `once_more`: the last one is repeated.
        """
        self.texts += not once_more
        fields = calling.text_fields(facts.number, body, sid=f"IN{self.texts}")
        at = self.clock.now
        answer = calling.post(calling.INBOUND, fields)
        if answer.status_code == 503:
            at = self.clock.now
            answer = calling.post(calling.INBOUND, fields)
        assert answer.status_code == 200, answer.content
        for _ in range(times - 1):
            assert calling.post(calling.INBOUND, fields).status_code in (200, 503)
        facts.change(self.clock.now)
        facts.contact(at)
        if body == "STOP":
            facts.refusals.append(at)
        elif body == "START":
            facts.consents.append(at)

    def report(self, one: Submission, status: str, code: str) -> None:
        """The provider tells what has become of a text that it took.

        Raises OperationalError when we have answered that it should come again later.
        """
        one.status, one.code = status, code
        message = Message.objects.get(pk=one.message)
        answered = calling.report_on(message, status, sid=one.sid, ErrorCode=code)
        if answered == 503:
            raise OperationalError("the report was not taken in")
        assert answered == 200
        message.refresh_from_db()
        if message.status == "delivered":
            self.delivered.add(message.pk)
        elif status in ("delivered", "read"):
            told = CareAlert.objects.filter(kind=CareAlert.Kind.DUPLICATE, message=message)
            assert told.exists(), f"reported as {status}, it is {message.status}"

    def contact(self, facts: Facts, at: datetime) -> None:
        events.record_contact(row_of(facts), at=at)
        facts.change(self.clock.now)
        facts.contact(at)

    def crisis(self, facts: Facts, at: datetime) -> None:
        events.record_crisis_event(row_of(facts), at=at, source="phone")
        facts.change(self.clock.now)
        facts.crisis(at)

    def score(self, facts: Facts, band: str, at: datetime) -> None:
        one = row_of(facts)
        was, assessed = one.burnout_band, one.last_assessment_at
        events.record_wellness_score(one, score=20, burnout_band=band, at=at)
        facts.change(self.clock.now)
        facts.contact(at)
        if band == "crisis" and was != band and (assessed is None or at > assessed):
            facts.crisis(at)

    def about_the_number(self, facts: Facts, what: str, at: datetime) -> None:
        """That they opted out or in by another way, or that their number is dead or alive."""
        {
            "opted out": events.record_opt_out,
            "opted in": events.record_opt_in,
            "dead": events.record_unreachable,
            "alive": events.record_reachable,
        }[what](row_of(facts), at=at)
        facts.change(self.clock.now)
        if what == "opted out":
            facts.refusals.append(at)
        elif what == "opted in":
            facts.consents.append(at)
