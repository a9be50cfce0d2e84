"""What delivery in both directions needs: look-ups, halts, and a guard over sweeps."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

from caregiving.migration_operations import AddFields, AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("caregiving", "0005_two_way"),
        ("proactive", "0002_senders_and_alerts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
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
