"""What delivery in both directions needs: look-ups, pace, a guard over sweeps, refused webhooks."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

from caregiving.migration_operations import AddFields, AddIndexConcurrently


def _id():
    return (
        "id",
        models.BigAutoField(
            auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
        ),
    )


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("caregiving", "0005_two_way"),
        ("proactive", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

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
        AddFields(
            "cadenceswitch",
            [
                (
                    "halted",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        editable=False,
                        help_text="Switched off by the system: a test text that arrives switches "
                        "it on again.",
                    ),
                )
            ],
        ),
        AddFields(
            "message",
            [
                (
                    "look_up_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="When to ask the provider what became of it.",
                        null=True,
                    ),
                ),
                (
                    "lookups",
                    models.SmallIntegerField(
                        db_default=0,
                        default=0,
                        help_text="How often the provider was asked what became of it.",
                    ),
                ),
            ],
        ),
        AddFields(
            "sweep",
            [
                ("texts_queued", models.IntegerField(db_default=0, default=0)),
                (
                    "held",
                    models.TextField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="Why it queued nothing and asks a person instead.",
                    ),
                ),
                (
                    "approved_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="When a person let it go on all the same.",
                        null=True,
                    ),
                ),
                (
                    "approved_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="approved_sweeps",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
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
        AddIndexConcurrently(
            "message",
            models.Index(
                condition=Q(("look_up_at__isnull", False)),
                fields=["look_up_at"],
                name="messages_to_look_up",
            ),
        ),
        AddIndexConcurrently(
            "message",
            models.Index(
                condition=Q(("status__in", ["queued", "sending", "unknown"])),
                fields=["occasion"],
                name="messages_without_end",
            ),
        ),
        # Alerts are few: their table may be locked for the moment that this takes.
        migrations.RemoveConstraint("carealert", "one_alert_per_kind_and_occasion"),
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
        AddIndexConcurrently(
            "sweep",
            models.Index(
                condition=Q(("dry_run", False), ("texts_queued__gt", 0)),
                fields=["now"],
                name="sweeps_that_queued",
            ),
        ),
        AddIndexConcurrently(
            "sweep",
            models.Index(
                condition=Q(("approved_at__isnull", False)),
                fields=["approved_at"],
                name="sweeps_approved",
            ),
        ),
    ]
