"""What the lists of the back office read, in the order in which they show it."""

from django.db import migrations, models
from django.db.models import Q

from caregiving.migration_operations import AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("proactive", "0009_day_tallies")]

    operations = [
        AddIndexConcurrently(
            "auditentry", models.Index(fields=["action", "-at"], name="audit_of_action")
        ),
        AddIndexConcurrently(
            "carealert", models.Index(fields=["-opened_at", "-id"], name="alerts_newest_first")
        ),
        AddIndexConcurrently(
            "carealert", models.Index(fields=["kind", "-opened_at"], name="alerts_of_kind")
        ),
        AddIndexConcurrently(
            "message",
            models.Index(
                condition=Q(
                    (
                        "status__in",
                        ["sent", "failed", "undelivered", "unknown", "cancelled", "superseded"],
                    )
                ),
                fields=["status", "-queued_at"],
                name="messages_by_outcome",
            ),
        ),
        AddIndexConcurrently(
            "message",
            models.Index(fields=["cadence", "-queued_at"], name="messages_of_cadence"),
        ),
        AddIndexConcurrently(
            "message",
            models.Index(
                condition=Q(("stage__isnull", False)),
                fields=["stage", "-queued_at"],
                name="messages_of_stage",
            ),
        ),
        AddIndexConcurrently(
            "message",
            models.Index(
                condition=Q(("sent_at__isnull", False)), fields=["sent_at"], name="messages_sent"
            ),
        ),
        AddIndexConcurrently(
            "sweep",
            models.Index(
                condition=Q(
                    Q(("held", ""), _negated=True),
                    Q(("error", ""), _negated=True),
                    ("dry_run", True),
                    _connector="OR",
                ),
                fields=["-started_at"],
                name="sweeps_out_of_the_ordinary",
            ),
        ),
    ]
