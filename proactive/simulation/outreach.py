"""Our own system under simulation: beat, webhooks, events and staff as they are every day."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils.module_loading import import_string
from twilio.request_validator import RequestValidator

from caregiving import events
from caregiving.models import Caregiver, InboundMessage
from proactive import blast_guard, deferring, reconciliation, switches, tasks, webhooks
from proactive.cadences import CADENCES
from proactive.declaring import Cadence
from proactive.models import CareAlert, Message, Status, Sweep
from proactive.prepared import prepared
from proactive.simulation import figures, judging, ledger
from proactive.simulation.breaking import Crash
from proactive.simulation.clock import Clock
from proactive.simulation.ends import ends_from_database
from proactive.simulation.happenings import Happening, Kind, Person
from proactive.simulation.log import Log
from proactive.simulation.provider import Provider
from proactive.simulation.spec import Spec
from proactive.sms import gateway
from proactive.sms.gateway import Report
from proactive.switches import Switchboard

# Whoever looks at the provider's console settles what is unknown after so long.
LOOKS_AFTER = timedelta(hours=3)
# A second opinion costs much more than the look that it goes with.
OPINION_EVERY = 40
BATCH = 1000

logger = logging.getLogger(__name__)


class NotTaken(Exception):
    """A webhook was not answered with success."""


@prepared
def _owed(cadence: Cadence, *, now: datetime) -> QuerySet[Any, Any]:
    return deferring.owed(cadence, now).values_list("pk", "stopped_by", *cadence.anchor.fields)


@prepared
def _held_alert() -> QuerySet[CareAlert]:
    return CareAlert.objects.filter(kind=CareAlert.Kind.SWEEP_HELD, resolved_at__isnull=True)[:1]


@prepared
def _unknown_for_long(*, now: datetime) -> QuerySet[CareAlert]:
    unknown = CareAlert.objects.filter(
        kind=CareAlert.Kind.OUTCOME_UNKNOWN,
        resolved_at__isnull=True,
        opened_at__lte=now - LOOKS_AFTER,
        message__status=Status.UNKNOWN,
    )
    return unknown.select_related("message").order_by("pk")[:BATCH]


@prepared
def _next_to_go(*, now: datetime) -> QuerySet[Message, UUID]:
    return Message.objects.ready(now=now).values_list("pk", flat=True)[:1]


class Outreach:
    """A `System`. `oracle` is the dotted name of a second opinion on who is due: called with the
    time, it returns how many it looked at and a sentence for each that it sees otherwise."""

    def __init__(self, *, spec: Spec, clock: Clock, provider: Provider, oracle: str = "") -> None:
        self.spec = spec
        self.clock = clock
        self.provider = provider
        self.person_keys: dict[int, int] = {}  # Caregiver.pk -> Person.key
        self._second_opinions = [judging.explainable]
        if oracle:
            self._second_opinions.append(import_string(oracle))
        self._looked_at = 0
        self._disagreements: list[str] = []
        self._given_back = provider.log.given_back
        gateway.use(provider)
        self._requests = RequestFactory()
        self._sign = RequestValidator(settings.TWILIO_AUTH_TOKEN).compute_signature
        self._keys: dict[int, int] = {}
        self._sids = count(1)
        self._staff = User.objects.get_or_create(username="simulated-staff")[0]

    # --- People ---

    def begin(self, people: list[Person]) -> None:
        """Those whom the scratch database does not have yet are stored; a copy has its people."""
        known = dict(Caregiver.objects.values_list("phone_number", "pk"))
        missing = [one for one in people if one.number not in known]
        Caregiver.objects.bulk_create(
            [Caregiver(phone_number=one.number, **one.row) for one in missing], batch_size=BATCH
        )
        known = dict(Caregiver.objects.values_list("phone_number", "pk"))
        for one in people:
            self._know(one, known[one.number])

    def _know(self, person: Person, pk: int) -> None:
        self._keys[person.key] = pk
        self.person_keys[pk] = person.key

    def happen(self, person: Person, happening: Happening) -> None:
        now = self.clock.now()
        data = happening.data
        if happening.kind is Kind.SIGN_UP:
            row = {**person.row, "created_at": now}
            self._know(person, Caregiver.objects.create(phone_number=person.number, **row).pk)
            return
        if happening.kind is Kind.TEXT:
            self._write(person, data["body"])
            return
        caregiver = Caregiver.objects.get(pk=self._keys[person.key])
        match happening.kind:
            case Kind.CRISIS:
                events.record_crisis_event(caregiver, at=now, source=data.get("source", ""))
            case Kind.SCORE:
                events.record_wellness_score(
                    caregiver, score=data["score"], burnout_band=data["burnout_band"], at=now
                )
            case Kind.PROFILE:
                for field, value in data.items():
                    setattr(caregiver, field, value)
                caregiver.save(update_fields=list(data))
            case Kind.PAUSE:
                events.record_pause(caregiver, until=now + timedelta(days=data["days"]))

    def _write(self, person: Person, body: str) -> None:
        sid = f"SI{next(self._sids):032x}"
        fields = {"MessageSid": sid, "From": person.number, "Body": body}
        try:
            self._post("/webhooks/twilio/inbound/", fields, webhooks.inbound)
        except Crash:
            # It may have broken after its commit: then the text counts, answered or not.
            if not InboundMessage.objects.filter(provider_sid=sid).exists():
                raise

    def report(self, message_id: str, report: Report) -> None:
        fields = {"MessageSid": report.sid, "MessageStatus": report.status}
        if report.code:
            fields["ErrorCode"] = report.code
        self._post(
            f"/webhooks/twilio/status/{message_id}/",
            fields,
            webhooks.status,
            message_id=UUID(message_id),
        )

    def _post(
        self, path: str, fields: dict[str, str], view: Callable[..., HttpResponse], **arguments: Any
    ) -> None:
        """To the view itself, signed, as Twilio would post it to the public address."""
        public = settings.PUBLIC_BASE_URL
        request = self._requests.post(
            path,
            urlencode(fields),
            content_type="application/x-www-form-urlencoded",
            secure=urlsplit(public).scheme == "https",
            headers={"X-Twilio-Signature": self._sign(public + path, fields)},
        )
        response = view(request, **arguments)
        if response.status_code != 200:
            raise NotTaken(f"{path}: {response.status_code} {response.content[:80]!r}")

    # --- The beat ---

    def tick(self) -> None:
        tasks.tick()

    def is_waiting(self) -> bool:
        """Whether something could still go out that did not in the last beat."""
        return bool(_next_to_go(now=self.clock.now()))

    # --- Staff ---

    def switch(self, name: str, *, on: bool) -> None:
        put = switches.switch_on if on else switches.switch_off
        try:
            put(name, by=self._staff, reason="a trial of the switch", now=self.clock.now())
        except switches.NothingToChange:
            logger.info("%s stands so already", name)

    def staff(self) -> None:
        """Let held sweeps go on; settle what is unknown as the provider's console shows it."""
        now = self.clock.now()
        if _held_alert():
            held = Sweep.objects.exclude(held="").latest("now")
            blast_guard.approve(held, by=self._staff, reason="looked at: as it should be", now=now)
        for alert in _unknown_for_long(now=now):
            message = alert.message
            assert message is not None
            if self.provider.has_taken(str(message.pk), message.to_number):
                reconciliation.settle_as_arrived(
                    message, by=self._staff, note="the provider's console has it", now=now
                )
            elif reconciliation.send_again(
                message, by=self._staff, note="the provider's console does not have it", now=now
            ):
                self._given_back.add(str(message.pk))

    # --- Looking ---

    def look(self, log: Log) -> None:
        now = self.clock.now()
        switchboard = Switchboard.load()
        log.looks += 1
        held_back = set()
        for cadence in CADENCES:
            is_open = switchboard.is_open(cadence.name, now)
            for pk, stopped_by, *anchors in _owed(cadence, now=now):
                rule = stopped_by if is_open else deferring.SWITCH
                if rule:
                    occasion = next((at for at in anchors if at is not None), None)
                    stage = _current_stage(cadence, occasion, now)
                    log.hold_back((self.person_keys[pk], cadence.name, stage, occasion), rule)
                    held_back.add(pk)
        log.people_held_back += len(held_back)
        if log.looks % OPINION_EVERY == 0:
            for opinion in self._second_opinions:
                looked_at, disagreements = opinion(now)
                self._looked_at += looked_at
                self._disagreements += [f"{now:%Y-%m-%d %H:%M}: {one}" for one in disagreements]

    def conclude(self, log: Log, people: list[Person]) -> dict[str, Any]:
        book = ledger.draw_up(
            log, people, spec=self.spec, cadences=CADENCES, ends=ends_from_database(people)
        )
        windows = {one.name: (one.window.opens, one.window.closes) for one in CADENCES}
        judgement = judging.judge(log, people, spec=self.spec, windows=windows)
        checked, broken, examples = judging.accounted(book)
        judging.add(judgement, "accounted", checked=checked, broken=broken, examples=examples)
        judging.add(
            judgement,
            "explainable",
            checked=self._looked_at,
            broken=len(self._disagreements),
            examples=self._disagreements[: judging.EXAMPLES],
        )
        measured = figures.measure(log, people, spec=self.spec)
        return {"ledger": book, "judgement": judgement, "figures": measured}


def _current_stage(cadence: Cadence, occasion: datetime | None, now: datetime) -> int | None:
    for step in cadence.steps:
        if step.stage is None or occasion is None:
            return None
        assert step.due is not None and step.limit is not None
        if step.due <= now - occasion < step.limit:
            return step.stage
    return None
