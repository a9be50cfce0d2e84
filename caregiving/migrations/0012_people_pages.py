"""What the home page and the tabs over the list of people read, in the order that staff ask for."""

from django.db import migrations, models
from django.db.models import Q

from caregiving.migration_operations import AddIndexConcurrently

EVER_IN_CRISIS = Q(
    ("burnout_band", "crisis"), ("last_crisis_event_at__isnull", False), _connector="OR"
)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("caregiving", "0011_legal_hold")]

    operations = [
        AddIndexConcurrently(
            "caregiver",
            models.Index(
                condition=Q(("opted_out_at__isnull", False)),
                fields=["opted_out_at"],
                name="people_by_opt_out",
            ),
        ),
        AddIndexConcurrently(
            "caregiver",
            models.Index(
                condition=Q(("journey_phase", "active")),
                fields=["last_contact_at"],
                name="people_active_by_contact",
            ),
        ),
        AddIndexConcurrently(
            "caregiver",
            models.Index(
                condition=EVER_IN_CRISIS,
                fields=["last_contact_at"],
                name="people_crisis_by_contact",
            ),
        ),
        AddIndexConcurrently(
            "caregiver",
            models.Index(
                condition=EVER_IN_CRISIS,
                fields=["last_proactive_message_at"],
                name="people_crisis_by_text",
            ),
        ),
        AddIndexConcurrently(
            "caregiver",
            models.Index(
                condition=Q(
                    EVER_IN_CRISIS,
                    Q(
                        ("opted_out_at__isnull", False),
                        ("unreachable_at__isnull", False),
                        _connector="OR",
                    ),
                ),
                fields=["-id"],
                name="people_crisis_unreached",
            ),
        ),
        AddIndexConcurrently(
            "inboundmessage",
            models.Index(
                condition=Q(("intent", ""), _negated=True),
                fields=["intent", "-received_at"],
                name="inbound_of_intent",
            ),
        ),
    ]
