"""`/metrics`: what Prometheus reads. docs/operating.md says what each number means.

All of it is read from the database at the moment of asking: there are several processes on several
hosts, and what one of them has counted in its memory is not what has happened. What could be many
rows is read over an index and no further than MOST; what is counted anyway (by a sweep, by the
tallies of a day, by the tick) is taken from there.
"""

import hmac
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db import Error
from django.db.models import QuerySet, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from caregiving.models import InboundMessage
from proactive import deferring, readiness, running, scheduling, tallies, ticking
from proactive.cadences import CADENCES
from proactive.clocks import DAY, HOUR
from proactive.models import (
    CareAlert,
    Message,
    RefusedWebhook,
    Status,
    Sweep,
    TickPart,
    WebhookDelivery,
    WebhookEndpoint,
)

# No number of rows goes above it: a graph that ends there says "very many" just as well.
MOST = 10_000
# Of the provider's codes so many have a line of their own: a label must not grow without end.
CODES = 40
# After so long the provider has usually said what became of a text.
REPORTED_WITHIN = HOUR
NEVER = float("inf")


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """All metrics, for whoever shows METRICS_TOKEN; 404 where there is none, 503 without a
    database."""
    if not settings.METRICS_TOKEN:
        raise Http404
    if not _is_ours(request.headers.get("Authorization", "")):
        answer = HttpResponse("Show METRICS_TOKEN: Authorization: Bearer ...\n", status=401)
        answer["WWW-Authenticate"] = "Bearer"
        return answer
    registry = CollectorRegistry(auto_describe=False)
    registry.register(OutreachCollector(now=timezone.now()))
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    try:
        return HttpResponse(encode(registry), content_type=content_type)
    except Error:
        return HttpResponse("The database does not answer.\n", status=503)


def _is_ours(given: str) -> bool:
    expected = f"Bearer {settings.METRICS_TOKEN}"
    return hmac.compare_digest(given.encode(), expected.encode())


