"""Senders, the count of refused webhooks, and alerts that may be opened again.

New tables and a small one: all or nothing, in one transaction.
"""

from django.db import migrations, models
from django.db.models import Q


def _id():
    return (
        "id",
        models.BigAutoField(
            auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
        ),
    )


class Migration(migrations.Migration):
    dependencies = [("proactive", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="RefusedWebhook",
            fields=[
                _id(),
                ("day", models.DateField()),
                ("endpoint", models.CharField(max_length=16)),
                ("count", models.IntegerField(default=0)),
            ],
            options={
                "ordering": ["-day", "endpoint"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("day", "endpoint"), name="one_count_a_day_and_endpoint"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Sender",
            fields=[
                _id(),
                ("identity", models.CharField(max_length=64, unique=True)),
                ("next_turn_at", models.DateTimeField(blank=True, null=True)),
                (
                    "busy_until",
                    models.DateTimeField(
                        blank=True,
                        help_text="The provider asked us to wait, or cannot be reached.",
                        null=True,
                    ),
                ),
                ("busy_reason", models.TextField(blank=True)),
            ],
        ),
        migrations.AlterField(
            "carealert",
            "kind",
            models.CharField(
                choices=[
                    ("cascade_unanswered", "Crisis follow-ups ended without an answer"),
                    ("followup_missed", "A crisis follow-up did not go out in time"),
                    ("followup_failed", "A crisis follow-up could not be delivered"),
                    ("outcome_unknown", "Nobody knows whether a text arrived"),
                    ("followup_stuck", "A crisis follow-up is past its time and has no end"),
                    ("followup_unaccounted", "A crisis follow-up was lost sight of"),
                    ("duplicate", "A text may have gone out twice"),
                    ("sending_halted", "Sending stopped: our own configuration"),
                    ("sweep_held", "A sweep stopped: far more texts than usual"),
                ],
                max_length=32,
            ),
        ),
        # Alerts are few: their table may be locked for the moment that this takes. On the way back
        # the old constraint stays away: what was alerted twice since would not meet it.
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "DROP INDEX IF EXISTS one_alert_per_kind_and_occasion", migrations.RunSQL.noop
                )
            ],
            state_operations=[
                migrations.RemoveConstraint("carealert", "one_alert_per_kind_and_occasion")
            ],
        ),
        migrations.AddConstraint(
            "carealert",
            models.UniqueConstraint(
                condition=Q(
                    ("caregiver__isnull", False),
                    ("message__isnull", True),
                    ("resolved_at__isnull", True),
                ),
                fields=("kind", "caregiver", "occasion"),
                name="one_open_alert_per_kind_and_occasion",
            ),
        ),
    ]
