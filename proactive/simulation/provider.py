"""The provider and the carriers of a world: takes texts, refuses, answers late, tells or forgets.

Its log is what the judge believes. What befalls a submission is drawn by the person and by how many
submissions to them there have been, so that it does not depend on what happened to others.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

from proactive.models import Message
from proactive.simulation.clock import Clock
from proactive.simulation.faults import NEVER_CONFIRMED, UNDELIVERED, Faults
from proactive.simulation.happenings import Person
from proactive.simulation.log import Accepted, Log, Refused
from proactive.sms.errors import say
from proactive.sms.gateway import Outcome, Report, SmsError

TIMEOUT_SECONDS = 10.0
# How long the list still has a text that somebody looks for.
LISTED = timedelta(days=3)
FIRST_REPORTS = 0.3

# Schedules a report on a text, by message id, at an instant of the world's time.
Tell = Callable[[datetime, str, Report], None]


class Provider:
    """A `Gateway`. `tell` is called for each report to come, `delivered` when a phone has a text;
    `meanwhile` runs while a submission is on its way, as everybody else goes on then."""

    def __init__(
        self,
        *,
        seed: int,
        clock: Clock,
        faults: Faults,
        log: Log,
        people: dict[str, Person],
        tell: Tell,
        delivered: Callable[[Person, datetime], None],
        meanwhile: Callable[[Random], None],
    ) -> None:
        self.seed = seed
        self.clock = clock
        self.faults = faults
        self.log = log
        self.people = people
        self.tell = tell
        self.delivered = delivered
        self.meanwhile = meanwhile
        self.stopped: set[str] = set()  # numbers that said STOP: the provider heeds it too
        self.dead: set[str] = set()
        self.submissions: Counter[int] = Counter()
        self._listed: dict[str, list[tuple[Accepted, str]]] = {}
        self._by_sid: dict[str, Accepted] = {}

    # --- What delivery calls ---

    def send(self, message: Message, *, validity: timedelta) -> str:
        return self._submit(
            Accepted(
                at=self.clock.true,
                clock=self.clock.now(),
                person=self.people[message.to_number].key,
                number=message.to_number,
                sid="",
                message_id=str(message.pk),
                cadence=message.cadence,
                stage=message.stage,
                tier=message.tier,
                occasion=message.occasion,
                segments=message.segments,
            ),
            body=message.body,
            validity=validity,
        )

    def send_plain(
        self,
        person: Person,
        *,
        cadence: str,
        stage: int | None,
        occasion: datetime | None,
        key: str,
    ) -> str:
        """A text of a system that keeps no rows; `key` identifies it to that system."""
        text = Accepted(
            at=self.clock.true,
            clock=self.clock.now(),
            person=person.key,
            number=person.number,
            sid="",
            message_id=key,
            cadence=cadence,
            stage=stage,
            tier="",
            occasion=occasion,
            segments=1,
        )
        return self._submit(text, body=key, validity=timedelta(hours=4))

    def find(self, message: Message, *, since: datetime, until: datetime) -> list[Report]:
        now = self.clock.true
        if any(storm.holds(now) for storm in self.faults.storms):
            raise SmsError(Outcome.BUSY, say(20429), code="20429")
        lagging = next((span for span in self.faults.list_lag if span.holds(now)), None)
        return [
            self._as_of(text, now)
            for text, body in self._listed.get(message.to_number, [])
            if body == message.body
            and since <= text.at <= until
            and not (lagging and text.at >= lagging.begins)
        ]

    def fetch(self, sid: str) -> Report | None:
        text = self._by_sid.get(sid)
        return self._as_of(text, self.clock.true) if text else None

    # --- What staff see in its console ---

    def has_taken(self, message_id: str, number: str) -> bool:
        return any(text.message_id == message_id for text, _ in self._listed.get(number, []))

    # --- Inside ---

    def _submit(self, text: Accepted, *, body: str, validity: timedelta) -> str:
        nth = self.submissions[text.person] = self.submissions[text.person] + 1
        self.log.tried[text.person].append(text.at)
        random = Random(f"{self.seed}/submission/{text.person}/{nth}")
        self._refuse(text, random)
        fate = random.random()
        rates = self.faults.rates
        if fate < rates.unknown_not_taken:
            self.log.faults["unknown outcome, not taken"] += 1
            self.clock.pass_seconds(TIMEOUT_SECONDS)
            raise SmsError(Outcome.UNKNOWN, "Twilio did not answer in time")
        self._accept(text, body, validity, random)
        self.meanwhile(random)
        if fate < rates.unknown_not_taken + rates.unknown_taken:
            self.log.faults["unknown outcome, taken"] += 1
            self.clock.pass_seconds(TIMEOUT_SECONDS)
            raise SmsError(Outcome.UNKNOWN, "The connection broke before Twilio answered")
        # Often at once, so that what counts from here falls on a beat to the microsecond.
        self.clock.pass_seconds(random.choice((0.0, 0.0, 0.2, random.uniform(0.05, 1.5))))
        return text.sid

    def _refuse(self, text: Accepted, random: Random) -> None:
        """Raise what a submission that is certainly not taken gets."""
        rates = self.faults.rates
        if any(storm.holds(self.clock.true) for storm in self.faults.storms):
            self.log.faults["429 in a storm"] += 1
            raise SmsError(
                Outcome.BUSY,
                say(20429),
                code="20429",
                retry_after=random.choice((None, timedelta(seconds=random.randint(1, 300)))),
            )
        if random.random() < rates.busy:
            self.log.faults["429"] += 1
            raise SmsError(Outcome.BUSY, say(20429), code="20429")
        if random.random() < rates.never_opened:
            self.log.faults["connection refused"] += 1
            raise SmsError(Outcome.BUSY, "Twilio cannot be reached")
        if text.number in self.stopped:
            self._note_refusal(text, "21610")
            raise SmsError(Outcome.OPTED_OUT, say(21610), code="21610")
        # Of dead numbers Twilio knows some at once; of the others a carrier tells.
        if text.number in self.dead and text.person % 2:
            self._note_refusal(text, "21614")
            raise SmsError(Outcome.REJECTED, say(21614), code="21614")

    def _note_refusal(self, text: Accepted, code: str) -> None:
        self.log.refused.append(
            Refused(
                at=text.at,
                person=text.person,
                message_id=text.message_id,
                cadence=text.cadence,
                stage=text.stage,
                occasion=text.occasion,
                code=code,
            )
        )

    def _accept(self, text: Accepted, body: str, validity: timedelta, random: Random) -> None:
        text.sid = f"SM{random.getrandbits(128):032x}"
        self.log.accepted.append(text)
        self._by_sid[text.sid] = text
        listed = self._listed.setdefault(text.number, [])
        listed[:] = [one for one in listed if one[0].at > text.at - LISTED]
        delay = self._delay(random)
        fate = random.random()
        if text.number in self.dead:
            text.status, text.code = "undelivered", "30005"
        elif fate < UNDELIVERED:
            text.status, text.code = "undelivered", random.choice(("30003", "30008"))
        elif delay > validity:
            text.status, text.code = "undelivered", "30036"
        elif fate < UNDELIVERED + NEVER_CONFIRMED:
            text.status = "sent"
        else:
            text.status = "delivered"
        text.ended_at = text.at + min(delay, validity)
        listed.append((text, body))
        if text.status == "delivered":
            self.delivered(self.people[text.number], text.ended_at)
        self._tell(text, random)

    def _delay(self, random: Random) -> timedelta:
        """Until the phone has it: seconds as a rule, minutes now and then."""
        if random.random() < 0.98:
            return timedelta(seconds=random.uniform(0.5, 12))
        return timedelta(seconds=random.uniform(12, 600))

    def _tell(self, text: Accepted, random: Random) -> None:
        """Schedule the reports on it; some get lost, repeat themselves or overtake each other."""
        rates = self.faults.rates
        assert text.ended_at is not None
        reports = []
        # Of most texts the first report says already that they have arrived.
        if text.status == "sent" or random.random() < FIRST_REPORTS:
            handed_over = text.at + timedelta(seconds=random.uniform(0, 2))
            reports.append((handed_over, Report(text.sid, "sent")))
        if text.status != "sent":
            last = Report(text.sid, text.status, text.code)
            reports.append((text.ended_at + timedelta(seconds=random.uniform(0, 2)), last))
        for at, report in reports:
            if random.random() < rates.report_lost:
                self.log.faults["report lost"] += 1
                continue
            if random.random() < rates.report_late:
                self.log.faults["report late"] += 1
                at += timedelta(seconds=random.choice((30, 3600, 9 * 3600)) * random.random())
            self.tell(at, text.message_id, report)
            if random.random() < rates.report_repeated:
                self.log.faults["report repeated"] += 1
                self.tell(at + timedelta(seconds=random.uniform(0, 600)), text.message_id, report)

    def _as_of(self, text: Accepted, now: datetime) -> Report:
        is_over = text.ended_at is not None and text.ended_at <= now
        return Report(text.sid, text.status, text.code) if is_over else Report(text.sid, "sent")