class OutreachCollector(Collector):
    """How outreach stands at `now`."""

    def __init__(self, *, now: datetime) -> None:
        self.now = now

    def describe(self) -> Iterator[Metric]:
        """Nothing: to register this asks the database nothing."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        yield from self._running()
        yield from self._sweeps()
        yield from self._waiting()
        yield from self._handed_over()
        yield from self._webhooks()
        yield from self._webhooks_out()
        yield from self._alerts()
        yield from self._ticks()

    # --- Does it run? ---

    def _running(self) -> Iterator[Metric]:
        outreach = running.outreach(now=self.now)
        state = GaugeMetricFamily(
            "outreach_state", "1 for what outreach is doing, 0 for the others.", labels=["state"]
        )
        for one in running.State:
            state.add_metric([one.value.replace(" ", "_")], outreach.state is one)
        yield state
        yield self._since(
            "outreach_seconds_since_tick",
            "Since a tick last went through, all of its parts; +Inf if none ever did.",
            ticking.last_through(),
        )
        yield self._since(
            "outreach_seconds_since_sweep",
            "Since a sweep last came to its end; +Inf if none ever did.",
            outreach.last.sweep.finished_at if outreach.last.sweep else None,
        )
        entry = scheduling.tick_entry()
        yield self._since(
            "outreach_seconds_since_beat",
            "Since beat last wrote down that it rang, every 3 minutes or so; +Inf if it never did.",
            entry.last_run_at if entry else None,
        )

    # --- Who is due, and what holds them back ---

    def _sweeps(self) -> Iterator[Metric]:
        last = running.last_run(self.now).sweep
        queued = last.counts.get("queued", {}) if last else {}
        due = GaugeMetricFamily(
            "outreach_due",
            "People whom the last sweep found due for a text, and queued one for.",
            labels=["cadence"],
        )
        deferred = GaugeMetricFamily(
            "outreach_deferred",
            "People to whom a text is owed and held back, by the first rule that does; counted "
            f"every 10 minutes, to {deferring.MOST} a cadence.",
            labels=["cadence", "rule"],
        )
        counted = deferring.last_counted(Sweep(started_at=self.now))
        held_back = counted.counts[deferring.KEY] if counted else {}
        for cadence in CADENCES:
            due.add_metric([cadence.name], queued.get(cadence.name, 0))
            for rule in (deferring.SWITCH, *(rule.name for rule in cadence.defers)):
                number = held_back.get(cadence.name, {}).get(rule, 0)
                deferred.add_metric([cadence.name, rule], number)
        yield due
        yield deferred

    def _waiting(self) -> Iterator[Metric]:
        queue = Message.objects.queued()
        queued = self._by(
            "outreach_texts_queued", "Texts that wait to be handed over.", queue, "cadence"
        )
        # Of each priority the first in the index: the queue may be long.
        oldest = [
            queue.filter(priority=priority).order_by("queued_at").values("queued_at")[:1]
            for priority in range(len(CADENCES))
        ]
        waits = [self._age(row["queued_at"]) for rows in oldest for row in rows]
        yield queued
        yield GaugeMetricFamily(
            "outreach_oldest_queued_seconds",
            "How long the text has waited that has waited longest; 0 when none waits.",
            value=max(waits, default=0),
        )
        yield GaugeMetricFamily(
            "outreach_texts_too_late",
            f"Queued texts that are past their late limit; to {readiness.MOST}.",
            value=readiness.texts_too_late(now=self.now),
        )

    # --- What became of texts ---

    def _handed_over(self) -> Iterator[Metric]:
        today = GaugeMetricFamily(
            "outreach_texts_today",
            "What became of the texts that were handed over today, in the service's zone; on a "
            "long day as the tick counted it last.",
            labels=["cadence", "outcome"],
        )
        found = tallies.handed_over(now=self.now, days=1, however_old=True)
        by_cadence = {cadence: tally for (_, cadence), tally in found.items()}
        for cadence in CADENCES:
            tally = by_cadence.get(cadence.name, tallies.Tally())
            for outcome in tallies.TALLIED:
                today.add_metric([cadence.name, outcome], getattr(tally, outcome))
        yield today
        for status in (Status.SENDING, Status.UNKNOWN):
            yield GaugeMetricFamily(
                f"outreach_texts_{status}",
                {
                    Status.SENDING: "Texts that are at this moment handed to the provider.",
                    Status.UNKNOWN: "Texts of which nobody knows whether they went out.",
                }[status],
                value=Message.objects.filter(status=status).order_by()[:MOST].count(),
            )
        yield self._failed()
        yield GaugeMetricFamily(
            "outreach_texts_unreported",
            "Texts that were sent between 1 and 25 hours ago, and of which the provider has not "
            "said what became.",
            value=self._recent(DAY + REPORTED_WITHIN)
            .filter(status=Status.SENT, sent_at__lte=self.now - REPORTED_WITHIN)[:MOST]
            .count(),
        )

    def _failed(self) -> Metric:
        family = GaugeMetricFamily(
            "outreach_texts_failed",
            "Texts of the last 24 hours that did not arrive, by the provider's code.",
            labels=["code"],
        )
        failed = self._recent(DAY).filter(status__in=(Status.FAILED, Status.UNDELIVERED))
        codes = Counter(failed.values_list("error_code", flat=True)[:MOST])
        for code, number in codes.most_common(CODES):
            family.add_metric([code or "none"], number)
            del codes[code]
        if codes:
            family.add_metric(["other"], codes.total())
        return family

    def _recent(self, length: timedelta) -> QuerySet[Message]:
        return Message.objects.filter(queued_at__gt=self.now - length).order_by()

    # --- What came in ---

    def _webhooks(self) -> Iterator[Metric]:
        refused = CounterMetricFamily(
            "outreach_webhooks_refused", "Webhooks without a valid signature.", labels=["endpoint"]
        )
        # A row a day and endpoint.
        sums = RefusedWebhook.objects.order_by().values_list("endpoint").annotate(Sum("count"))
        counts = {"inbound": 0, "status": 0} | dict(sums)
        for endpoint, number in counts.items():
            refused.add_metric([endpoint], number)
        yield refused
        yield GaugeMetricFamily(
            "outreach_texts_received",
            "Texts that people sent in the last hour.",
            value=InboundMessage.objects.filter(received_at__gt=self.now - HOUR)
            .order_by()[:MOST]
            .count(),
        )

    # --- What others are told ---

    def _webhooks_out(self) -> Iterator[Metric]:
        waiting = WebhookDelivery.objects.waiting().order_by()
        yield GaugeMetricFamily(
            "outreach_webhook_deliveries_waiting",
            "Webhooks out that nobody has taken yet, endpoints that are off included.",
            value=waiting[:MOST].count(),
        )
        yield GaugeMetricFamily(
            "outreach_webhook_deliveries_given_up",
            "Webhooks out that were given up in the last 24 hours.",
            value=WebhookDelivery.objects.filter(given_up_at__gt=self.now - DAY)
            .order_by()[:MOST]
            .count(),
        )
        endpoints = WebhookEndpoint.objects.order_by()
        family = GaugeMetricFamily(
            "outreach_webhook_endpoints", "Endpoints of webhooks out.", labels=["state"]
        )
        family.add_metric(["on"], endpoints.filter(enabled=True, failing_since=None).count())
        family.add_metric(
            ["failing"], endpoints.filter(enabled=True).exclude(failing_since=None).count()
        )
        family.add_metric(["off"], endpoints.filter(enabled=False).count())
        yield family

    # --- What waits for a person ---

    def _alerts(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "outreach_alerts_open", "Care alerts that nobody has resolved.", labels=["kind"]
        )
        kinds = CareAlert.objects.filter(resolved_at=None).order_by()
        counts = Counter(kinds.values_list("kind", flat=True)[:MOST])
        for kind in CareAlert.Kind:
            family.add_metric([kind.value], counts[kind.value])
        yield family

    # --- How long it takes ---

    def _ticks(self) -> Iterator[Metric]:
        seconds = SummaryMetricFamily(
            "outreach_tick_seconds",
            "How long the tick and its parts took, of all workers; run_sweep and deliver_queued "
            "among them.",
            labels=["part"],
        )
        last = GaugeMetricFamily(
            "outreach_tick_last_seconds", "The same, of the last run.", labels=["part"]
        )
        failures = CounterMetricFamily(
            "outreach_tick_failures", "Runs that did not go through.", labels=["part"]
        )
        for part in TickPart.objects.order_by("name"):
            seconds.add_metric([part.name], count_value=part.runs, sum_value=part.seconds)
            last.add_metric([part.name], part.last_seconds)
            failures.add_metric([part.name], part.failures)
        yield seconds
        yield last
        yield failures

    # --- Small ---

    def _by(self, name: str, says: str, rows: QuerySet[Message], field: str) -> Metric:
        family = GaugeMetricFamily(name, says, labels=[field])
        counts = Counter(rows.order_by().values_list(field, flat=True)[:MOST])
        for cadence in CADENCES:
            family.add_metric([cadence.name], counts[cadence.name])
        return family

    def _since(self, name: str, says: str, at: datetime | None) -> Metric:
        return GaugeMetricFamily(name, says, value=NEVER if at is None else self._age(at))

    def _age(self, at: datetime) -> float:
        return max(0.0, (self.now - at).total_seconds())
