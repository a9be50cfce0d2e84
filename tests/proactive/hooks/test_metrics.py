"""What `/metrics` says of webhooks out."""

import pytest
from prometheus_client import CollectorRegistry

from proactive.metrics import OutreachCollector
from proactive.models import WebhookDelivery
from tests.proactive.hooks.listening import listens, make_deliveries
from tests.proactive.people import DAY, NOON

pytestmark = pytest.mark.django_db


def test_what_waits_and_what_was_given_up_lately_and_how_endpoints_are():
    endpoint = listens(failing_since=NOON)
    listens(name="off", enabled=False)
    rows = make_deliveries(endpoint, count=5)
    for row, at in ((rows[0], NOON), (rows[1], NOON - DAY)):
        WebhookDelivery.objects.filter(pk=row.pk).update(next_attempt_at=None, given_up_at=at)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(OutreachCollector(now=NOON))
    read = registry.get_sample_value

    assert read("outreach_webhook_deliveries_waiting") == 3
    assert read("outreach_webhook_deliveries_given_up") == 1
    states = {
        one: read("outreach_webhook_endpoints", {"state": one}) for one in ("on", "failing", "off")
    }
    assert states == {"on": 0, "failing": 1, "off": 1}
