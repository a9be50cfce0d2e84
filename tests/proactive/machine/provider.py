"""A provider that answers as it is told, and keeps what it received."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from proactive.models import Message
from proactive.sms.gateway import Outcome, Report, SmsError
from tests.proactive.machine.clock import Clock
from tests.proactive.machine.interruptions import Crash


@dataclass(frozen=True)
class Answer:
    """What becomes of one submission.

    `takes`: the provider has the text from now on. `says`: what we hear, "accepted", "crash" (our
    process dies while it waits), or the name of an outcome, with its `code`. `seconds`: how long
    that takes. `meanwhile`: what else happens before we hear it. `lag`: how long its list does not
    show the text.
    """

    takes: bool = True
    says: str = "accepted"
    code: str = ""
    seconds: float = 0
    meanwhile: str = ""
    lag: timedelta = timedelta()


@dataclass
class Submission:
    """One text as it came to the provider. `at`: when, by the clock; `mark`: the attempt's start.

    `counts`: it was taken, or nobody can know that it was not: it must not come again by itself.
    """

    at: datetime
    person: int
    number: str
    body: str
    message: UUID
    mark: datetime
    cadence: str
    stage: int | None
    tier: str
    occasion: datetime | None
    is_ordered: bool
    answer: Answer
    sid: str
    ended: datetime
    status: str = "sent"
    code: str = ""

    @property
    def counts(self) -> bool:
        return self.answer.takes or self.answer.says in ("unknown", "crash")

    @property
    def obligation(self) -> tuple[int, str, int | None, datetime | None]:
        return self.person, self.cadence, self.stage, self.occasion


@dataclass
class Provider:
    """`judge` sees each text as it comes in; `happens` does what an answer says of the meantime.

    `script`: the next answers. `is_down`: it tells nothing of what has become of texts.
    """

    clock: Clock
    judge: Callable[[Submission], None]
    happens: Callable[[str, Submission], None]
    script: list[Answer] = field(default_factory=list)
    submissions: list[Submission] = field(default_factory=list)
    is_down: bool = False

    def send(self, message: Message, *, validity: timedelta) -> str:
        answer = self.script.pop(0) if self.script else Answer()
        assert message.attempt_started_at is not None
        one = Submission(
            at=self.clock.now,
            person=message.caregiver_id,
            number=message.to_number,
            body=message.body,
            message=message.pk,
            mark=message.attempt_started_at,
            cadence=message.cadence,
            stage=message.stage,
            tier=message.tier,
            occasion=message.occasion,
            is_ordered=message.ordered_by_id is not None,
            answer=answer,
            sid=f"SM{len(self.submissions) + 1}",
            ended=self.clock.now,
        )
        self.judge(one)
        self.submissions.append(one)
        self.clock.wait(timedelta(seconds=answer.seconds))
        self.happens(answer.meanwhile, one)
        one.ended = self.clock.now
        if answer.says == "accepted":
            return one.sid
        if answer.says == "crash":
            raise Crash("while the provider was asked")
        raise SmsError(Outcome(answer.says), f"the provider: {answer.says}", code=answer.code)

    def find(self, message: Message, *, since: datetime, until: datetime) -> list[Report]:
        if self.is_down:
            raise SmsError(Outcome.UNKNOWN, "the provider cannot be asked")
        return [
            Report(one.sid, one.status, one.code)
            for one in self.submissions
            if one.answer.takes
            and (one.number, one.body) == (message.to_number, message.body)
            and since <= one.at <= until
            and one.at + one.answer.lag <= self.clock.now
        ]

    def fetch(self, sid: str) -> Report | None:
        if self.is_down:
            raise SmsError(Outcome.UNKNOWN, "the provider cannot be asked")
        return next(
            (Report(sid, one.status, one.code) for one in self.submissions if one.sid == sid), None
        )
